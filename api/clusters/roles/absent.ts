import type { FlavorFacts } from '../../../domain/clusters/realise-flavors.ts';
import { notOurs } from '../../../domain/clusters/role-request.ts';
import { wasDeleted } from '../../../store/cluster-roles.ts';
import { ApiError } from '../../errors.ts';
import type { ClusterRoleDeps, RoleContext } from './context.ts';

/** Why a role that is asked for is not there: 404, 409 where the server has one that somebody else made, 410. */
export async function whyAbsent(deps: ClusterRoleDeps, context: RoleContext): Promise<ApiError> {
  const { role, cluster, caller } = context;
  const { name } = role;
  const reason = name === 'postgres' ? whyNoSuperuser(await deps.flavors.facts(caller, cluster.serverName)) : undefined;
  if (reason !== undefined) return new ApiError('not_found', reason);
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

/** Why a cluster cannot have the role `postgres`; undefined where it can. */
export function whyNoSuperuser({ admin }: Pick<FlavorFacts, 'admin'>): string | undefined {
  if (admin.name === 'postgres') {
    return 'the cluster has no role "postgres": it is the login of the control plane itself, which nobody is shown';
  }
  return admin.superuser
    ? undefined
    : `the cluster has no role "postgres": the control plane logs in as "${admin.name}", which is no superuser and can make none`;
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
