import { Failure } from '../../../../domain/failures.ts';
import { findSwitchover } from '../../../../store/switchovers.ts';
import { startTask } from '../../../../store/tasks.ts';
import type { ControlDeps } from '../../deps.ts';
import type { SwitchoverPlan } from '../../types.ts';

/** See {@link ControlActivities.loadSwitchover}. The bound of the steps begins when the time of the switchover has come. */
export async function loadSwitchover(deps: ControlDeps, input: { taskId: string }): Promise<SwitchoverPlan> {
  const record = await findSwitchover(deps.db, input.taskId);
  if (record === undefined || !(await startTask(deps.db, input.taskId))) {
    throw new Failure('StaleTask', `task ${input.taskId} is unknown or closed already`);
  }
  const delayMs = Math.max(0, (record.scheduledAt?.getTime() ?? 0) - Date.now());
  return {
    taskId: input.taskId,
    // Known once the task has taken the database.
    epoch: 0,
    type: 'switchover',
    subject: `node ${record.nodeName} of database ${record.databaseId}`,
    timeoutMs: delayMs + deps.taskTimeoutMs,
    delayMs,
  };
}
