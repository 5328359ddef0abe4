import type pg from 'pg';
import { basicAccountName } from '../api/access/identify-basic.ts';
import type { AccessDeps } from '../api/deps.ts';
import { createBasicPair } from '../platform/auth/basic-pair.ts';
import { createIssuer } from '../platform/auth/issuer.ts';
import type { Config } from '../platform/config/config.ts';
import { insertAccount, LOOPBACK_ACCOUNT } from '../store/accounts.ts';
import { readPassword } from './read-password.ts';

/** How the API of this process knows its callers; makes the accounts of those who have no other. */
export async function openAccess(config: Pick<Config, 'auth'>, db: pg.Pool): Promise<AccessDeps> {
  const { mode, basic, oidc } = config.auth;
  const open = mode === 'open-loopback';
  if (open) await insertAccount(db, { name: LOOPBACK_ACCOUNT, role: 'admin', origin: 'built_in' });
  // What an administrator has changed about it since stays.
  if (basic !== undefined) {
    await insertAccount(db, { name: basicAccountName(basic.user), role: 'operator', origin: 'built_in' });
  }
  return {
    open,
    ...(basic === undefined
      ? {}
      : { basic: createBasicPair({ user: basic.user, password: await readPassword(basic.password) }) }),
    ...(oidc === undefined ? {} : { issuer: { issuer: createIssuer(oidc), claim: oidc.claim, grants: oidc.grants } }),
  };
}
