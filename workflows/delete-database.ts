import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { PlannedInstance } from '../activities/control/types.ts';
import { instanceInput } from './instance-input.ts';
import { FORCED_HOST_BUDGET_MS, HOST_UNDO_ATTEMPTS } from './policies.ts';
import { control } from './proxies.ts';
import { settleAll } from './settle-all.ts';
import { runTask, type TaskRun } from './task-run.ts';

/**
 * Removes a database with everything that was made for it. Retried, not undone: what is gone stays gone, and a delete
 * that failed is simply asked for again. A forced one first ends what was under way, and leaves word for hosts that are down.
 */
export function deleteDatabase(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  return runTask(input.taskId, async (run) => {
    const { plan } = run;
    const task = { taskId: plan.taskId, epoch: plan.epoch };
    if (plan.forced) await run.step('endPredecessors', 'patient', (on) => on.endPredecessors(task));
    await settleAll(plan.instances.map((instance) => (plan.forced ? removeOrBury : remove)(run, instance)));
    await run.step('removeDatabase', 'sql', (on) => on.removeDatabase(task));
    await run.step('removeRoles', 'sql', (on) => on.removeRoles(task));
    // All is gone: a cancellation that arrives now comes too late.
    await CancellationScope.nonCancellable(() =>
      run.publish((on) => on.finishDelete({ ...task, hostSteps: run.hostSteps })),
    );
    run.progress.headline(`delete database ${plan.databaseId}: completed`);
  });
}

async function remove(run: TaskRun, instance: PlannedInstance): Promise<void> {
  await run.hostStep('removeService', instance, (on) => on.removeService(instanceInput(run.plan, instance)));
}

/** A host that cannot remove the instance now gets a tombstone: its worker does it before it serves again. */
async function removeOrBury(run: TaskRun, instance: PlannedInstance): Promise<void> {
  const { plan } = run;
  const patience = { attempts: HOST_UNDO_ATTEMPTS, budgetMs: FORCED_HOST_BUDGET_MS };
  try {
    await run.hostStep('removeService', instance, (on) => on.removeService(instanceInput(plan, instance)), patience);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const call = { summary: `tombstone for ${instance.instanceId}`, budgetMs: plan.timeoutMs };
    await control('bookkeeping', call).recordTombstone({
      taskId: plan.taskId,
      epoch: plan.epoch,
      instanceId: instance.instanceId,
    });
  }
}
