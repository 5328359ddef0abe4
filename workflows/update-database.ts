import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { PlannedChange } from '../activities/control/types.ts';
import type { ServiceObservation } from '../domain/services.ts';
import type { InstanceAction, InstanceChange } from '../domain/update/instances.ts';
import { changeInTurn, changeOne, startOne } from './change-services.ts';
import { finishForward, takesAway } from './finish-update.ts';
import { sealServices } from './seal-services.ts';
import { settleAll } from './settle-all.ts';
import { runTask, type TaskRun } from './task-run.ts';

/**
 * Changes a database to what was accepted under `taskId`: first what is added, then services one host after the other, and what
 * goes only when all of that serves. On failure or cancellation the previous state serves again.
 */
export function updateDatabase(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  return runTask(input.taskId, async (run) => {
    const change = changeOf(run);
    const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
    const services = change.settled ? [] : await changeEverything(run, change);
    // An activity that ended well in spite of a cancellation hides it, and what follows is shielded from it.
    if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled before publication');
    // The point of no return: a cancellation that arrives now comes too late.
    await CancellationScope.nonCancellable(async () => {
      if (takesAway(change)) {
        await run.publish((on) => on.publishUpdate({ ...task, services }));
        run.commit();
      }
      await finishForward(run, change, services);
    });
    run.progress.headline(`update database ${run.plan.databaseId}: completed`);
  });
}

/** Up to the point of no return. Gives what runs now of the instances that were touched. */
async function changeEverything(run: TaskRun, change: PlannedChange): Promise<ServiceObservation[]> {
  const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
  if (change.changesRoles) await run.step('updateRoles', 'sql', (on) => on.updateRoles(task));
  const touched = change.instances.filter(({ action }) => action !== 'keep' && action !== 'remove');
  const [bundles] = await settleAll([
    sealServices(run, touched),
    run.step('updateAccess', 'sql', (on) => on.updateAccess(task)),
  ]);
  const early: ServiceObservation[] = [];
  const logsInAnew = touched.filter(({ action, reasons }) => action !== 'add' && reasons.includes('password'));
  if (change.hasPasswords) {
    await run.step('updatePasswords', 'sql', (on) => on.updatePasswords(task));
    // At once and side by side: until a service has the new password, it must not need another connection.
    early.push(...(await settleAll(logsInAnew.map((instance) => changeOne(run, instance, bundles)))));
  }
  const added = await settleAll(withAction(touched, 'add').map((instance) => startOne(run, instance, bundles)));
  const rest = touched.filter((instance) => instance.action !== 'add' && !logsInAnew.includes(instance));
  return [...early, ...added, ...(await changeInTurn(run, rest, bundles))];
}

function changeOf({ plan }: TaskRun): PlannedChange {
  if (plan.change === undefined) throw new Error('the task changes nothing');
  return plan.change;
}

function withAction(instances: readonly InstanceChange[], action: InstanceAction): InstanceChange[] {
  return instances.filter((instance) => instance.action === action);
}
