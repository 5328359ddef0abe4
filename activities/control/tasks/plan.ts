import { loadServerWork } from '../../../store/server-work.ts';
import { findTask } from '../../../store/tasks.ts';
import { loadWork, type Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskFrame, TaskPlan } from '../types.ts';

/** The part of the accepted rows that a workflow sees: ids, flags and ports. */
export function planOf(deps: ControlDeps, work: Work): TaskPlan {
  return {
    taskId: work.taskId,
    epoch: work.epoch,
    databaseId: work.databaseId,
    databaseName: work.databaseName,
    type: work.type,
    subject: `database ${work.databaseId}`,
    forced: work.forced,
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

/** What the frame of a task on a server needs. */
export async function serverFrame(deps: ControlDeps, taskId: string): Promise<TaskFrame> {
  const { epoch, type, serverName } = await loadServerWork(deps.db, taskId);
  return { taskId, epoch, type, subject: `server ${serverName}`, timeoutMs: deps.taskTimeoutMs };
}

/** The plan of a task, whatever it is about. @throws StaleTask when it is unknown */
export async function loadFrame(deps: ControlDeps, taskId: string): Promise<TaskFrame | TaskPlan> {
  const task = await findTask(deps.db, { taskId });
  return task?.scope === 'server' ? serverFrame(deps, taskId) : planOf(deps, await loadWork(deps.db, taskId));
}
