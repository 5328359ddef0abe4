import { groupBy } from '../domain/access/groups.ts';
import type { ServiceObservation } from '../domain/services.ts';
import type { InstanceChange } from '../domain/update/instances.ts';
import { instanceInput } from './instance-input.ts';
import { settleAll } from './settle-all.ts';
import type { TaskRun } from './task-run.ts';

/** PostgREST answers within a fraction of a second; the bound covers a slow first connection. */
export const READY_TIMEOUT_MS = 60_000;

/** Starts an instance that was not there, and waits until it answers. */
export async function startOne(
  run: TaskRun,
  instance: Pick<InstanceChange, 'instanceId' | 'serviceId' | 'hostId' | 'port'>,
  bundles: ReadonlyMap<string, string>,
): Promise<ServiceObservation> {
  const input = instanceInput(run.plan, instance);
  const sealedBundle = bundles.get(instance.instanceId) ?? '';
  const observation = await run.hostStep('startService', instance, (on) => on.startService({ ...input, sealedBundle }));
  await run.hostStep('awaitService', instance, (on) => on.awaitService({ ...input, timeoutMs: READY_TIMEOUT_MS }));
  return observation;
}

/** Changes an instance that runs, while it runs or by another one in its place. */
export async function changeOne(
  run: TaskRun,
  instance: InstanceChange,
  bundles: ReadonlyMap<string, string>,
): Promise<ServiceObservation> {
  const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
  const {
    killedUnit,
    mode: _,
    readyAt: __,
    gapMs,
    ...observation
  } = await run.hostStep('changeService', instance, (on) =>
    on.changeService({
      ...instanceInput(run.plan, instance),
      sealedBundle: bundles.get(instance.instanceId) ?? '',
      mode: instance.action === 'reload' ? 'reload' : 'replace',
      drainMs: run.plan.change?.drainMs ?? 0,
      readyTimeoutMs: READY_TIMEOUT_MS,
    }),
  );
  run.progress.note(`changeService/${instance.instanceId}`, noteOf(instance, gapMs));
  if (killedUnit !== undefined) {
    await run.step('endKilledSessions', 'sql', (on) => on.endKilledSessions({ ...task, ...killedUnit }));
  }
  return observation;
}

function noteOf({ action, reasons }: InstanceChange, gapMs: number): string {
  const gap = action === 'reload' ? '' : `, ${Math.round(gapMs)} ms without answer`;
  return `${action}: ${reasons.join(', ')}${gap}`;
}

/** The instances of a service one host after the other, and the services side by side: one host's copy always answers. */
export async function changeInTurn(
  run: TaskRun,
  instances: readonly InstanceChange[],
  bundles: ReadonlyMap<string, string>,
): Promise<ServiceObservation[]> {
  const services = groupBy(instances, ({ serviceId }) => serviceId);
  const changed = await settleAll(
    [...services.values()].map(async (ofService) => {
      const observations: ServiceObservation[] = [];
      for (const instance of ofService) observations.push(await changeOne(run, instance, bundles));
      return observations;
    }),
  );
  return changed.flat();
}
