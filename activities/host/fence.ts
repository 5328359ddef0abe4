import { Failure } from '../../domain/failures.ts';
import type { InstanceInput } from '../../domain/host-activities.ts';
import type { HostContext } from './context.ts';

/**
 * Refuses work on behalf of a task that has been overtaken: a newer epoch was seen for the instance, or the removal or
 * undoing of this very epoch (R9).
 * @throws Failure StaleTask
 */
export async function assertCurrent({ records }: HostContext, input: InstanceInput): Promise<void> {
  const { instanceId, epoch } = input;
  const [record, change, tombstone] = await Promise.all([
    records.read(instanceId),
    records.change(instanceId),
    records.tombstone(instanceId),
  ]);
  if (record !== undefined && record.epoch > epoch) throw stale(input, `epoch ${record.epoch} runs already`);
  if (change !== undefined && change.epoch > epoch) throw stale(input, `epoch ${change.epoch} changes it already`);
  if (tombstone !== undefined && tombstone.epoch >= epoch) {
    throw stale(input, `it was ${tombstone.restore ? 'restored' : 'removed'} at epoch ${tombstone.epoch}`);
  }
}

function stale(input: InstanceInput, reason: string): Failure {
  return new Failure('StaleTask', `epoch ${input.epoch} of ${input.instanceId} is out of date: ${reason}`, {
    details: { instanceId: input.instanceId, epoch: input.epoch },
  });
}
