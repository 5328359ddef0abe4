import { CLUSTER_OWN_ROLES } from '../../../domain/clusters/role-names.ts';
import { Failure } from '../../../domain/failures.ts';
import { findCluster } from '../../../store/clusters.ts';
import { type Caller, withoutKey } from '../../caller.ts';
import { ApiError } from '../../errors.ts';
import { changeRole } from './change-role.ts';
import type { ClusterRoleDeps, RoleContext } from './context.ts';

/** How long whoever assigns a server waits for its roles; they are made all the same. */
const PATIENCE_MS = 5_000;

/**
 * Makes the roles that a cluster has from the start, where its server lets them be made: whoever assigned it finds them there. What
 * is in the way is told by a request for the role itself; a server that does not answer is asked again later.
 */
export async function prepareCluster(deps: ClusterRoleDeps, caller: Caller, clusterId: string): Promise<void> {
  const preparing = makeOwnRoles(deps, caller, clusterId).catch((error: unknown) => {
    deps.log.warn({ err: error, clusterId }, 'the roles of a new cluster are made later');
  });
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([preparing, patience]);
  clearTimeout(timer);
}

async function makeOwnRoles(deps: ClusterRoleDeps, caller: Caller, clusterId: string): Promise<void> {
  const cluster = await findCluster(deps.db, clusterId);
  if (cluster === undefined) return;
  for (const name of CLUSTER_OWN_ROLES) {
    const context: RoleContext = {
      caller: withoutKey(caller),
      accountId: '',
      cluster,
      team: { id: cluster.teamId, name: '', defaultRoleFlavor: 'write' },
      teamRole: 'admin',
      role: { name, accountId: null },
    };
    const change = { flavor: null, rotate: false, mayAdopt: false, defaultFlavor: 'write' } as const;
    try {
      await changeRole(deps, context, { ...change, route: 'roles of a new cluster' });
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof Failure)) throw error;
      const { message: reason } = error;
      deps.log.info({ cluster: cluster.name, role: name, reason }, 'a cluster is without one of its roles');
    }
  }
}
