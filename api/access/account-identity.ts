import type { AccountRecord } from '../../store/accounts.ts';
import { BadCredentials, type Identity } from './identity.ts';

/** A caller with all the rights of its account. @throws BadCredentials for one that is disabled */
export function accountIdentity(account: AccountRecord, way: Identity['way']): Identity {
  if (account.disabledAt !== null) throw new BadCredentials('the account is disabled');
  const { id: accountId, name, role, scope } = account;
  return { way, account: name, accountId, role, ...(scope === null ? {} : { scope }) };
}
