import { roleRequest } from '../../../domain/clusters/flavor-requests.ts';
import type { ClusterRoleWish } from '../../../domain/clusters/role-request.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import { makeRolePassword } from '../../../platform/secrets/role-password.ts';
import { type ClusterRoleRow, findClusterRole } from '../../../store/cluster-roles.ts';
import { withoutKey } from '../../caller.ts';
import { changeNow } from '../../roles/change.ts';
import { missing } from './absent.ts';
import { type ClusterRoleDeps, isSuperuser, type RoleContext } from './context.ts';

/** A role with the password that logs in. */
export interface Credential {
  row: ClusterRoleRow;
  password: string;
}

/** Sets a password that nobody can say of whether it was set, or one where none is on record. */
export async function setAgain(
  deps: ClusterRoleDeps,
  context: RoleContext,
  password: string | undefined,
): Promise<Credential> {
  const { caller, cluster, role } = context;
  const wish: ClusterRoleWish = {
    clusterId: cluster.id,
    name: role.name,
    accountId: role.accountId,
    flavor: null,
    defaultFlavor: 'read',
    rotate: true,
    adopt: false,
    superuser: isSuperuser(role),
  };
  await changeNow(deps, withoutKey(caller), {
    serverName: cluster.serverName,
    prefix: 'roles[0].',
    route: 'password of a cluster role, again',
    content: wish,
    ...roleRequest(wish, password ?? makeRolePassword()),
  });
  const found = await findClusterRole(deps.db, { clusterId: cluster.id, name: role.name });
  if (found === undefined) throw await missing(deps, context);
  if (found.secret === undefined) throw new Error(`role ${role.name} has no password after it was set`);
  return { row: found.row, password: openStored(deps.sealer, found.secret) };
}
