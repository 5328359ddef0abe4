import { realiseFlavors, whyNoSuperuser } from '../../../domain/clusters/realise-flavors.ts';
import { notOurs } from '../../../domain/clusters/role-request.ts';
import { wasDeleted } from '../../../store/cluster-roles.ts';
import { ApiError } from '../../errors.ts';
import { type ClusterRoleDeps, isSuperuser, type RoleContext } from './context.ts';

/** Why a role that is asked for is not there: 404, 409 where the server has one that somebody else made, 410. */
export async function whyAbsent(deps: ClusterRoleDeps, context: RoleContext): Promise<ApiError> {
  const { role, cluster, caller } = context;
  if (role.accountId !== null) return conflictOrMissing(deps, context);
  const facts = await deps.flavors.facts(caller, cluster.serverName);
  if (isSuperuser(role)) {
    const reason = whyNoSuperuser(facts);
    return reason === undefined ? conflictOrMissing(deps, context) : new ApiError('not_found', reason);
  }
  const realised = realiseFlavors(facts);
  // It would have been made when the server was assigned.
  return realised.ok ? conflictOrMissing(deps, context) : new ApiError('flavors_unavailable', realised.message);
}

async function conflictOrMissing(deps: ClusterRoleDeps, context: RoleContext): Promise<ApiError> {
  const { caller, cluster } = context;
  const { name } = context.role;
  const server = await deps.targets.get(cluster.serverName);
  const session = {
    applicationName: `pgsteward:${caller.requestId}`,
    doing: `looking for role "${name}" on server ${cluster.serverName}`,
  };
  const { rowCount } = await server.onMaintenance(session, (client) =>
    client.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [name]),
  );
  return rowCount === 1 ? new ApiError('role_conflict', notOurs(name)) : missing(deps, context);
}

/** 410 for a role that was deleted. */
export function gone(name: string): ApiError {
  return new ApiError('gone', `role "${name}" was deleted`);
}

/** 404 or 410 for a role that is not on record. */
export async function missing(deps: ClusterRoleDeps, { cluster, role }: RoleContext): Promise<ApiError> {
  if (await wasDeleted(deps.db, { clusterId: cluster.id, name: role.name })) return gone(role.name);
  return new ApiError('not_found', `the cluster has no role "${role.name}"`);
}
