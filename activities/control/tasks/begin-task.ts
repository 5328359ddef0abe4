import { Failure } from '../../../domain/failures.ts';
import { startTask } from '../../../store/tasks.ts';
import { loadWork } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskPlan } from '../types.ts';
import { planOf } from './plan.ts';

/** Marks the task running and loads its plan. */
export async function beginTask(deps: ControlDeps, input: { taskId: string }): Promise<TaskPlan> {
  if (!(await startTask(deps.db, input.taskId))) {
    throw new Failure('StaleTask', `task ${input.taskId} is unknown or closed already`);
  }
  return planOf(deps, await loadWork(deps.db, input.taskId));
}
