import { isDeepStrictEqual } from 'node:util';
import { z } from '@hono/zod-openapi';
import { includesRole } from '../../domain/authority/roles.ts';
import { isWithin } from '../../domain/authority/scope.ts';
import type { Problem } from '../../domain/spec/problems.ts';
import { makeToken } from '../../platform/secrets/token.ts';
import { type AccountRecord, findAccount, findAccountByName } from '../../store/accounts.ts';
import { inTransaction } from '../../store/connection.ts';
import { insertToken } from '../../store/tokens.ts';
import { renderToken } from '../accounts/render.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type createdTokenSchema, type newTokenSchema, tokenSchema } from '../schemas/account.ts';
import { revealAgain, sealedSchema, sealForRetry } from './kept-secret.ts';
import { overseesTokens } from './own.ts';

type Request = z.infer<typeof newTokenSchema>;

/** What is kept of the answer for retries (R7): the secret sealed, and gone with the answer after ten minutes. */
const keptSchema = z.object({ token: tokenSchema, sealed: sealedSchema });

/** Longest life of a token of somebody whom the issuer may have let go meanwhile. */
const ISSUER_TOKEN_DAYS = 90;
const DAY_MS = 86_400_000;

/**
 * Makes a token: for oneself with no more rights than one has here and now, for others as an administrator. The secret is in this
 * answer only, and in that to the same request again.
 * @throws ApiError 403 for more rights than the caller has, 404 for an unknown account
 */
export async function createToken(
  deps: ApiDeps,
  caller: Caller,
  body: Request,
): Promise<z.infer<typeof createdTokenSchema>> {
  // Another token of the account, with less rights, is not to get the secret of this one by repeating its request.
  const content = { ...body, as: { role: caller.role, scope: caller.scope } };
  const request = changeRequest(deps, { caller, route: 'POST /v1/tokens', content, answer: keptSchema });
  let made: string | undefined;
  const kept = await request.once(async () => {
    const account = await accountFor(deps, caller, body.account);
    const rights = rightsOf(caller, account, body);
    const token = makeToken(body.format);
    made = token.text;
    return inTransaction(deps.db, async (tx) => {
      const record = await insertToken(tx, { ...token, ...rights, accountId: account.id, name: body.name });
      await auditChange(tx, caller, {
        action: 'token.create',
        resource: `token/${record.id}`,
        detail: { after: { account: account.name, name: body.name, shown: record.shown, ...rights } },
      });
      const answer = { token: renderToken(record), sealed: sealForRetry(deps, { id: record.id, text: token.text }) };
      await request.keep(tx, answer);
      return answer;
    });
  });
  const { token, sealed } = kept;
  return { token, secret: made ?? (await revealAgain(deps, caller, { id: token.id, sealed })) };
}

async function accountFor(deps: ApiDeps, caller: Caller, name: string | undefined): Promise<AccountRecord> {
  const isOwn = name === undefined || name === caller.account;
  if (!isOwn && !overseesTokens(caller)) {
    throw new ApiError('forbidden', 'account: tokens for others are made by administrators without a scope');
  }
  const account = isOwn
    ? caller.accountId === undefined
      ? undefined
      : await findAccount(deps.db, caller.accountId)
    : await findAccountByName(deps.db, name);
  if (account === undefined) throw new ApiError('not_found', `no account found with the name ${JSON.stringify(name)}`);
  if (account.origin === 'built_in') {
    throw new ApiError('forbidden', `account "${account.name}" is of this program itself and has no tokens`);
  }
  if (account.disabledAt !== null) throw new ApiError('forbidden', `account "${account.name}" is disabled`);
  return account;
}

/** What is stored with the token. A token that has less than its account gives no more than that to the ones made with it. */
function rightsOf(caller: Caller, account: AccountRecord, body: Request) {
  const isOwn = account.id === caller.accountId;
  const most = isOwn
    ? { role: caller.role, scope: caller.scope }
    : { role: account.role, scope: account.scope ?? undefined };
  const { role = most.role, scope = most.scope } = body;
  const whose = isOwn ? 'you have' : `account "${account.name}" has`;
  if (!includesRole(most.role, role)) {
    throw new ApiError('forbidden', `role: ${whose} the role ${most.role}, which does not include ${role}`);
  }
  if (!isWithin(scope, most.scope)) {
    throw new ApiError('forbidden', `scope: names more than the scope that ${whose}`);
  }
  return {
    // What is as in the account follows the account.
    ...(role === account.role ? {} : { role }),
    ...(scope === undefined || isDeepStrictEqual(scope, account.scope) ? {} : { scope }),
    ...expiryOf(caller, account, body.expires_at),
  };
}

function expiryOf(caller: Caller, account: AccountRecord, given: string | undefined): { expiresAt?: Date } {
  const bounds = [
    ...(account.id === caller.accountId && caller.tokenExpiresAt !== undefined ? [caller.tokenExpiresAt] : []),
    ...(account.origin === 'issuer' ? [new Date(Date.now() + ISSUER_TOKEN_DAYS * DAY_MS)] : []),
  ];
  const latest = bounds.toSorted((a, b) => a.getTime() - b.getTime())[0];
  const expiresAt = given === undefined ? latest : new Date(given);
  const problems: Problem[] = [];
  if (expiresAt !== undefined && expiresAt.getTime() <= Date.now()) {
    problems.push({ path: 'expires_at', message: 'is not in the future' });
  }
  if (expiresAt !== undefined && latest !== undefined && expiresAt > latest) {
    const why =
      account.origin === 'issuer'
        ? `${ISSUER_TOKEN_DAYS} days are the most for accounts of the issuer`
        : 'a token makes none that outlives it';
    problems.push({ path: 'expires_at', message: `must not be after ${latest.toISOString()}: ${why}` });
  }
  if (problems.length > 0) throw invalidInput(problems);
  return expiresAt === undefined ? {} : { expiresAt };
}
