import { Failure } from '../../domain/failures.ts';
import type { InstanceInput } from '../../domain/host-activities.ts';
import type { HostContext } from './context.ts';

/**
 * Refuses work on behalf of a task that has been overtaken: a newer epoch was seen for the instance, or the removal of
 * this very epoch (R9).
 * @throws Failure StaleTask
 */
export async function assertCurrent(context: HostContext, input: InstanceInput): Promise<void> {
  const [record, tombstone] = await Promise.all([
    context.records.read(input.instanceId),
    context.records.tombstone(input.instanceId),
  ]);
  if (record !== undefined && record.epoch > input.epoch) throw stale(input, `epoch ${record.epoch} runs already`);
  if (tombstone !== undefined && tombstone.epoch >= input.epoch) {
    throw stale(input, `it was removed at epoch ${tombstone.epoch}`);
  }
}

function stale(input: InstanceInput, reason: string): Failure {
  return new Failure('StaleTask', `epoch ${input.epoch} of ${input.instanceId} is out of date: ${reason}`, {
    details: { instanceId: input.instanceId, epoch: input.epoch },
  });
}
