import type { Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskPlan } from '../types.ts';

/** The part of the accepted rows that a workflow sees: ids, flags and ports. */
export function planOf(deps: ControlDeps, work: Work): TaskPlan {
  return {
    taskId: work.taskId,
    epoch: work.epoch,
    databaseId: work.databaseId,
    databaseName: work.databaseName,
    type: work.type,
    hasPostInit: work.spec.scripts.postInit.length > 0,
    hasPostDatabaseCreate: work.spec.scripts.postDatabaseCreate.length > 0,
    instances: work.instances.map(({ instanceId, serviceId, hostId, port }) => ({
      instanceId,
      serviceId,
      hostId,
      port,
    })),
    timeoutMs: deps.taskTimeoutMs,
  };
}
