import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { servicesDirectory } from '../../../activities/host/instance-records.ts';
import { unitsOf } from '../../../domain/services/units.ts';
import { LABELS } from '../../../platform/runtime/docker-container.ts';
import { processesIn } from '../../support/services.ts';
import type { Installation, SoakHost } from '../installation.ts';
import { type Check, difference } from './check.ts';

interface Instance {
  id: string;
  host: string;
  port: number;
}

/** A service that was killed a moment ago is started again by its host. */
const ANSWER_BOUND_MS = 60_000;
const POLL_MS = 500;

/** On each host runs what metadata says, once, and answers; no other process, container, directory or listener is there. */
export const checkHosts: Check = async ({ installation }) => {
  const instances = await installation.metadata.query<Instance>(
    'SELECT id, host_id AS host, port FROM service_instances ORDER BY id',
  );
  const silent = (await Promise.all(instances.map((one) => isSilent(installation, one)))).flat();
  const perHost = await Promise.all(
    installation.hosts.map((host) =>
      onHost(
        installation,
        host,
        instances.filter((one) => one.host === host.id),
      ),
    ),
  );
  return [...silent, ...perHost.flat()];
};

async function isSilent({ hosts }: Installation, { id, host, port }: Instance): Promise<string[]> {
  const address = hosts.find((one) => one.id === host)?.address;
  const deadline = Date.now() + ANSWER_BOUND_MS;
  for (;;) {
    const answers = await Promise.all(
      [`http://${address}:${port}/`, `http://${address}:${port + 1}/ready`].map((url) =>
        fetch(url, { signal: AbortSignal.timeout(10_000), headers: { connection: 'close' } }).then(
          ({ status }) => String(status),
          (error: Error) => (error.cause instanceof Error ? error.cause.message : error.message),
        ),
      ),
    );
    if (answers.every((answer) => answer === '200')) return [];
    if (Date.now() > deadline) return [`service ${id} on port ${port} answers ${answers.join(' and ')}`];
    await delay(POLL_MS);
  }
}

async function onHost(installation: Installation, host: SoakHost, instances: readonly Instance[]): Promise<string[]> {
  const services = servicesDirectory(host.dataDir);
  // Files with a dot are the runtime's own.
  const directories = (await readdir(services)).filter((name) => !name.startsWith('.'));
  const units: string[] = instances.flatMap(({ id }) => unitsOf(id));
  const strays = directories
    .filter((name) => !units.includes(name))
    .map((name) => `files of a service were left behind: ${host.id} ${name}`);
  const missing = instances
    .filter(({ id }) => !directories.includes(id))
    .map(({ id }) => `files of a service are missing: ${host.id} ${id}`);
  return [
    ...strays,
    ...missing,
    ...difference(`port of ${host.id}`, {
      wanted: instances.flatMap(({ port }) => [String(port), String(port + 1)]),
      found: await listeners(installation, host),
    }),
    ...(await running(installation, host, services, instances)),
  ];
}

async function running(
  installation: Installation,
  host: SoakHost,
  services: string,
  instances: readonly Instance[],
): Promise<string[]> {
  if (host.runtime === 'docker') {
    const [installed] = await installation.metadata.query<{ id: string }>('SELECT id FROM installation');
    const containers = await new Docker().listContainers({
      all: true,
      filters: { label: [`${LABELS.installation}=${installed?.id}`] },
    });
    return containers.length === instances.length
      ? []
      : [
          `${host.id} has ${containers.length} containers for ${instances.length} services: ${containers.map(({ Names, State }) => `${Names[0]} ${State}`)}`,
        ];
  }
  const counts = await Promise.all(
    instances.map(async ({ id }) => {
      const pids = (await Promise.all(unitsOf(id).map((unit) => processesIn(join(services, unit))))).flat();
      return pids.length === 1 ? [] : [`service ${id} has ${pids.length} processes`];
    }),
  );
  const all = await processesIn(services);
  return all.length === instances.length
    ? counts.flat()
    : [...counts.flat(), `${host.id} has ${all.length} processes for ${instances.length} services`];
}

/** Ports of the range of services that somebody listens on at the address of the host. */
async function listeners({ ports }: Installation, { address }: SoakHost): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ss', ['-Hltn']);
  return stdout.split('\n').flatMap((line) => {
    const local = line.trim().split(/\s+/)[3] ?? '';
    const port = Number(local.slice(local.lastIndexOf(':') + 1));
    return local.startsWith(`${address}:`) && port >= ports.first && port <= ports.last ? [String(port)] : [];
  });
}
