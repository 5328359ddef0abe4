import type { PlannedChange } from '../activities/control/types.ts';
import type { ServiceObservation } from '../domain/services.ts';
import type { InstanceChange } from '../domain/update/instances.ts';
import { leaveTombstone } from './host-undo.ts';
import { instanceInput } from './instance-input.ts';
import { settleAll } from './settle-all.ts';
import type { TaskRun } from './task-run.ts';

/**
 * What comes after the point of no return: instances that go, and rights that nobody needs. A host that does not answer gets word
 * and is not waited for: its worker carries it out before it serves again. Nobody waits for the removal of what changed instances
 * were before: the next change of an instance would do it, too.
 */
export async function finishForward(
  run: TaskRun,
  change: PlannedChange,
  services: ServiceObservation[] = [],
): Promise<void> {
  const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
  const changed = change.instances.filter(({ action }) => action === 'reload' || action === 'replace');
  const gone = change.instances.filter(({ action }) => action === 'remove');
  // A port that was left is free for others as soon as the task has ended.
  const [movers, others] = [changed.filter(hasMoved), changed.filter((instance) => !hasMoved(instance))];
  await settleAll([
    ...gone.map((instance) => removeOne(run, change, instance)),
    ...movers.map((instance) => settleOne(run, instance)),
  ]);
  // After the services: one that is about to go may still run as a user that is dropped.
  if (change.removesAccess) await run.step('removeAccess', 'sql', (on) => on.removeAccess(task));
  await run.publish((on) => on.finishUpdate({ ...task, services, hostSteps: run.hostSteps }));
  run.commit();
  await settleAll(others.map((instance) => settleOne(run, instance)));
}

const hasMoved = ({ reasons }: InstanceChange): boolean => reasons.includes('port');

/** Whether something is taken away at the end, so that the point of no return lies before that. */
export function takesAway(change: PlannedChange): boolean {
  return (
    change.removesAccess || change.instances.some((instance) => instance.action === 'remove' || hasMoved(instance))
  );
}

/** What is left of the previous unit is removed with the next change at the latest. */
async function settleOne(run: TaskRun, instance: InstanceChange): Promise<void> {
  try {
    await run.hostStep('settleService', instance, (on) => on.settleService(instanceInput(run.plan, instance)));
  } catch {
    run.progress.note(`settleService/${instance.instanceId}`, 'left for the next change of the service');
  }
}

async function removeOne(run: TaskRun, change: PlannedChange, instance: InstanceChange): Promise<void> {
  if (change.removeHosts.includes(instance.hostId)) return leaveTombstone(run.plan, instance.instanceId);
  try {
    await run.hostStep('removeService', instance, (on) => on.removeService(instanceInput(run.plan, instance)));
  } catch {
    await leaveTombstone(run.plan, instance.instanceId);
  }
}
