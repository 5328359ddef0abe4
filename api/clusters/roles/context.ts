import type { Context } from 'hono';
import { type NamedRole, parseRoleName } from '../../../domain/clusters/role-names.ts';
import { mayDo, type RoleAction, whyNot } from '../../../domain/clusters/role-rights.ts';
import { isMember } from '../../../store/teams.ts';
import type { ApiVariables } from '../../caller.ts';
import type { ServerApiDeps } from '../../deps.ts';
import { ApiError, invalidInput } from '../../errors.ts';
import { type ClusterContext, requireCluster } from '../context.ts';
import type { FlavorKeeper } from './flavors.ts';

/** What routes of cluster roles act through. */
export interface ClusterRoleDeps extends ServerApiDeps {
  flavors: FlavorKeeper;
}

/** A role that a request names, on a cluster of the caller. */
export interface RoleContext extends ClusterContext {
  role: NamedRole;
}

/**
 * The role in the path, for a caller who may do that with it.
 * @throws ApiError 400 for what is no name of a role, 403 with the rule, 404 for a cluster that is not the caller's
 */
export async function requireRole(
  c: Context<ApiVariables>,
  deps: ClusterRoleDeps,
  action: RoleAction,
): Promise<RoleContext> {
  const cluster = await requireCluster(c, deps);
  const aliases = action === 'show';
  const role = parseRoleName(c.req.param('role_name') ?? '', { accountId: cluster.accountId, aliases });
  if (role === undefined) {
    const names = `application, postgres, user${aliases ? ', default' : ''} or u_ and the id of an account`;
    throw invalidInput([{ path: 'role_name', message: `must be ${names}` }]);
  }
  requireRight(action, role, cluster);
  return { ...cluster, role };
}

/** @throws ApiError 403 with the rule */
function requireRight(action: RoleAction, role: NamedRole, cluster: ClusterContext): void {
  if (!mayDo(action, role, cluster)) throw new ApiError('forbidden', whyNot(action, role, cluster));
}

/** @throws ApiError 404 where the role would be for somebody who is not in the team */
export async function requireMember(deps: ClusterRoleDeps, { role, cluster }: RoleContext): Promise<void> {
  if (role.accountId === null) return;
  if (await isMember(deps.db, { teamId: cluster.teamId, accountId: role.accountId })) return;
  throw new ApiError('not_found', `no account of the team has role "${role.name}"`);
}

/** Whether it is the superuser of the cluster, which no flavor says anything of. */
export const isSuperuser = ({ name }: NamedRole): boolean => name === 'postgres';
