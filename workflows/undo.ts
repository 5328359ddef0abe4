import { ApplicationFailure } from '@temporalio/workflow';
import type { PlannedInstance, TaskFrame, TaskPlan } from '../activities/control/types.ts';
import { STEPS, type StepName } from '../domain/steps.ts';
import { failureReason, isHostUnavailable } from './failure-reason.ts';
import { HOST_UNDO_ATTEMPTS, UNDO_TIMEOUT_MS } from './policies.ts';
import type { Progress } from './progress.ts';
import { control, onHost } from './proxies.ts';
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
  plan: TaskFrame | TaskPlan,
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

async function undoOne(plan: TaskFrame | TaskPlan, entry: BegunStep): Promise<void> {
  const summary = `undo: ${STEPS[entry.step].title}`;
  const { undo } = STEPS[entry.step];
  if (undo === null) return;
  if (undo === 'undoStartService') return undoStartService(plan, entry.target);
  if (undo === 'undoStopPrimary') return undoStopPrimary(plan);
  const activities = control('sql', { summary, budgetMs: UNDO_TIMEOUT_MS });
  await activities[undo]({ taskId: plan.taskId, epoch: plan.epoch });
}

/** A host that stays unreachable gets a tombstone: its worker removes the instance before it serves again. */
async function undoStartService(plan: TaskFrame | TaskPlan, instanceId: string): Promise<void> {
  const onDatabase = 'instances' in plan ? plan : undefined;
  const instance = onDatabase?.instances.find((candidate) => candidate.instanceId === instanceId);
  if (onDatabase === undefined || instance === undefined)
    throw ApplicationFailure.nonRetryable(`no instance ${instanceId} in the plan`);
  for (let attempt = 1; attempt <= HOST_UNDO_ATTEMPTS; attempt += 1) {
    try {
      await onHost(instance.hostId, {
        summary: `undo: start ${instanceId}`,
        budgetMs: UNDO_TIMEOUT_MS,
      }).undoStartService(instanceInput(onDatabase, instance));
      return;
    } catch (error) {
      if (!isHostUnavailable(error)) throw error;
    }
  }
  await control('bookkeeping', { summary: `tombstone for ${instanceId}`, budgetMs: UNDO_TIMEOUT_MS }).recordTombstone({
    taskId: plan.taskId,
    epoch: plan.epoch,
    instanceId,
  });
}

/** Input of host activities for one instance of a plan. */
export function instanceInput(
  plan: TaskPlan,
  instance: PlannedInstance,
): { instanceId: string; databaseId: string; taskId: string; epoch: number } {
  return { instanceId: instance.instanceId, databaseId: plan.databaseId, taskId: plan.taskId, epoch: plan.epoch };
}
