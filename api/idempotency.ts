import type { z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import type pg from 'pg';
import { inTransaction, type Queryable } from '../store/connection.ts';
import { findAnswer, releaseAnswer, storeAnswer } from '../store/idempotency.ts';
import { type ApiVariables, type Caller, callerOf } from './caller.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError } from './errors.ts';

/** A request that changes something, and what tells whether another one is the same (R7). */
export interface ChangeRequest<Answer> {
  /** HMAC of route and content: what an idempotency key is bound to. */
  hash: string;
  /** Whether a hash stored earlier is of this same request. */
  isSameAs(hash: string | null): boolean;
  /**
   * Answers like the same request before, else accepts. `join` finds the answer of the same request without a key, where
   * such requests share one operation.
   */
  once(accept: () => Promise<Answer>, join?: () => Promise<Answer | undefined>): Promise<Answer>;
  /** The same for a change that is made at once, in one transaction that keeps its answer as well. */
  atOnce(make: (tx: pg.PoolClient) => Promise<Answer>): Promise<Answer>;
  /** Keeps the answer for retries, in the accepting transaction. @throws ApiError when the key was used meanwhile */
  keep(tx: Queryable, answer: Answer): Promise<void>;
}

const replayed = new WeakSet<object>();

/** Tells in a header that an answer is the one that was given before. */
export function tellReplays() {
  return createMiddleware<ApiVariables>(async (c, next) => {
    await next();
    if (replayed.has(callerOf(c))) c.res.headers.set('Idempotency-Replay', 'true');
  });
}

/** Identifies a request by its route and `content`: everything that makes it what it is, secrets included. */
export function changeRequest<Answer>(
  deps: Pick<ApiDeps, 'db' | 'sealer'>,
  request: {
    caller: Caller;
    route: string;
    content: unknown;
    answer: z.ZodType<Answer>;
    /** Whether what was accepted has come to nothing in a way that another attempt may not: then the key is free again. */
    isSpent?: ((answer: Answer) => Promise<boolean>) | undefined;
  },
): ChangeRequest<Answer> {
  const { route } = request;
  const { account, idempotencyKey: key } = request.caller;
  const text = canonicalJson({ route, content: request.content });
  const hash = deps.sealer.fingerprint(text);

  async function replay(): Promise<Answer | undefined> {
    if (key === undefined) return undefined;
    const kept = await findAnswer(deps.db, { account, route, key });
    if (kept === undefined) return undefined;
    if (!deps.sealer.matchesFingerprint(text, kept.requestHash)) throw keyConflict();
    const answer = request.answer.parse(kept.response);
    if (await request.isSpent?.(answer)) {
      await releaseAnswer(deps.db, { account, route, key }, kept.response);
      return undefined;
    }
    replayed.add(request.caller);
    return answer;
  }

  const change: ChangeRequest<Answer> = {
    hash,
    isSameAs: (other) => other !== null && deps.sealer.matchesFingerprint(text, other),
    async once(accept, join = async () => undefined) {
      const same = async () => (await replay()) ?? (await join());
      const earlier = await same();
      if (earlier !== undefined) return earlier;
      try {
        return await accept();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // What stands in the way may be the same request, accepted while this one was judged: then its answer is ours.
        const concurrent = await same();
        if (concurrent === undefined) throw error;
        return concurrent;
      }
    },
    atOnce: (make) =>
      change.once(() =>
        inTransaction(deps.db, async (tx) => {
          const answer = await make(tx);
          await change.keep(tx, answer);
          return answer;
        }),
      ),
    async keep(tx, answer) {
      if (key === undefined) return;
      const kept = await storeAnswer(tx, { account, route, key, requestHash: hash }, answer);
      if (!kept) throw keyConflict();
    },
  };
  return change;
}

function keyConflict(): ApiError {
  return new ApiError(
    'idempotency_conflict',
    'this Idempotency-Key was used for another request; use a new key for a new request',
  );
}

/** JSON with members in order of their names, so that the same content gives the same text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
