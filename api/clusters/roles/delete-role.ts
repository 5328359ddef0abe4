import type { DropDocument } from '../../../domain/access/drop/request.ts';
import {
  beginClusterRoleDrop,
  type ClusterRoleRow,
  endClusterRole,
  findClusterRole,
} from '../../../store/cluster-roles.ts';
import { taskEnd } from '../../../store/completions.ts';
import { inTransaction } from '../../../store/connection.ts';
import { refuseHeld } from '../../approvals/hold.ts';
import { ApiError } from '../../errors.ts';
import { acceptServerTask } from '../../roles/accept-server-task.ts';
import { refuseForbidden } from '../../roles/drop.ts';
import { endOf, WAIT_MS } from '../../roles/wait.ts';
import { gone, missing } from './absent.ts';
import type { ClusterRoleDeps, RoleContext } from './context.ts';

/**
 * Drops the role of an account, proven: locked out, sessions ended, rights taken apart in every database, login refused.
 * @throws ApiError 404 for one that never was, 410 for one that was deleted, 409 for `application` and `postgres`, and for a role
 * that owns something
 */
export async function deleteRole(deps: ClusterRoleDeps, context: RoleContext, route: string): Promise<ClusterRoleRow> {
  const { caller, cluster, role } = context;
  const { serverName } = cluster;
  if (role.accountId === null) {
    throw new ApiError(
      'role_conflict',
      `role "${role.name}" belongs to the cluster itself and is not deleted; PUT with {"rotate_password": true} ends what its password is known for`,
    );
  }
  const found = await findClusterRole(deps.db, { clusterId: cluster.id, name: role.name });
  if (found === undefined || found.row.state === 'creating') throw await missing(deps, context);
  const { row } = found;
  const document: DropDocument = { role: role.name, reassign_owned: false, drain_seconds: 0, force: true };
  await refuseHeld(deps, caller, { serverName, kind: 'drop', roles: [role.name] });
  await refuseWhatStays(deps, context, document);
  await beginClusterRoleDrop(deps.db, row.id);
  const { taskId } = await acceptServerTask(deps, caller, {
    serverName,
    type: 'drop_role',
    route,
    content: { clusterId: cluster.id, role: role.name },
    document,
    passwords: new Map(),
    detail: { operation: 'cluster.role.delete', clusterId: cluster.id, role: role.name },
  });
  const end = await taskEnd(deps, { taskId, boundMs: WAIT_MS });
  if (end === undefined) {
    const message = `role "${role.name}" is being dropped as task ${taskId}; ask again`;
    throw new ApiError('unavailable', message, { headers: { 'Retry-After': '2' } });
  }
  const result = endOf(end);
  if (result instanceof ApiError) throw asConflict(result);
  const ended = await inTransaction(deps.db, (tx) => endClusterRole(tx, row));
  if (!ended) throw gone(role.name);
  return row;
}

async function refuseWhatStays(deps: ClusterRoleDeps, context: RoleContext, document: DropDocument): Promise<void> {
  const { caller, cluster } = context;
  try {
    await refuseForbidden(deps, { serverName: cluster.serverName, caller, document });
  } catch (error) {
    throw error instanceof ApiError ? asConflict(error) : error;
  }
}

/** The caller may delete the role: what stands in the way is its state. */
function asConflict(error: ApiError): ApiError {
  return error.errorName === 'forbidden' ? new ApiError('role_conflict', error.message) : error;
}
