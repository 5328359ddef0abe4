import { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { makeJoinToken } from '../../platform/secrets/join-token.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import {
  findJoinToken,
  insertJoinToken,
  type JoinTokenRecord,
  joinTokenSecretId,
  revokeJoinToken,
} from '../../store/join-tokens.ts';
import { insertSecrets } from '../../store/secrets.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type createdJoinTokenSchema, namedJoinTokenSchema, type newJoinTokenSchema } from '../schemas/join-token.ts';
import { revealAgain, sealedSchema, sealForRetry } from '../tokens/kept-secret.ts';

const HOUR_MS = 3_600_000;

/** What is kept of the answer for retries (R7). */
const keptSchema = z.object({ token: namedJoinTokenSchema, sealed: sealedSchema });

/** Makes a token that hosts join with. The secret is in this answer only, and in that to the same request again. */
export async function createJoinToken(
  deps: ApiDeps,
  caller: Caller,
  body: z.infer<typeof newJoinTokenSchema>,
): Promise<z.infer<typeof createdJoinTokenSchema>> {
  const request = changeRequest(deps, {
    caller,
    route: 'POST /v1/hosts/join-tokens',
    content: body,
    answer: keptSchema,
  });
  let made: string | undefined;
  const { token, sealed } = await request.once(async () => {
    const id = uuidv7();
    const { text, key } = makeJoinToken(id);
    made = text;
    return inTransaction(deps.db, async (tx) => {
      const { name, max_hosts: maxHosts } = body;
      const expiresAt = new Date(Date.now() + body.expires_in_hours * HOUR_MS);
      await insertJoinToken(tx, { id, name, maxHosts, createdBy: caller.account, expiresAt });
      await insertSecrets(tx, [sealKey(deps, id, key)]);
      await auditChange(tx, caller, {
        action: 'join_token.create',
        resource: `join_token/${id}`,
        detail: { after: { name, max_hosts: maxHosts, expires_at: expiresAt.toISOString() } },
      });
      const answer = {
        token: renderJoinToken(await requireJoinToken(tx, id)),
        sealed: sealForRetry(deps, { id, text }),
      };
      await request.keep(tx, answer);
      return answer;
    });
  });
  const again = { id: token.id, sealed, resource: `join_token/${token.id}` };
  return { token, secret: made ?? (await revealAgain(deps, caller, again)) };
}

function sealKey({ sealer }: Pick<ApiDeps, 'sealer'>, tokenId: string, key: string) {
  const id = joinTokenSecretId(tokenId);
  return sealStored(sealer, { id, owner: id, version: 1 }, key);
}

/** Keeps further hosts from joining; those that have joined go on. One that was revoked before stays as it is. */
export function revoke(
  deps: Pick<ApiDeps, 'db'>,
  caller: Caller,
  id: string,
): Promise<z.infer<typeof namedJoinTokenSchema>> {
  return inTransaction(deps.db, async (tx) => {
    const { name, hosts } = await requireJoinToken(tx, id);
    if (await revokeJoinToken(tx, id)) {
      await auditChange(tx, caller, {
        action: 'join_token.revoke',
        resource: `join_token/${id}`,
        detail: { before: { name, hosts } },
      });
    }
    return renderJoinToken(await requireJoinToken(tx, id));
  });
}

/** @throws ApiError 404 */
async function requireJoinToken(db: Queryable, id: string): Promise<JoinTokenRecord> {
  const token = await findJoinToken(db, id);
  if (token === undefined) throw new ApiError('not_found', 'no join token found with the given ID');
  return token;
}

export function renderJoinToken(token: JoinTokenRecord): z.infer<typeof namedJoinTokenSchema> {
  return {
    id: token.id,
    name: token.name,
    state: stateOf(token),
    max_hosts: token.maxHosts,
    hosts: token.hosts,
    created_by: token.createdBy,
    created_at: token.createdAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
    revoked_at: token.revokedAt?.toISOString() ?? null,
  };
}

function stateOf({ revokedAt, expired, maxHosts, hosts }: JoinTokenRecord) {
  if (revokedAt !== null) return 'revoked';
  if (expired) return 'expired';
  return maxHosts !== null && hosts.length >= maxHosts ? 'used' : 'valid';
}
