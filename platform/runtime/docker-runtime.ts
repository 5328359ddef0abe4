import { mkdir } from 'node:fs/promises';
import type Docker from 'dockerode';
import { Failure } from '../../domain/failures.ts';
import { POSTGREST_VERSIONS } from '../../domain/postgrest/versions.ts';
import type { Log } from '../log.ts';
import { findBundledBinary } from './bundled-binary.ts';
import { checkByContainer, removeOwnCheck } from './docker-check.ts';
import {
  CONTAINER_DIRECTORY,
  type ContainerNetwork,
  checkName,
  checkOptions,
  containerName,
  containerOptions,
  defaultNetwork,
  HOST_ALIAS,
  LABELS,
  RESTART_POLICY,
  STOP_TIMEOUT_SECONDS,
} from './docker-container.ts';
import { engineFailure, ifExists, ignoreUnchanged, withEngine } from './docker-errors.ts';
import { tailContainerLog, watchContainerLog } from './docker-log.ts';
import { stopContainer, stopWhenQuiet } from './docker-stop.ts';
import { createServiceImages } from './image.ts';
import type { ServiceLaunch, ServiceRuntime, ServiceState } from './service-runtime.ts';
import { NONROOT, ownUser, type ServiceUser } from './service-user.ts';

/** Options of {@link createDockerRuntime}. */
export interface DockerRuntimeOptions {
  installationId: string;
  hostId: string;
  /** Directory of the instances; made when missing. */
  servicesDir: string;
  /** Client of the engine; it must run on this machine and see `servicesDir` under the same path. */
  docker: Docker;
  /** Chosen from what the engine says about itself unless given. */
  network?: ContainerNetwork;
  /** User of the services when this process is root (65532 unless given); otherwise they run as its own user. */
  user?: ServiceUser;
  /** Repository that official images are pulled from instead of their own. */
  imageMirror?: string | undefined;
  log: Log;
}

