import type { BasicPair } from '../../platform/auth/basic-pair.ts';
import { findAccountByName } from '../../store/accounts.ts';
import type { ApiDeps } from '../deps.ts';
import { accountIdentity } from './account-identity.ts';
import { BadCredentials, type Identity } from './identity.ts';

/** Name of the account of HTTP Basic; no account that an administrator makes can have it. */
export const basicAccountName = (user: string): string => `basic:${user}`;

/** Knows the caller by the pair of HTTP Basic. @throws BadCredentials */
export function createBasicIdentifier(
  deps: Pick<ApiDeps, 'db'>,
  pair: BasicPair | undefined,
): (given: { user: string; password: string }) => Promise<Identity> {
  return async (given) => {
    if (pair === undefined) throw new BadCredentials('HTTP Basic is not set up: set PG_API_USER and PG_API_PASS');
    if (!pair.matches(given)) throw new BadCredentials('the user name or the password is wrong');
    const account = await findAccountByName(deps.db, basicAccountName(pair.user));
    if (account === undefined) throw new BadCredentials('the account of HTTP Basic does not exist');
    return accountIdentity(account, 'basic');
  };
}
