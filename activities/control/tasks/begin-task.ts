import { Failure } from '../../../domain/failures.ts';
import { startTask } from '../../../store/tasks.ts';
import { loadWork } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskFrame, TaskPlan } from '../types.ts';
import { planOf, serverFrame } from './plan.ts';

/** Marks the task running and loads its plan. */
export async function beginTask(deps: ControlDeps, input: { taskId: string }): Promise<TaskPlan> {
  const asked = await start(deps, input.taskId);
  return { ...planOf(deps, await loadWork(deps.db, input.taskId)), ...asked };
}

/** The same for a task on a whole server. */
export async function beginServerTask(deps: ControlDeps, input: { taskId: string }): Promise<TaskFrame> {
  const asked = await start(deps, input.taskId);
  return { ...(await serverFrame(deps, input.taskId)), ...asked };
}

/** A task may have been cancelled before it had a run: this one only closes it then. */
async function start(deps: ControlDeps, taskId: string): Promise<Pick<TaskFrame, 'cancelRequested'>> {
  const status = await startTask(deps.db, taskId);
  if (status === undefined) throw new Failure('StaleTask', `task ${taskId} is unknown or closed already`);
  return status === 'canceling' ? { cancelRequested: true } : {};
}
