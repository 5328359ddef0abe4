import type { Queryable } from '../../store/connection.ts';
import { findAnswer, storeAnswer } from '../../store/idempotency.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';

/** A request under its idempotency key, where it has one (R7). */
export interface KeyedRequest {
  /** HMAC of route and content: what the key is bound to, and what tells identical requests apart. */
  hash: string;
  /** The answer that the same request got before, if it is still kept. */
  replay<T>(): Promise<T | undefined>;
  /** Keeps the answer, inside the accepting transaction. */
  keep(tx: Queryable, response: unknown): Promise<void>;
  /** Whether a hash stored earlier is of this same request. */
  isSameAs(hash: string | null): boolean;
}

const conflict = () =>
  new ApiError(
    'idempotency_conflict',
    'this Idempotency-Key was used for another request; use a new key for a new request',
  );

/** Binds a request to its key. `content` is everything that makes the request what it is, secrets included. */
export function keyedRequest(deps: ApiDeps, input: { caller: Caller; route: string; content: unknown }): KeyedRequest {
  const text = canonicalJson({ route: input.route, content: input.content });
  const hash = deps.sealer.fingerprint(text);
  const { account, idempotencyKey: key } = input.caller;
  return {
    hash,
    isSameAs: (other) => other !== null && deps.sealer.matchesFingerprint(text, other),
    async replay<T>() {
      if (key === undefined) return undefined;
      const answer = await findAnswer(deps.db, { account, route: input.route, key });
      if (answer === undefined) return undefined;
      if (!deps.sealer.matchesFingerprint(text, answer.requestHash)) throw conflict();
      return answer.response as T;
    },
    async keep(tx, response) {
      if (key === undefined) return;
      const stored = await storeAnswer(tx, { account, route: input.route, key, requestHash: hash }, response);
      if (!stored)
        throw new ApiError(
          'operation_already_in_progress',
          'a request with this Idempotency-Key is being accepted; try again',
        );
    },
  };
}

/** JSON with members in order of their names, so that the same content gives the same text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
