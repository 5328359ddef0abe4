import { stepsToUndo } from '../../../store/journal.ts';
import { beginUndo } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskFrame } from '../types.ts';
import { loadFrame } from './plan.ts';

/**
 * Takes a task whose run is gone over, and gives its journal; undefined when the task is closed. From here on the steps of
 * the lost run, which may still be under way, change nothing (R9).
 */
export async function beginCleanup(
  deps: ControlDeps,
  input: { taskId: string },
): Promise<{ plan: TaskFrame; steps: { step: string; target: string }[] } | undefined> {
  if (!(await beginUndo(deps.db, input.taskId))) return undefined;
  const [plan, steps] = await Promise.all([loadFrame(deps, input.taskId), stepsToUndo(deps.db, input.taskId)]);
  return { plan, steps: steps.map(({ step, target }) => ({ step, target })) };
}
