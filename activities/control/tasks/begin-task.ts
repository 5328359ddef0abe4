import { Failure } from '../../../domain/failures.ts';
import { startTask } from '../../../store/tasks.ts';
import { loadWork } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskFrame, TaskPlan } from '../types.ts';
import { planOf, serverFrame } from './plan.ts';

/** Marks the task running and loads its plan. */
export async function beginTask(deps: ControlDeps, input: { taskId: string }): Promise<TaskPlan> {
  await start(deps, input.taskId);
  return planOf(deps, await loadWork(deps.db, input.taskId));
}

/** The same for a task on a whole server. */
export async function beginServerTask(deps: ControlDeps, input: { taskId: string }): Promise<TaskFrame> {
  await start(deps, input.taskId);
  return serverFrame(deps, input.taskId);
}

async function start(deps: ControlDeps, taskId: string): Promise<void> {
  if (await startTask(deps.db, taskId)) return;
  throw new Failure('StaleTask', `task ${taskId} is unknown or closed already`);
}
