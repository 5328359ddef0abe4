import { rm } from 'node:fs/promises';
import { Failure } from '../../domain/failures.ts';
import type { InstanceInput } from '../../domain/host-activities.ts';
import { unitsOf } from '../../domain/services/units.ts';
import type { HostContext } from './context.ts';
import { progress } from './progress.ts';

/** See {@link HostActivities.removeService}. */
export async function removeService(context: HostContext, input: InstanceInput): Promise<{ removed: boolean }> {
  progress().say(`removing ${input.instanceId}`);
  return await context.inTurn(input.instanceId, () => removeInstance(context, input));
}

/**
 * Removes an instance of the given epoch or an older one, with both of its units; a newer one is left alone (R9). The
 * caller has the turn. The tombstone is written first, so that a removal which is cut short is completed by the next
 * worker.
 */
export async function removeInstance(context: HostContext, input: InstanceInput): Promise<{ removed: boolean }> {
  const { records } = context;
  const { instanceId, databaseId, taskId, epoch } = input;
  const [record, change] = await Promise.all([records.read(instanceId), records.change(instanceId)]);
  const current = Math.max(record?.epoch ?? 0, change?.epoch ?? 0);
  if (current > epoch) {
    context.log.warn({ instanceId, epoch, current }, 'a late removal leaves the newer instance alone');
    return { removed: false };
  }
  await records.bury({ instanceId, databaseId, taskId, epoch });
  return { removed: (await removeUnits(context, instanceId)) || record !== undefined };
}

/** Removes an instance altogether, and says whether anything of it was there. The caller has the turn. */
export async function removeUnits(context: HostContext, instanceId: string): Promise<boolean> {
  await context.gateways.close(instanceId);
  const removed: boolean[] = [];
  for (const unit of unitsOf(instanceId)) removed.push((await removeFromRuntime(context, unit)).removed);
  await context.records.forget(instanceId);
  context.health.forget(instanceId);
  return removed.includes(true);
}

/** Removes one unit of an instance, with its files; the instance's records stay. */
export async function removeUnit(context: HostContext, unit: string): Promise<void> {
  await removeFromRuntime(context, unit);
  await context.records.forgetUnit(unit);
}

/** Removes the files that a reload keeps beside. */
export async function removeKeptFiles({ records }: HostContext, unit: string): Promise<void> {
  for (const kind of ['previous', 'candidate', 'staged'] as const) {
    await rm(records.directory(unit, kind), { recursive: true, force: true });
  }
}

/** A container of the same name that others made is not what is to be removed (R15). */
async function removeFromRuntime({ runtime }: HostContext, unit: string): Promise<{ removed: boolean }> {
  return await runtime.remove(unit).catch((error: unknown) => {
    if (error instanceof Failure && error.type === 'NameConflict') return { removed: false };
    throw error;
  });
}
