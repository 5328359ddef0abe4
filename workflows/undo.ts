import type { RotationPlan, TaskFrame, TaskPlan } from '../activities/control/types.ts';
import { STEPS, type StepName } from '../domain/steps.ts';
import { failureReason } from './failure-reason.ts';
import { isHostUndo, undoOnHost } from './host-undo.ts';
import { UNDO_TIMEOUT_MS } from './policies.ts';
import type { Progress } from './progress.ts';
import { control } from './proxies.ts';
import { undoStopPrimary } from './switchover-undo.ts';

/** A step that was begun; `target` is the instance id where it is done once per instance. */
export interface BegunStep {
  step: StepName;
  target: string;
}

/** The table lists a step after those that it builds on. Steps that run side by side begin in any order. */
const POSITIONS = new Map(Object.keys(STEPS).map((step, position) => [step, position]));

/**
 * Takes steps back in the reverse order of the table of steps: a database before the role that owns it, whichever was
 * begun first. Goes on after an undo that failed for good, so that one stubborn object does not keep the rest.
 * @returns a sentence for each thing that is left
 */
export async function undoSteps(
  plan: TaskFrame | TaskPlan | RotationPlan,
  begun: readonly BegunStep[],
  progress: Progress,
): Promise<string[]> {
  const leftovers: string[] = [];
  const position = ({ step }: BegunStep) => POSITIONS.get(step) ?? 0;
  for (const entry of begun.toSorted((a, b) => position(b) - position(a))) {
    if (STEPS[entry.step].undo === null) continue;
    const key = `${entry.step}/${entry.target}`;
    try {
      await undoOne(plan, entry);
      progress.end(key, 'undone');
    } catch (error) {
      const reason = failureReason(error);
      progress.end(key, 'not undone', reason);
      leftovers.push(`${STEPS[entry.step].title}: ${reason}`);
    }
  }
  return leftovers;
}

async function undoOne(plan: TaskFrame | TaskPlan | RotationPlan, entry: BegunStep): Promise<void> {
  const summary = `undo: ${STEPS[entry.step].title}`;
  const { undo } = STEPS[entry.step];
  if (undo === null) return;
  if (isHostUndo(undo)) return undoOnHost(plan, undo, entry.target);
  if (undo === 'undoStopPrimary') return undoStopPrimary(plan);
  const activities = control('sql', { summary, budgetMs: UNDO_TIMEOUT_MS });
  await activities[undo]({ taskId: plan.taskId, epoch: plan.epoch });
}
