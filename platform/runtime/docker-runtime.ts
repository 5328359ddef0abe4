import { mkdir } from 'node:fs/promises';
import type Docker from 'dockerode';
import { Failure } from '../../domain/failures.ts';
import { POSTGREST_VERSIONS } from '../../domain/postgrest/versions.ts';
import type { Log } from '../log.ts';
import { findBundledBinary } from './bundled-binary.ts';
import {
  CONTAINER_DIRECTORY,
  type ContainerNetwork,
  containerName,
  containerOptions,
  defaultNetwork,
  HOST_ALIAS,
  LABELS,
  STOP_TIMEOUT_SECONDS,
} from './docker-container.ts';
import { engineFailure, engineStatus, ifExists, withEngine } from './docker-errors.ts';
import { tailContainerLog, watchContainerLog } from './docker-log.ts';
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
  log: Log;
}

/** PostgREST in hardened containers, one per instance. */
export async function createDockerRuntime(options: DockerRuntimeOptions): Promise<ServiceRuntime> {
  const { installationId, hostId, docker, log } = options;
  await mkdir(options.servicesDir, { recursive: true, mode: 0o711 });
  const network = options.network ?? (await networkOf(docker));
  // Files of mode 0600 have to belong to the container's user, and only root can give files away.
  const user = ownUser().uid === 0 ? (options.user ?? NONROOT) : ownUser();
  const images = createServiceImages({ docker, binary: await findBundledBinary() });
  const nameOf = (instanceId: string) => containerName({ installationId, instanceId });

  /** The container of that name; undefined when there is none. @throws Failure NameConflict when it is not ours (R15) */
  async function find(instanceId: string): Promise<Docker.ContainerInspectInfo | undefined> {
    const name = nameOf(instanceId);
    const found = await withEngine(`inspecting ${name}`, () => ifExists(docker.getContainer(name).inspect()));
    if (found === undefined || isOurs(found.Config.Labels, instanceId)) return found;
    throw new Failure('NameConflict', `a container named ${name} exists and was not made by this installation`, {
      details: { container: name },
    });
  }

  function isOurs(labels: Record<string, string> | undefined, instanceId: string): boolean {
    return labels?.[LABELS.installation] === installationId && labels[LABELS.instance] === instanceId;
  }

  async function removeContainer(id: string): Promise<void> {
    const container = docker.getContainer(id);
    await withEngine('removing a container', async () => {
      await ifExists(container.stop({ t: STOP_TIMEOUT_SECONDS }).catch(ignoreUnchanged));
      await ifExists(container.remove({ force: true, v: true }));
    });
  }

  async function start(launch: ServiceLaunch): Promise<ServiceState> {
    const image = await images.ensure({
      ...launch,
      progress: (text) => log.info({ instanceId: launch.instanceId }, text),
    });
    const wanted = containerOptions(launch, { image, network, user });
    const existing = await find(launch.instanceId);
    const equal = existing?.Config.Labels[LABELS.configuration] === wanted.Labels[LABELS.configuration];
    if (existing !== undefined && !equal) await removeContainer(existing.Id);
    const doing = `starting container ${wanted.name}`;
    await withEngine(doing, async () => {
      const container = equal && existing ? docker.getContainer(existing.Id) : await docker.createContainer(wanted);
      await container.start().catch(ignoreUnchanged);
    });
    return await present(launch.instanceId);
  }

  async function present(instanceId: string): Promise<ServiceState> {
    const found = await find(instanceId);
    if (found === undefined) throw new Failure('ServiceNotReady', `container ${nameOf(instanceId)} does not exist`);
    return stateOf(found);
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
    start,
    async inspect(instanceId) {
      const found = await find(instanceId);
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
    async signal(instanceId, signal) {
      const found = await find(instanceId);
      if (found === undefined || !isUp(found)) return;
      await withEngine('signalling a container', () => docker.getContainer(found.Id).kill({ signal }));
    },
    logTail: (instanceId, lines) =>
      withEngine(
        'reading a log',
        async () => (await ifExists(tailContainerLog(docker, nameOf(instanceId), lines))) ?? [],
      ),
    watchLog: (instanceId, texts, watchOptions) => watchContainerLog(docker, nameOf(instanceId), texts, watchOptions),
    async stop(instanceId, { graceMs }) {
      const found = await find(instanceId);
      if (found === undefined) return;
      const t = Math.ceil(graceMs / 1000);
      await withEngine('stopping a container', () => docker.getContainer(found.Id).stop({ t }).catch(ignoreUnchanged));
    },
    async startAgain(instanceId) {
      const { Id } = (await find(instanceId)) ?? { Id: nameOf(instanceId) };
      await withEngine('starting a container', () => docker.getContainer(Id).start().catch(ignoreUnchanged));
      return await present(instanceId);
    },
    async remove(instanceId) {
      const found = await find(instanceId);
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

/** 304: it is already in the state that was asked for. */
function ignoreUnchanged(error: unknown): void {
  if (engineStatus(error) !== 304) throw error;
}
