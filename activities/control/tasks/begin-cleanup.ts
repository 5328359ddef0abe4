import { findChange } from '../../../store/changes.ts';
import { stepsToUndo } from '../../../store/journal.ts';
import { findRunOfTask } from '../../../store/rotation-runs.ts';
import { beginUndo, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { RotationPlan, TaskFrame, TaskPlan } from '../types.ts';
import { loadFrame } from './plan.ts';

/** What a cleanup run deals with, newest step first. */
interface Cleanup {
  plan: TaskFrame | TaskPlan | RotationPlan;
  steps: { step: string; target: string }[];
}

/**
 * Takes a task whose run is gone over, and gives its journal; undefined when the task is closed. From here on the steps of
 * the lost run, which may still be under way, change nothing (R9).
 */
export async function beginCleanup(deps: ControlDeps, input: { taskId: string }): Promise<Cleanup | undefined> {
  const change = await findChange(deps.db, input.taskId);
  const run = change === undefined ? await findRunOfTask(deps.db, input.taskId) : undefined;
  if (change?.settled || run?.settledAt != null) return forward(deps, input.taskId);
  if (!(await beginUndo(deps.db, input.taskId))) return undefined;
  const [plan, steps] = await Promise.all([loadFrame(deps, input.taskId), stepsToUndo(deps.db, input.taskId)]);
  return { plan, steps: steps.map(({ step, target }) => ({ step, target })) };
}

/** An update or a rotation past its point of no return is not undone: what is left of it is done. */
async function forward(deps: ControlDeps, taskId: string): Promise<Cleanup | undefined> {
  const task = await findTask(deps.db, { taskId });
  const open = task !== undefined && task.completedAt === null;
  return open ? { plan: await loadFrame(deps, taskId), steps: [] } : undefined;
}
