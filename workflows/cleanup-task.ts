import { isStepName } from '../domain/steps.ts';
import { finishForward } from './finish-update.ts';
import { UNDO_TIMEOUT_MS } from './policies.ts';
import { createProgress } from './progress.ts';
import { control } from './proxies.ts';
import { finishRotationForward } from './rotate-password.ts';
import { createTaskRun } from './task-run.ts';
import { type BegunStep, undoSteps } from './undo.ts';

/**
 * Undoes a task whose own run is gone (terminated, or no longer known to Temporal), from the journal of its steps, and
 * closes it as failed with the reason. An update past its point of no return is brought to its end instead.
 */
export async function cleanupTask(input: { taskId: string; reason: string }): Promise<{ undone: number }> {
  const calls = { summary: 'load the journal', budgetMs: UNDO_TIMEOUT_MS };
  const loaded = await control('bookkeeping', calls).beginCleanup({ taskId: input.taskId });
  if (loaded === undefined) return { undone: 0 };
  const { plan } = loaded;
  if ('change' in plan && plan.change?.settled) {
    await finishForward(createTaskRun(plan, []), plan.change);
    return { undone: 0 };
  }
  if ('rotation' in plan && plan.rotation.settled) {
    await finishRotationForward(createTaskRun(plan, []));
    return { undone: 0 };
  }
  const progress = createProgress(`clean up after task ${input.taskId}`);
  // The journal comes newest first; undoSteps wants the order in which the steps began.
  const begun: BegunStep[] = loaded.steps
    .toReversed()
    .flatMap(({ step, target }) => (isStepName(step) ? [{ step, target }] : []));
  for (const { step, target } of begun)
    progress.begin(`${step}/${target}`, { title: step, where: target || 'control' });
  const leftovers = await undoSteps(plan, begun, progress);
  await control('bookkeeping', { summary: 'close the task', budgetMs: UNDO_TIMEOUT_MS }).failTask({
    taskId: plan.taskId,
    epoch: plan.epoch,
    outcome: 'failed',
    reason: input.reason,
    leftovers,
  });
  return { undone: begun.length };
}
