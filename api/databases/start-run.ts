import { addToLogContext } from '../../platform/log-context.ts';
import { startTask } from '../../platform/temporal/start-task.ts';
import { startOf } from '../../platform/temporal/task-run.ts';
import type { TaskRecord } from '../../store/tasks.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * Starts the run of an accepted task. The task is on record, so a Temporal that does not answer is no error for the
 * caller: the reconciler starts what is pending.
 */
export async function startRun(deps: ApiDeps, task: TaskRecord, hostIds: readonly string[]): Promise<void> {
  addToLogContext({ taskId: task.id });
  try {
    const hosts = [...new Set(hostIds)];
    await startTask(deps.workflows, startOf(task, { taskQueue: deps.taskQueue, hosts, eager: deps.eagerStart }));
  } catch (error) {
    deps.log.warn(
      { err: error, taskId: task.id },
      'Temporal did not take the start; the reconciler will start the task',
    );
  }
}
