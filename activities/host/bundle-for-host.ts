import { Failure } from '../../domain/failures.ts';
import type { StartServiceInput } from '../../domain/host-activities.ts';
import { renderServiceFiles } from '../../domain/postgrest/service-files.ts';
import type { ServiceBundle } from '../../domain/services.ts';
import { applicationNameOf } from '../../platform/runtime/application-name.ts';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import type { HostContext } from './context.ts';
import { busyPorts } from './ports.ts';
import { parseServiceBundle } from './service-bundle.ts';
import { writeServiceDirectory } from './service-directory.ts';

/**
 * Opens the bundle of a step.
 * @throws Failure NotAllowed when it was sealed for another host, instance or task
 */
export async function openBundle(context: HostContext, input: StartServiceInput): Promise<ServiceBundle> {
  const bundle = parseServiceBundle(await context.openBundle(input.sealedBundle, input));
  const expected = { ...input, hostId: context.hostId, installationId: context.installationId };
  const keys = ['installationId', 'hostId', 'instanceId', 'databaseId', 'taskId', 'epoch'] as const;
  const different = keys.filter((key) => bundle[key] !== expected[key]);
  if (different.length > 0) {
    throw new Failure('NotAllowed', `the sealed bundle is meant for something else: ${different.join(', ')} differ`);
  }
  return bundle;
}

/** The part of a bundle that is not secret, for one unit of its instance. */
export function launchOf({ records }: HostContext, bundle: ServiceBundle, unit: string): ServiceLaunch {
  const { settings: _settings, connection: _connection, secrets: _secrets, ...placement } = bundle;
  return { ...placement, unit, directory: records.directory(unit, 'conf') };
}

/** The files of a unit as its PostgREST is to see them, by name. Secret. */
export function filesOf({ runtime }: HostContext, bundle: ServiceBundle, launch: ServiceLaunch): Map<string, string> {
  const connection = { ...bundle.connection, applicationName: applicationNameOf(launch.unit) };
  return renderServiceFiles({ ...bundle, connection }, runtime.view(launch));
}

/** Writes the files of a unit to the launch's directory. */
export async function writeFiles(context: HostContext, bundle: ServiceBundle, launch: ServiceLaunch): Promise<void> {
  await writeServiceDirectory(launch.directory, filesOf(context, bundle, launch), context.runtime.fileOwner);
}

/** @throws Failure PortInUse when another process, or another instance of this host, has one of the ports */
export async function assertPortsFree(context: HostContext, launch: ServiceLaunch): Promise<void> {
  const { instanceId, address, port } = launch;
  const busy = await busyPorts(context, { ports: [port, port + 1], exceptInstanceId: instanceId });
  if (busy.length === 0) return;
  throw new Failure(
    'PortInUse',
    `port ${busy.join(' and ')} of ${context.hostId} is in use by another process; the service needs ${port} and ${port + 1}`,
    { details: { hostId: context.hostId, address, port, busy: busy.map(String) } },
  );
}
