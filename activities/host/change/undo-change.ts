import { rm } from 'node:fs/promises';
import type { InstanceInput } from '../../../domain/host-activities.ts';
import { unitsOf } from '../../../domain/services/units.ts';
import type { HostContext } from '../context.ts';
import { progress } from '../progress.ts';
import { rollBack } from './roll-back.ts';

/** See {@link HostActivities.undoChangeService}. */
export async function undoChangeService(context: HostContext, input: InstanceInput): Promise<{ restored: boolean }> {
  const { records } = context;
  const { instanceId, databaseId, taskId, epoch } = input;
  progress().say(`restoring ${instanceId}`);
  return await context.inTurn(instanceId, async () => {
    // First: an undo that is cut short is completed by the next worker, and a late change finds it.
    await records.bury({ instanceId, databaseId, taskId, epoch, restore: true });
    for (const unit of unitsOf(instanceId)) {
      await rm(records.directory(unit, 'staged'), { recursive: true, force: true });
    }
    const change = await records.change(instanceId);
    if (change?.epoch !== epoch) return { restored: false };
    await rollBack(context, change);
    return { restored: true };
  });
}
