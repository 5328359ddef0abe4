import { isDeepStrictEqual } from 'node:util';
import { type ClaimGrants, type Grant, grantOf } from '../../domain/authority/claims.ts';
import type { Issuer } from '../../platform/auth/issuer.ts';
import { type AccountRecord, findAccountByName, insertAccount, updateAccount } from '../../store/accounts.ts';
import { inTransaction } from '../../store/connection.ts';
import { auditChange } from '../audit-change.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { accountIdentity } from './account-identity.ts';
import { BadCredentials, type Identity } from './identity.ts';

/** JWTs that are accepted, and what their claims give. */
export interface IssuerAccess {
  issuer: Issuer;
  claim: string;
  grants: ClaimGrants;
}

/** Three parts, as every signed JWT has. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export function looksLikeJwt(text: string): boolean {
  return JWT.test(text);
}

/** Names of subjects, which become names of accounts. */
const SUBJECT = /^[^\p{Cc}]{1,200}$/u;
const EMAIL = /^[^\p{Cc}]{1,320}$/u;
const RETRY_AFTER = { 'Retry-After': '5' };

/**
 * Knows callers by JWTs of the configured issuer. Each subject has an account, made when it comes first: what it may do is what
 * its last JWT said, and an administrator can disable it.
 * @throws BadCredentials, ApiError 403 where no claim gives anything, 503 while the issuer is silent
 */
export function createJwtIdentifier(
  deps: Pick<ApiDeps, 'db'>,
  access: IssuerAccess | undefined,
): (jwt: string) => Promise<Identity> {
  return async (jwt) => {
    if (access === undefined) throw new BadCredentials('JWTs are not set up: set PGSTEWARD_OIDC_ISSUER');
    const verified = await access.issuer.verify(jwt);
    if (!verified.ok) {
      if ('unavailable' in verified) throw new ApiError('unavailable', verified.reason, { headers: RETRY_AFTER });
      throw new BadCredentials(verified.reason);
    }
    const grant = grantOf(verified.claims, access);
    if (grant === undefined) {
      throw new ApiError('forbidden', `no value of the claim "${access.claim}" gives a role here`);
    }
    if (!SUBJECT.test(verified.subject)) throw new BadCredentials('the claim "sub" of the JWT is no name');
    const { email } = verified.claims;
    const name = `oidc:${verified.subject}`;
    const account = await accountOf(deps, {
      name,
      grant,
      ...(typeof email === 'string' && EMAIL.test(email) ? { email } : {}),
    });
    return accountIdentity(account, 'jwt');
  };
}

interface Bearer {
  name: string;
  email?: string;
  grant: Grant;
}

/** The account of a subject, as its JWT says. One look where nothing has changed. */
async function accountOf(deps: Pick<ApiDeps, 'db'>, bearer: Bearer): Promise<AccountRecord> {
  const known = await findAccountByName(deps.db, bearer.name);
  if (known !== undefined && isAsSaid(known, bearer)) return known;
  return inTransaction(deps.db, async (tx) => {
    const { name, email, grant } = bearer;
    const { role, scope } = grant;
    const change = { role, scope: scope ?? null, email: email ?? null };
    const inserted = await insertAccount(tx, { name, email, role, scope, origin: 'issuer' });
    // Another request with the same JWT may have been first.
    const before = inserted ?? known ?? (await findAccountByName(tx, name));
    const account = inserted ?? (before && (await updateAccount(tx, { id: before.id, change })));
    if (account === undefined) throw new Error(`account ${name} could not be made`);
    await auditChange(
      tx,
      { account: name },
      {
        action: inserted === undefined ? 'account.change' : 'account.create',
        resource: `account/${account.id}`,
        detail: {
          ...(before === undefined || inserted !== undefined
            ? {}
            : { before: { name, role: before.role, scope: before.scope } }),
          after: { name, role, scope: scope ?? null },
          by: 'issuer',
        },
      },
    );
    return account;
  });
}

function isAsSaid(account: AccountRecord, { email, grant }: Bearer): boolean {
  return (
    account.role === grant.role &&
    account.email === (email ?? null) &&
    isDeepStrictEqual(account.scope, grant.scope ?? null)
  );
}