/** PostgREST in hardened containers, one per unit. */
export async function createDockerRuntime(options: DockerRuntimeOptions): Promise<ServiceRuntime> {
  const { installationId, hostId, docker, log } = options;
  await mkdir(options.servicesDir, { recursive: true, mode: 0o711 });
  const network = options.network ?? (await networkOf(docker));
  // Files of mode 0600 have to belong to the container's user, and only root can give files away.
  const user = ownUser().uid === 0 ? (options.user ?? NONROOT) : ownUser();
  const images = createServiceImages({
    docker,
    binary: await findBundledBinary(),
    mirror: options.imageMirror,
  });
  /** Units whose processes have ended, which the engine has yet to notice: it would take them for running. */
  const ending = new Map<string, Promise<unknown>>();
  const nameOf = (unit: string) => containerName({ installationId, unit });

  /** The container of that name; undefined when there is none. @throws Failure NameConflict when it is not ours (R15) */
  async function find(unit: string): Promise<Docker.ContainerInspectInfo | undefined> {
    const name = nameOf(unit);
    const found = await withEngine(`inspecting ${name}`, () => ifExists(docker.getContainer(name).inspect()));
    if (found === undefined || isOurs(found.Config.Labels, unit)) return found;
    throw new Failure('NameConflict', `a container named ${name} exists and was not made by this installation`, {
      details: { container: name },
    });
  }

  function isOurs(labels: Record<string, string> = {}, unit: string): boolean {
    return labels[LABELS.installation] === installationId && unitOf(labels) === unit;
  }

  async function removeContainer(id: string): Promise<void> {
    const container = docker.getContainer(id);
    await withEngine('removing a container', async () => {
      await ifExists(container.stop({ t: STOP_TIMEOUT_SECONDS }).catch(ignoreUnchanged));
      await ifExists(container.remove({ force: true, v: true }));
    });
  }

  /** The container of this launch, and whether it was there already. */
  async function create(launch: ServiceLaunch): Promise<Docker.Container> {
    const image = await imageOf(launch);
    const wanted = containerOptions(launch, { image, network, user });
    const existing = await find(launch.unit);
    const equal = existing?.Config.Labels[LABELS.configuration] === wanted.Labels[LABELS.configuration];
    if (existing !== undefined && equal) return docker.getContainer(existing.Id);
    if (existing !== undefined) await removeContainer(existing.Id);
    return await withEngine(`creating container ${wanted.name}`, () => docker.createContainer(wanted));
  }

  function imageOf(launch: ServiceLaunch): Promise<string> {
    return images.ensure({ ...launch, progress: (text) => log.info({ instanceId: launch.instanceId }, text) });
  }

  async function present(unit: string): Promise<ServiceState> {
    const found = await find(unit);
    if (found === undefined) throw new Failure('ServiceNotReady', `container ${nameOf(unit)} does not exist`);
    return stateOf(found);
  }

  async function discardCheck(unit: string): Promise<void> {
    const name = checkName({ installationId, unit });
    await withEngine('removing a container', () => removeOwnCheck(docker, { name, installationId }));
  }

  return {
    kind: 'docker',
    fileOwner: user,
    view: ({ address, port }) =>
      network === 'host'
        ? { directory: CONTAINER_DIRECTORY, address, port }
        : // A published port leads to the container's own interface, never to its loopback.
          { directory: CONTAINER_DIRECTORY, address: '*4', port, loopbackAlias: HOST_ALIAS },
    prepare: async (request) => ({ image: await images.ensure(request) }),
    availableVersions: () => withEngine('listing images', () => images.availableVersions(POSTGREST_VERSIONS)),
    async create(launch) {
      await create(launch);
    },
    async start(launch) {
      const container = await create(launch);
      const doing = `starting container ${nameOf(launch.unit)}`;
      await withEngine(doing, () => container.start().catch(ignoreUnchanged));
      return await present(launch.unit);
    },
    async check(launch, checkOptionsOf) {
      const options = checkOptions(launch, { image: await imageOf(launch), network, user });
      await discardCheck(launch.unit);
      return await checkByContainer(docker, options, checkOptionsOf);
    },
    discardCheck,
    async inspect(unit) {
      const found = await find(unit);
      return found && stateOf(found);
    },
    async list() {
      const label = [`${LABELS.installation}=${installationId}`, `${LABELS.host}=${hostId}`];
      const found = await withEngine('listing containers', async () => {
        const containers = await docker.listContainers({ all: true, filters: { label } });
        return await Promise.all(containers.map(({ Id }) => ifExists(docker.getContainer(Id).inspect())));
      });
      return found.flatMap((container) => (container === undefined ? [] : [stateOf(container)]));
    },
    async signal(unit, signal) {
      const found = await find(unit);
      if (found === undefined || !isUp(found)) return;
      await withEngine('signalling a container', () => docker.getContainer(found.Id).kill({ signal }));
    },
    logTail: (unit, lines) =>
      withEngine('reading a log', async () => (await ifExists(tailContainerLog(docker, nameOf(unit), lines))) ?? []),
    watchLog: (unit, sought, watchOptions) => watchContainerLog(docker, nameOf(unit), sought, watchOptions),
    async stop(unit, { quietMs, graceMs, signal }) {
      const found = await find(unit);
      if (found === undefined) return { killed: false, toldAt: performance.now() };
      return await withEngine('stopping a container', async () => {
        const port = Number(found.Config.Labels[LABELS.port]);
        const options = { port, graceMs, ...(signal !== undefined && { signal }) };
        const quiet = quietMs !== undefined && isUp(found);
        const stopped = quiet ? await stopWhenQuiet(docker, found, { ...options, quietMs }) : undefined;
        if (stopped === undefined) return await stopContainer(docker, found, { graceMs });
        const noticed = stopped.noticed.catch(() => undefined).finally(() => ending.delete(unit));
        ending.set(unit, noticed);
        // On the host's network the port is free with the end of the process; a published one belongs to the engine.
        if (network === 'bridge') await noticed;
        return stopped.stop;
      });
    },
    async startAgain(unit) {
      await ending.get(unit);
      const found = await find(unit);
      const container = docker.getContainer(found?.Id ?? nameOf(unit));
      await withEngine('starting a container', async () => {
        // A stop that was cut short has left it without its restarts.
        if (found !== undefined && found.HostConfig.RestartPolicy?.Name !== RESTART_POLICY.Name) {
          await container.update({ RestartPolicy: RESTART_POLICY });
        }
        await container.start().catch(ignoreUnchanged);
      });
      return await present(unit);
    },
    async remove(unit) {
      await ending.get(unit);
      await discardCheck(unit);
      const found = await find(unit);
      if (found === undefined) return { removed: false };
      await removeContainer(found.Id);
      return { removed: true };
    },
    async health() {
      try {
        const { Version } = await docker.version();
        return { healthy: true, details: { engine: Version, network } };
      } catch (error) {
        return { healthy: false, error: engineFailure(error, 'asking for its version').message };
      }
    },
    close: async () => undefined,
  };
}

async function networkOf(docker: Docker): Promise<ContainerNetwork> {
  const info = (await withEngine('asking the engine about itself', () => docker.info())) as { OperatingSystem: string };
  return defaultNetwork({ platform: process.platform, operatingSystem: info.OperatingSystem });
}

function isUp(container: Docker.ContainerInspectInfo): boolean {
  return container.State.Running && !container.State.Restarting;
}

function stateOf(container: Docker.ContainerInspectInfo): ServiceState {
  const labels = container.Config.Labels;
  return {
    instanceId: labels[LABELS.instance] ?? '',
    unit: unitOf(labels) ?? '',
    databaseId: labels[LABELS.database] ?? '',
    serviceId: labels[LABELS.service] ?? '',
    port: Number(labels[LABELS.port]),
    version: labels[LABELS.version] ?? '',
    image: container.Config.Image,
    running: isUp(container),
    restarting: container.State.Restarting,
    containerId: container.Id,
    startedAt: container.State.StartedAt,
  };
}

/** One from before there were units is in the first slot. */
function unitOf(labels: Record<string, string>): string | undefined {
  return labels[LABELS.unit] ?? labels[LABELS.instance];
}
