/** API keys are exchanged for tokens that end by themselves: https://docs.crunchybridge.com/api/access-token */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { formatOf } from '../../domain/authority/token-format.ts';
import { eidOf } from '../../domain/clusters/eid.ts';
import { makeToken } from '../../platform/secrets/token.ts';
import { inTransaction } from '../../store/connection.ts';
import { findToken, holdToken, insertToken, pruneGivenTokens, revokeToken } from '../../store/tokens.ts';
import { readCredentials } from '../access/credentials.ts';
import { BadCredentials, type Identity } from '../access/identity.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { timestamp } from '../time.ts';
import { revealAgain, sealedSchema, sealForRetry } from '../tokens/kept-secret.ts';
import { parseBody } from './body.ts';
import type { accessTokenSchema, endedAccessTokenSchema } from './schemas.ts';

const LIFE_SECONDS = 3600;

/** A caller that is known by an API key. */
export type KeyBearer = Caller & { accountId: string; tokenId: string };

/** What is kept of the answer for retries. */
const keptSchema = z.object({ id: z.uuid(), expiresAt: z.iso.datetime(), sealed: sealedSchema });

/** Published clients write the grant in the singular. */
export const exchangeSchema = z.object({
  client_secret: z.string().min(1).describe('An API key, `cbkey_…`. Left out where HTTP Basic has it as password.'),
  grant_type: z.enum(['client_credential', 'client_credentials']).optional(),
});

/**
 * The API key that a request came with: as password of HTTP Basic, or in a body that is JSON or a form, whatever it is called.
 * @throws ApiError 400 where there is none
 */
export async function presentedKey(c: Context): Promise<string> {
  const credentials = readCredentials(c);
  if (credentials.kind === 'basic') return credentials.password;
  const text = (await c.req.text()).trim();
  return parseBody(exchangeSchema, text.startsWith('{') ? parsedJson(text) : formOf(text)).client_secret;
}

/** Knows a caller by an API key. @param identify knows callers by tokens @throws BadCredentials */
export async function bearerOf(
  key: string,
  caller: Caller,
  identify: (text: string) => Promise<Identity>,
): Promise<KeyBearer> {
  if (formatOf(key) !== 'cbkey') throw new BadCredentials('client_secret is no API key: it begins with cbkey_');
  const { scope: _, ...request } = caller;
  const { accountId, tokenId, ...identity } = await identify(key);
  if (tokenId === undefined || accountId === undefined) throw new BadCredentials('client_secret is no API key');
  return { ...request, ...identity, accountId, tokenId, isAdmin: identity.role === 'admin' };
}

/** The parser's own message is not repeated: it has pieces of the body, which is a secret. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('invalid_input', 'the body is not valid JSON');
  }
}

function formOf(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

/** Gives a token for the API key that the caller is known by. @throws BadCredentials when it is revoked meanwhile */
export async function exchangeKey(
  deps: Pick<ApiDeps, 'db' | 'sealer'>,
  caller: KeyBearer,
): Promise<z.infer<typeof accessTokenSchema>> {
  const { account, accountId, tokenId } = caller;
  const change = changeRequest(deps, {
    caller,
    route: 'POST /access-tokens',
    content: { tokenId },
    answer: keptSchema,
  });
  const made = makeToken('cbat');
  let isNew = false;
  const kept = await change.once(() =>
    inTransaction(deps.db, async (tx) => {
      const key = await holdToken(tx, tokenId);
      if (key === undefined) throw new BadCredentials('the token has been revoked');
      await pruneGivenTokens(tx, accountId);
      const expiresAt = endOf(key.expiresAt);
      const { role, scope } = key;
      const { id } = await insertToken(tx, {
        ...made,
        accountId,
        name: `for ${key.name}`,
        ...(role === null ? {} : { role }),
        ...(scope === null ? {} : { scope }),
        expiresAt,
        parentId: key.id,
      });
      await auditChange(tx, caller, {
        action: 'token.create',
        resource: `token/${id}`,
        detail: { account, for: `token/${key.id}`, shown: made.shown, expiresAt: expiresAt.toISOString() },
      });
      const answer = { id, expiresAt: expiresAt.toISOString(), sealed: sealForRetry(deps, { id, text: made.text }) };
      await change.keep(tx, answer);
      isNew = true;
      return answer;
    }),
  );
  const end = new Date(kept.expiresAt);
  return {
    id: eidOf(kept.id),
    account_id: eidOf(accountId),
    access_token: isNew ? made.text : await revealAgain(deps, caller, kept),
    token_type: 'bearer',
    expires_in: Math.max(0, Math.floor((end.getTime() - Date.now()) / 1000)),
    expires_at: timestamp(end),
  };
}

/** It ends with the key at the latest. */
function endOf(keyExpiresAt: Date | null): Date {
  const end = new Date(Date.now() + LIFE_SECONDS * 1000);
  return keyExpiresAt !== null && keyExpiresAt < end ? keyExpiresAt : end;
}

/** Ends an access token of the caller's own account before its time. @throws ApiError 404, 410 for one that was ended before */
export function endAccessToken(
  deps: Pick<ApiDeps, 'db'>,
  caller: Caller,
  id: string,
): Promise<z.infer<typeof endedAccessTokenSchema>> {
  return inTransaction(deps.db, async (tx) => {
    const token = await findToken(tx, id);
    if (token === undefined || token.format !== 'cbat' || token.accountId !== caller.accountId) {
      throw new ApiError('not_found', 'there is no such access token, or it is not yours');
    }
    if (!(await revokeToken(tx, id))) throw new ApiError('gone', 'this access token has been ended before');
    await auditChange(tx, caller, {
      action: 'token.revoke',
      resource: `token/${id}`,
      detail: { account: token.accountName, shown: token.shown },
    });
    return {
      id: eidOf(token.id),
      account_id: eidOf(token.accountId),
      token_type: 'bearer',
      expires_at: timestamp(token.expiresAt ?? token.createdAt),
    };
  });
}
