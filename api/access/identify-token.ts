import { commonRole } from '../../domain/authority/roles.ts';
import { intersection } from '../../domain/authority/scope.ts';
import { hashToken } from '../../platform/secrets/token.ts';
import { findPresentedToken, noteTokenUse, type PresentedToken } from '../../store/tokens.ts';
import type { ApiDeps } from '../deps.ts';
import { BadCredentials, type Identity } from './identity.ts';

/** Knows callers by tokens of this control plane. @throws BadCredentials */
export function createTokenIdentifier(deps: Pick<ApiDeps, 'db' | 'log'>): (text: string) => Promise<Identity> {
  const noting = new Set<string>();

  /** Nobody waits for it, and a failure concerns nobody. */
  function noteUse({ tokenId }: PresentedToken): void {
    if (noting.has(tokenId)) return;
    noting.add(tokenId);
    noteTokenUse(deps.db, tokenId)
      .catch((error: unknown) => deps.log.debug({ err: error, tokenId }, 'the use of a token was not noted'))
      .finally(() => noting.delete(tokenId));
  }

  return async (text) => {
    const found = await findPresentedToken(deps.db, hashToken(text));
    if (found === undefined) throw new BadCredentials('the token is unknown');
    if (found.revoked) throw new BadCredentials('the token has been revoked');
    if (found.expired) throw new BadCredentials('the token has expired');
    if (found.disabled) throw new BadCredentials('the account is disabled');
    if (found.useIsStale) noteUse(found);
    return identityOf(found);
  };
}

function identityOf(found: PresentedToken): Identity {
  const { accountRole, tokenRole, expiresAt } = found;
  const scope = intersection(found.accountScope ?? undefined, found.tokenScope ?? undefined);
  return {
    way: 'token',
    account: found.accountName,
    accountId: found.accountId,
    tokenId: found.tokenId,
    role: tokenRole === null ? accountRole : commonRole(accountRole, tokenRole),
    ...(scope === undefined ? {} : { scope }),
    ...(expiresAt === null ? {} : { tokenExpiresAt: expiresAt }),
  };
}
