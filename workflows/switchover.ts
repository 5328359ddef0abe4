import { ApplicationFailure, CancellationScope, CancelledFailure, sleep } from '@temporalio/workflow';
import type { SwitchoverOrders, SwitchoverPart, SwitchoverPlan, TaskRef } from '../activities/control/types.ts';
import { locally, onHost } from './proxies.ts';
import { settleAll } from './settle-all.ts';
import { runFramed, type TaskRun } from './task-run.ts';

/** A live host worker sends a signal at once. */
const TELL_WITHIN_MS = 10_000;

/**
 * Makes a standby the primary and the primary its standby, at a time of the caller's choice. Nobody can write between the stop and
 * the promotion; until the promotion everything is taken back, afterwards the way is forward only.
 */
export function switchover(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  const load = () => locally('load the accepted task').loadSwitchover(input);
  return runFramed<SwitchoverPlan>(load, async (run) => {
    const { plan } = run;
    if (plan.delayMs > 0) {
      run.progress.headline(`switchover of ${plan.subject}: waits for its time`);
      await sleep(plan.delayMs);
      run.progress.headline(`switchover of ${plan.subject}`);
    }
    const checked = await run.step('checkSwitchover', 'sql', (on) => on.checkSwitchover({ taskId: plan.taskId }));
    const task = { taskId: plan.taskId, epoch: checked.epoch };
    await switchOver(run, task, checked);
    await run.publish((on) => on.finishSwitchover({ ...task, hostSteps: run.hostSteps }));
    run.progress.headline(`switchover of ${plan.subject}: completed`);
  });
}

async function switchOver(
  run: TaskRun<SwitchoverPlan>,
  task: TaskRef,
  { primary, candidate, services }: SwitchoverOrders,
): Promise<void> {
  const order = ({ instanceId, sealedOrder }: SwitchoverPart) => ({ instanceId, sealedOrder, taskId: task.taskId });
  // Both hosts answer, have the servers that they are taken for, and one can follow the other: before anything is stopped.
  const [standby] = await settleAll([
    run.hostStep('checkSwitchover', candidate, (on) => on.describePostgres(order(candidate))),
    run.hostStep('checkSwitchover', primary, (on) => on.proveFollowing(order(primary))),
  ]);
  if (!standby.running || !standby.standby) {
    throw ApplicationFailure.nonRetryable(
      `the server in the data directory of ${candidate.hostId} is no running standby`,
    );
  }
  const stopped = await run.hostStep('stopPrimary', primary, (on) => on.stopPrimary(order(primary)));
  const position = stopped.shutdownPosition ?? Number.MAX_SAFE_INTEGER;
  await run.step('awaitReplay', 'sql', (on) => on.awaitReplay({ ...task, position }));
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled before the promotion');
  // The point of no return: a cancellation that arrives now comes too late.
  await CancellationScope.nonCancellable(async () => {
    await run.hostStep('promoteStandby', candidate, (on) => on.promoteStandby(order(candidate)));
    await settleAll([
      ...services.map(tell),
      run.hostStep('startStandby', primary, (on) => on.startStandby(order(primary))),
    ]);
    await run.step('awaitStandby', 'sql', (on) => on.awaitStandby(task));
  });
}

/** Services find the new primary by themselves; a host that cannot be told now is told by the watch over promotions. */
async function tell({ hostId, instanceIds }: SwitchoverOrders['services'][number]): Promise<void> {
  try {
    await onHost(hostId, { summary: `tell services on ${hostId}`, budgetMs: TELL_WITHIN_MS }).nudgeServices({
      instanceIds,
    });
  } catch {
    // The reason stands in the run's history.
  }
}
