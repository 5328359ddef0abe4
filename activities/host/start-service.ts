import type { StartServiceInput } from '../../domain/host-activities.ts';
import { otherUnit } from '../../domain/services/units.ts';
import type { ServiceObservation } from '../../domain/services.ts';
import { assertPortsFree, launchOf, openBundle, writeFiles } from './bundle-for-host.ts';
import type { HostContext } from './context.ts';
import { assertCurrent } from './fence.ts';
import { observation } from './observation.ts';
import { progress } from './progress.ts';
import { removeInstance, removeKeptFiles, removeUnit } from './remove-service.ts';

/** See {@link HostActivities.startService}. */
export async function startService(context: HostContext, input: StartServiceInput): Promise<ServiceObservation> {
  const { runtime, records, gateways } = context;
  const bundle = await openBundle(context, input);
  const { instanceId, address, port, version, image } = bundle;
  const { say, signal } = progress();
  return await context.inTurn(instanceId, async () => {
    await assertCurrent(context, input);
    await runtime.prepare({ version, ...(image !== undefined && { image }), progress: say, signal });
    signal.throwIfAborted();
    // An instance that is there already is replaced in its slot.
    const unit = (await records.read(instanceId))?.unit ?? instanceId;
    const launch = launchOf(context, bundle, unit);
    await assertPortsFree(context, launch);
    // The record comes first: whatever a crash leaves behind from here on is found again, and kept or removed.
    await records.write(launch);
    // What was kept of a change before is of no use to anybody now.
    await removeUnit(context, otherUnit(launch));
    await removeKeptFiles(context, launch.unit);
    await records.forgetChange(instanceId);
    await writeFiles(context, bundle, launch);
    say(`starting PostgREST ${version} on ${address}:${port}`);
    const state = await runtime.start(launch);
    await gateways.open(launch);
    context.health.forget(instanceId);
    // Another worker process may have removed it while this one was starting it.
    await assertCurrent(context, input).catch(async (error: unknown) => {
      await removeInstance(context, input);
      throw error;
    });
    return observation(state);
  });
}
