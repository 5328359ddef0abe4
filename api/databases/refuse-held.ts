import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { findHold, waitsFor } from '../approvals/hold.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';

/** A change of a database, and where it is. */
export interface AskedDatabase {
  serverNames: readonly string[];
  /** Roles that its specification names. */
  roles: readonly string[];
}

export const usersOf = ({ database_users: users = [] }: DatabaseSpec): string[] =>
  users.map(({ username }) => username);

/**
 * What every change of a database is asked before it is accepted. Its clients know no answer but that it is accepted, so it is
 * refused where a policy is about it, unless the caller breaks the glass.
 * @throws ApiError 409 with the policy, and what to do; 403 where the caller may not break the glass
 */
export async function refuseHeldDatabase(deps: ApiDeps, caller: Caller, asked: AskedDatabase): Promise<void> {
  for (const serverName of new Set(asked.serverNames)) {
    const hold = await findHold(deps, caller, { serverName, kind: 'database', roles: asked.roles });
    if (hold === undefined) continue;
    throw new ApiError(
      'approval_required',
      `${waitsFor(hold)}, and a request for a database on server ${serverName} cannot wait for it: whom the policy lets break the glass may go on with X-Break-Glass, and policies whose kinds leave "database" out are about no database`,
    );
  }
}
