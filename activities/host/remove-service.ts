import { Failure } from '../../domain/failures.ts';
import type { InstanceInput } from '../../domain/host-activities.ts';
import type { HostContext } from './context.ts';
import { withHeartbeat } from './heartbeat.ts';

/** See {@link HostActivities.removeService}. */
export async function removeService(context: HostContext, input: InstanceInput): Promise<{ removed: boolean }> {
  return await withHeartbeat(({ say }) => {
    say(`removing ${input.instanceId}`);
    return context.inTurn(input.instanceId, () => removeInstance(context, input));
  });
}

/**
 * Removes an instance of the given epoch or an older one; a newer one is left alone (R9). The caller has the turn.
 * The tombstone is written first, so that a removal which is cut short is completed by the next worker.
 */
export async function removeInstance(context: HostContext, input: InstanceInput): Promise<{ removed: boolean }> {
  const { instanceId, epoch } = input;
  const record = await context.records.read(instanceId);
  if (record !== undefined && record.epoch > epoch) {
    context.log.warn({ instanceId, epoch, current: record.epoch }, 'a late removal leaves the newer instance alone');
    return { removed: false };
  }
  await context.records.bury(input);
  await context.gateways.close(instanceId);
  const { removed } = await context.runtime.remove(instanceId).catch(foreignIsNotOurs);
  await context.records.forget(instanceId);
  return { removed: removed || record !== undefined };
}

/** A container of the same name that others made is not what is to be removed (R15). */
function foreignIsNotOurs(error: unknown): { removed: boolean } {
  if (error instanceof Failure && error.type === 'NameConflict') return { removed: false };
  throw error;
}
