import { openStored } from '../../../platform/secrets/open-stored.ts';
import { type ClusterCredential, type ClusterRoleRow, findClusterRole } from '../../../store/cluster-roles.ts';
import { taskEnd } from '../../../store/completions.ts';
import { ApiError } from '../../errors.ts';
import { WAIT_MS } from '../../roles/wait.ts';
import { gone, whyAbsent } from './absent.ts';
import type { ClusterRoleDeps, RoleContext } from './context.ts';
import { type Credential, setAgain } from './set-again.ts';

/**
 * The password that a role logs in with, at a moment of this call. While another one is being set nobody knows which one does: so
 * the end of that is waited for. Whatever is on record then was the right one at that end.
 * @throws ApiError 404, 409, 410, or 503 when the change that is under way takes longer
 */
export async function credentialOf(deps: ClusterRoleDeps, context: RoleContext): Promise<Credential> {
  const first = await look(deps, context);
  const changing = first?.row.changingTask;
  if (changing != null && first?.row.changeEnded === false) {
    const end = await taskEnd(deps, { taskId: changing, boundMs: WAIT_MS });
    if (end === undefined) throw stillChanging(context.role.name);
  }
  const found = changing == null ? first : await look(deps, context);
  if (found === undefined || found.row.state === 'creating') throw await whyAbsent(deps, context);
  if (found.row.state === 'deleting') throw gone(context.role.name);
  if (found.secret === undefined || found.row.inDoubt || isLost(found.row)) {
    return setAgain(deps, context, found.secret && openStored(deps.sealer, found.secret));
  }
  return { row: found.row, password: openStored(deps.sealer, found.secret) };
}

/** A change that was begun, and ended in a way that nobody has put on record. */
const isLost = ({ changingTask, changeEnded }: ClusterRoleRow) => changingTask !== null && changeEnded;

function look(deps: ClusterRoleDeps, { cluster, role }: RoleContext): Promise<ClusterCredential | undefined> {
  return findClusterRole(deps.db, { clusterId: cluster.id, name: role.name });
}

function stillChanging(name: string): ApiError {
  const message = `the password of role "${name}" is being changed; ask again`;
  return new ApiError('unavailable', message, { headers: { 'Retry-After': '2' } });
}
