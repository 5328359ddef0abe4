import type { Context } from 'hono';
import { formatOf } from '../../domain/authority/token-format.ts';
import { type Attempt, createFailedAttempts } from '../../platform/auth/failed-attempts.ts';
import { LOOPBACK_ACCOUNT } from '../../store/accounts.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import { createBasicIdentifier } from './identify-basic.ts';
import { createJwtIdentifier, looksLikeJwt } from './identify-jwt.ts';
import { createTokenIdentifier } from './identify-token.ts';
import { BadCredentials, type Identity, takesBasic, unauthorized } from './identity.ts';

/** Whoever reaches the open loopback listener could read the files of this installation as well. */
export const LOCAL_ADMINISTRATOR: Identity = { way: 'loopback', account: LOOPBACK_ACCOUNT, role: 'admin' };

/** Finds out who asks. */
export interface Identifier {
  /** Undefined for a request without credentials. @throws ApiError 401, 403, 429 or 503 */
  identify(c: Context<ApiVariables>): Promise<Identity | undefined>;
}

/** Credentials of any kind that a route accepts, with a limit on attempts that fail. */
export function createIdentifier(deps: Pick<ApiDeps, 'db' | 'log' | 'access'>): Identifier {
  const attempts = createFailedAttempts();
  const byToken = createTokenIdentifier(deps);
  const byJwt = createJwtIdentifier(deps, deps.access.issuer);
  const byBasic = createBasicIdentifier(deps, deps.access.basic);

  function recognize(credentials: Exclude<Credentials, { kind: 'none' }>, path: string): Promise<Identity> {
    if (credentials.kind === 'unreadable') throw new BadCredentials(credentials.reason);
    if (credentials.kind === 'basic') {
      if (takesBasic(path)) return byBasic(credentials);
      throw new BadCredentials('HTTP Basic is accepted on /api/v1 only; send a token');
    }
    const { text } = credentials;
    if (formatOf(text) !== undefined) return byToken(text);
    if (looksLikeJwt(text)) return byJwt(text);
    throw new BadCredentials('the token has none of the known forms');
  }

  return {
    async identify(c) {
      const credentials = readCredentials(c);
      if (credentials.kind === 'none') return undefined;
      const { path } = c.req;
      const attempt: Attempt = {
        address: callerOf(c).source,
        ...(credentials.kind === 'basic' ? { user: credentials.user } : {}),
      };
      const seconds = await attempts.blockedFor(attempt);
      if (seconds !== undefined) throw tooMany(seconds);
      try {
        const identity = await recognize(credentials, path);
        attempts.succeeded(attempt);
        return identity;
      } catch (error) {
        if (!(error instanceof BadCredentials)) throw error;
        await attempts.failed(attempt);
        throw unauthorized(path, error.message, { invalid: true });
      }
    },
  };
}

function tooMany(seconds: number): ApiError {
  return new ApiError('too_many_requests', `too many attempts with wrong credentials; try again in ${seconds} s`, {
    headers: { 'Retry-After': String(seconds) },
  });
}
