import { Failure } from '../../domain/failures.ts';
import type { InstanceInput } from '../../domain/host-activities.ts';
import { awaitReady } from './await-ready.ts';
import type { HostContext } from './context.ts';
import { progress } from './progress.ts';

/** See {@link HostActivities.awaitService}. */
export async function awaitService(
  context: HostContext,
  input: InstanceInput & { timeoutMs: number },
): Promise<{ readyAt: string }> {
  const launch = await context.records.read(input.instanceId);
  if (launch === undefined || launch.epoch !== input.epoch) {
    throw new Failure('StaleTask', `${input.instanceId} of epoch ${input.epoch} is not on ${context.hostId} any more`);
  }
  return { readyAt: await awaitReady(context, launch, { timeoutMs: input.timeoutMs, ...progress() }) };
}
