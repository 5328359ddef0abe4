import { startTask } from '../../platform/temporal/start-task.ts';
import type { TaskRecord } from '../../store/tasks.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * Starts the run of an accepted task. The task is on record, so a Temporal that does not answer is no error for the
 * caller: the reconciler starts what is pending.
 */
export async function startRun(deps: ApiDeps, task: TaskRecord, hostIds: readonly string[]): Promise<void> {
  try {
    await startTask(deps.workflows, {
      workflowId: task.workflowId,
      workflowType: task.workflowType,
      taskQueue: deps.taskQueue,
      argument: { taskId: task.id },
      labels: { operation: task.type, database: task.entityId, hosts: [...new Set(hostIds)] },
      summary: `${task.type} database ${task.entityId}`,
      eager: deps.eagerStart,
    });
  } catch (error) {
    deps.log.warn(
      { err: error, taskId: task.id },
      'Temporal did not take the start; the reconciler will start the task',
    );
  }
}
