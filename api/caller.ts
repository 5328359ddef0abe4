import type { Context } from 'hono';
import type { GlobalRole } from '../domain/authority/roles.ts';
import type { Scope } from '../domain/authority/scope.ts';
import { ApiError } from './errors.ts';

/** Who asks. On the open loopback listener everybody is the local administrator. */
export interface Caller {
  /** Account that idempotency keys and audit rows are filed under. */
  account: string;
  isAdmin: boolean;
  role: GlobalRole;
  /** What it is confined to; left out: nothing. */
  scope?: Scope;
  /** Token that it came with, for the audit log: its id, which is no secret. */
  tokenId?: string;
  /** Network address. */
  source?: string;
  requestId: string;
  idempotencyKey?: string;
}

/** Variables that the middleware sets on every request. */
export interface ApiVariables {
  Variables: {
    requestId: string;
    caller: Caller;
    /** Name of the error that is answered. */
    errorName?: string;
  };
}

/** The caller, who must be an administrator. @param what what only they may do @throws ApiError 403 */
export function requireAdmin(c: Context<ApiVariables>, what = 'see or change servers'): Caller {
  const caller = callerOf(c);
  if (!caller.isAdmin) throw new ApiError('forbidden', `only administrators may ${what}`);
  return caller;
}

/** The caller of a request, as the authentication middleware found it. */
export function callerOf(c: Context<ApiVariables>): Caller {
  return c.get('caller');
}
