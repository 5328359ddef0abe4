import { stepsToUndo } from '../../../store/journal.ts';
import { findTask } from '../../../store/tasks.ts';
import { loadWork } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskPlan } from '../types.ts';
import { planOf } from './plan.ts';

/** The journal of a task whose run is gone; undefined when the task is closed. */
export async function beginCleanup(
  deps: ControlDeps,
  input: { taskId: string },
): Promise<{ plan: TaskPlan; steps: { step: string; target: string }[] } | undefined> {
  const task = await findTask(deps.db, input);
  if (task === undefined || !['pending', 'running', 'canceling'].includes(task.status)) return undefined;
  const [work, steps] = await Promise.all([loadWork(deps.db, task.id), stepsToUndo(deps.db, task.id)]);
  return { plan: planOf(deps, work), steps: steps.map(({ step, target }) => ({ step, target })) };
}
