import { roleResource } from '../../../domain/clusters/flavor-requests.ts';
import { insertAudit } from '../../../store/audit.ts';
import { askedBy } from '../../audit-intent.ts';
import type { Caller } from '../../caller.ts';
import type { ClusterRoleDeps, RoleContext } from './context.ts';

/** Puts on record that a password was shown that the request did not set. */
export async function noteReveal(deps: ClusterRoleDeps, caller: Caller, { cluster, role }: RoleContext): Promise<void> {
  await insertAudit(deps.db, {
    kind: 'reveal',
    ...askedBy(caller),
    action: 'cluster.role_password',
    resource: roleResource({ clusterId: cluster.id, name: role.name }),
  });
}
