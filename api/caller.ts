import type { Context } from 'hono';
import type { GlobalRole } from '../domain/authority/roles.ts';
import type { Scope } from '../domain/authority/scope.ts';
import { ApiError } from './errors.ts';

/** How a caller was known. */
export type Way =
  /** By a token of this control plane. */
  | 'token'
  /** By a JWT of the configured issuer. */
  | 'jwt'
  /** By HTTP Basic. */
  | 'basic'
  /** Not at all: whoever reaches the open loopback listener. */
  | 'loopback'
  /** Not at all, on a route that is for anyone. */
  | 'anonymous';

/** Who asks. On the open loopback listener everybody is the local administrator. */
export interface Caller {
  /** Account that idempotency keys and audit rows are filed under. */
  account: string;
  /** Left out for callers without an account of their own. */
  accountId?: string;
  isAdmin: boolean;
  role: GlobalRole;
  /** What it is confined to; left out: nothing. */
  scope?: Scope;
  way?: Way;
  /** Token that it came with, for the audit log: its id, which is no secret. */
  tokenId?: string;
  /** When that token ends. */
  tokenExpiresAt?: Date;
  /** Network address. */
  source?: string;
  requestId: string;
  idempotencyKey?: string;
  /** Why a change is asked for, for those who approve it. */
  changeReason?: string;
  /** Why it is to be carried out without approval. */
  breakGlass?: string;
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

/** The caller of a request, as the authentication middleware found it. */
export function callerOf(c: Context<ApiVariables>): Caller {
  return c.get('caller');
}

/** For what only administrators may do on a route that others may call. @throws ApiError 403 with the rule */
export function assertAdmin(caller: Caller, what: string): void {
  if (!caller.isAdmin) throw new ApiError('forbidden', `${what} needs the admin role`);
}

/** The caller of a request that it did not ask for itself: its key belongs to what it asked for. */
export function withoutKey({ idempotencyKey: _, ...caller }: Caller): Caller {
  return caller;
}
