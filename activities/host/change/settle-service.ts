import type { InstanceInput } from '../../../domain/host-activities.ts';
import type { HostContext } from '../context.ts';
import { removeKeptFiles, removeUnit } from '../remove-service.ts';
import type { ServiceChange } from './service-change.ts';

/** See {@link HostActivities.settleService}. */
export async function settleService(context: HostContext, input: InstanceInput): Promise<void> {
  await context.inTurn(input.instanceId, async () => {
    const change = await context.records.change(input.instanceId);
    if (change?.done === undefined || change.epoch !== input.epoch) return;
    await finishChange(context, change);
  });
}

/** Removes what was kept for the undo of a change that is done. The caller has the turn. */
export async function finishChange(context: HostContext, { mode, previous, next }: ServiceChange): Promise<void> {
  if (previous !== undefined && mode === 'replace') await removeUnit(context, previous.unit);
  await removeKeptFiles(context, next.unit);
  await context.records.forgetChange(next.instanceId);
}
