import type { z } from '@hono/zod-openapi';
import { findAccountByName } from '../../store/accounts.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import { findToken, listTokens, revokeToken, type TokenRecord } from '../../store/tokens.ts';
import { renderToken } from '../accounts/render.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { tokenPageSchema, tokenSchema } from '../schemas/account.ts';

/** Whether the tokens of everybody are the caller's affair. */
export function overseesTokens({ isAdmin, scope }: Caller): boolean {
  return isAdmin && scope === undefined;
}

/** A page of the caller's tokens; for administrators of everybody's, or of one account's. */
export async function listOwnTokens(
  deps: Pick<ApiDeps, 'db'>,
  caller: Caller,
  query: z.infer<typeof tokenPageSchema>,
): Promise<TokenRecord[]> {
  const { limit, after_token_id: afterId, account } = query;
  const page = { limit, afterId };
  if (account !== undefined && account !== caller.account && !overseesTokens(caller)) {
    throw new ApiError('forbidden', 'account: tokens of others are for administrators without a scope');
  }
  if (account === undefined && overseesTokens(caller)) return listTokens(deps.db, page);
  const id =
    account === undefined || account === caller.account
      ? caller.accountId
      : (await findAccountByName(deps.db, account))?.id;
  return id === undefined ? [] : listTokens(deps.db, { ...page, accountId: id });
}

/** @throws ApiError 404 for a token that is not there, or not the caller's (R6) */
export async function requireOwnToken(db: Queryable, caller: Caller, id: string): Promise<TokenRecord> {
  const token = await findToken(db, id);
  if (token !== undefined && (token.accountId === caller.accountId || overseesTokens(caller))) return token;
  throw new ApiError('not_found', 'no token found with the given ID');
}

/** Ends a token; one that has ended already stays as it is. */
export function revoke(deps: Pick<ApiDeps, 'db'>, caller: Caller, id: string): Promise<z.infer<typeof tokenSchema>> {
  return inTransaction(deps.db, async (tx) => {
    const { accountName, shown } = await requireOwnToken(tx, caller, id);
    if (await revokeToken(tx, id)) {
      await auditChange(tx, caller, {
        action: 'token.revoke',
        resource: `token/${id}`,
        detail: { before: { account: accountName, shown } },
      });
    }
    return renderToken(await requireOwnToken(tx, caller, id));
  });
}
