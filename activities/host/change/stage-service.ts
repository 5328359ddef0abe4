import type { StartServiceInput } from '../../../domain/host-activities.ts';
import { launchOf, openBundle, writeFiles } from '../bundle-for-host.ts';
import type { HostContext } from '../context.ts';
import { assertCurrent } from '../fence.ts';
import { progress } from '../progress.ts';

/** See {@link HostActivities.stageService}. */
export async function stageService(context: HostContext, input: StartServiceInput): Promise<void> {
  const { records, runtime } = context;
  const { instanceId } = input;
  const bundle = await openBundle(context, input);
  const { version, image } = bundle;
  const { say, signal } = progress();
  await context.inTurn(instanceId, async () => {
    await assertCurrent(context, input);
    await runtime.prepare({ version, ...(image !== undefined && { image }), progress: say, signal });
    const unit = (await records.read(instanceId))?.unit ?? instanceId;
    const launch = { ...launchOf(context, bundle, unit), directory: records.directory(unit, 'staged') };
    await writeFiles(context, bundle, launch);
  });
}
