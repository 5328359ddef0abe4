import { Failure } from '../../domain/failures.ts';
import type { StartServiceInput } from '../../domain/host-activities.ts';
import { renderServiceFiles } from '../../domain/postgrest/service-files.ts';
import type { ServiceBundle, ServiceObservation } from '../../domain/services.ts';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import type { HostContext } from './context.ts';
import { assertCurrent } from './fence.ts';
import { withHeartbeat } from './heartbeat.ts';
import { observation } from './observation.ts';
import { busyPorts } from './ports.ts';
import { removeInstance } from './remove-service.ts';
import { parseServiceBundle } from './service-bundle.ts';
import { writeServiceDirectory } from './service-directory.ts';

/** See {@link HostActivities.startService}. */
export async function startService(context: HostContext, input: StartServiceInput): Promise<ServiceObservation> {
  const { runtime, records, gateways } = context;
  const bundle = parseServiceBundle(await context.openBundle(input.sealedBundle, input));
  assertMeantForThis(context, input, bundle);
  const { instanceId, address, port } = bundle;

  return await withHeartbeat(({ say, signal }) =>
    context.inTurn(instanceId, async () => {
      await assertCurrent(context, input);
      await runtime.prepare({ version: bundle.version, ...imageOf(bundle), progress: say, signal });
      signal.throwIfAborted();
      await assertPortsFree(context, bundle);
      const directory = records.configurationDirectory(instanceId);
      const launch = launchOf(bundle, directory);
      // The record comes first: whatever a crash leaves behind from here on is found again, and kept or removed.
      await records.write(launch);
      const view = runtime.view({ directory, address, port });
      await writeServiceDirectory(directory, renderServiceFiles(bundle, view), runtime.fileOwner);
      say(`starting PostgREST ${bundle.version} on ${address}:${port}`);
      const state = await runtime.start(launch);
      await gateways.open({ instanceId, address, port });
      // Another worker process may have removed it while this one was starting it.
      await assertCurrent(context, input).catch(async (error: unknown) => {
        await removeInstance(context, input);
        throw error;
      });
      return observation(state);
    }),
  );
}

function assertMeantForThis(context: HostContext, input: StartServiceInput, bundle: ServiceBundle): void {
  const expected = { ...input, hostId: context.hostId, installationId: context.installationId };
  const keys = ['installationId', 'hostId', 'instanceId', 'databaseId', 'taskId', 'epoch'] as const;
  const different = keys.filter((key) => bundle[key] !== expected[key]);
  if (different.length > 0) {
    throw new Failure('NotAllowed', `the sealed bundle is meant for something else: ${different.join(', ')} differ`);
  }
}

async function assertPortsFree(context: HostContext, { instanceId, address, port }: ServiceBundle): Promise<void> {
  const busy = await busyPorts(context, { ports: [port, port + 1], exceptInstanceId: instanceId });
  if (busy.length === 0) return;
  throw new Failure(
    'PortInUse',
    `port ${busy.join(' and ')} of ${context.hostId} is in use by another process; the service needs ${port} and ${port + 1}`,
    { details: { hostId: context.hostId, address, port, busy: busy.map(String) } },
  );
}

/** The part of a bundle that is not secret. */
function launchOf(bundle: ServiceBundle, directory: string): ServiceLaunch {
  const { settings: _settings, connection: _connection, secrets: _secrets, ...launch } = bundle;
  return { ...launch, directory };
}

function imageOf({ image }: ServiceBundle): { image?: string } {
  return image === undefined ? {} : { image };
}
