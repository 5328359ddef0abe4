import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { healthCommand, POSTGREST_BINARY } from '../../domain/postgrest/commands.ts';
import { SERVICE_FILES } from '../../domain/postgrest/conf.ts';
import { requireVersion } from '../../domain/postgrest/versions.ts';
import { CHECK_ENVIRONMENT, serviceEnvironment } from './runtime-system.ts';
import type { ServiceLaunch } from './service-runtime.ts';
import type { ServiceUser } from './service-user.ts';

/** Where the instance's directory appears inside its container. */
export const CONTAINER_DIRECTORY = '/app/data';
const CONF = `${CONTAINER_DIRECTORY}/${SERVICE_FILES.conf}`;
/** The engine's unit of time. */
const NANOSECONDS = 1e9;
/** Name of the container's own host inside a bridged container. */
export const HOST_ALIAS = 'host.docker.internal';
export const STOP_TIMEOUT_SECONDS = 10;
export const RESTART_POLICY = { Name: 'on-failure', MaximumRetryCount: 5 };

/** Labels of our containers. Every question to the engine filters by installation and host (R15). */
export const LABELS = {
  installation: 'pgsteward.installation',
  host: 'pgsteward.host',
  database: 'pgsteward.database',
  service: 'pgsteward.service',
  instance: 'pgsteward.instance',
  unit: 'pgsteward.unit',
  task: 'pgsteward.task',
  epoch: 'pgsteward.epoch',
  version: 'pgsteward.version',
  port: 'pgsteward.port',
  /** Unit whose files the container checks. */
  check: 'pgsteward.check',
  /** Hash of everything the container was created with: an equal one is left alone. */
  configuration: 'pgsteward.configuration',
} as const;

/** `host`: the host's own interfaces. `bridge`: an own network, with the one port published. */
export type ContainerNetwork = 'host' | 'bridge';

/** What the engine is asked to create for a unit. Contains no secret: all of it can be read by inspection (R14). */
export function containerOptions(
  launch: ServiceLaunch,
  surroundings: { image: string; network: ContainerNetwork; user: ServiceUser },
): Docker.ContainerCreateOptions & { Labels: Record<string, string> } {
  const { image, network, user } = surroundings;
  const labels: Record<string, string> = {
    ...launch.labels,
    [LABELS.installation]: launch.installationId,
    [LABELS.host]: launch.hostId,
    [LABELS.database]: launch.databaseId,
    [LABELS.service]: launch.serviceId,
    [LABELS.instance]: launch.instanceId,
    [LABELS.unit]: launch.unit,
    [LABELS.task]: launch.taskId,
    [LABELS.epoch]: String(launch.epoch),
    [LABELS.version]: launch.version,
    [LABELS.port]: String(launch.port),
  };
  const options = {
    name: containerName(launch),
    Image: image,
    // Both are always given: the official image has a command only, others have an entry point.
    Entrypoint: [POSTGREST_BINARY],
    Cmd: [CONF],
    Healthcheck: healthcheck(launch, network),
    User: `${user.uid}:${user.gid}`,
    Env: Object.entries(serviceEnvironment(launch, CONTAINER_DIRECTORY)).map(([name, value]) => `${name}=${value}`),
    StopSignal: 'SIGTERM',
    StopTimeout: STOP_TIMEOUT_SECONDS,
    Labels: labels,
    HostConfig: {
      // Unlike `Binds`, a mount fails when the engine does not see the directory, instead of making an empty one.
      Mounts: [{ Type: 'bind', Source: launch.directory, Target: CONTAINER_DIRECTORY, ReadOnly: true }],
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      // GHC starts a few threads per core.
      PidsLimit: 512,
      RestartPolicy: RESTART_POLICY,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      ...(launch.memoryBytes !== undefined && { Memory: launch.memoryBytes, MemorySwap: launch.memoryBytes }),
      ...(launch.cpus !== undefined && { NanoCpus: Math.round(launch.cpus * 1e9) }),
      ...networkOptions(launch, network),
    },
    ...(network === 'bridge' && { ExposedPorts: { [`${launch.port}/tcp`]: {} } }),
  } satisfies Docker.ContainerCreateOptions;
  const configuration = createHash('sha256').update(JSON.stringify(options)).digest('hex');
  return { ...options, Labels: { ...labels, [LABELS.configuration]: configuration } };
}

/**
 * A short-lived container that checks the files of a unit and then ends: what {@link containerOptions} gives, without
 * ports, restarts and a log. It carries no host label, so it is never taken for a unit.
 */
export function checkOptions(
  launch: ServiceLaunch,
  surroundings: { image: string; network: ContainerNetwork; user: ServiceUser },
): Docker.ContainerCreateOptions & { name: string } {
  const { ExposedPorts: _ports, ...unit } = containerOptions(launch, surroundings);
  const { PortBindings: _bindings, ...hostConfig } = unit.HostConfig ?? {};
  return {
    ...unit,
    name: checkName(launch),
    Cmd: ['--dump-schema', ...(unit.Cmd ?? [])],
    Env: [...(unit.Env ?? []), ...Object.entries(CHECK_ENVIRONMENT).map(([name, value]) => `${name}=${value}`)],
    Labels: { [LABELS.installation]: launch.installationId, [LABELS.check]: launch.unit },
    HostConfig: { ...hostConfig, RestartPolicy: { Name: 'no' }, LogConfig: { Type: 'none', Config: {} } },
  };
}

/** Name of the container that checks the files of a unit. */
export function checkName({ installationId, unit }: { installationId: string; unit: string }): string {
  return containerName({ installationId, unit: `${unit}--check` });
}

/**
 * Name of a unit's container: at most 63 characters, because it may serve as a host name too. A long unit id is cut, and a
 * hash of the whole keeps the name unique.
 */
export function containerName(of: { installationId: string; unit: string }): string {
  // The end: ids that begin with a time stamp share their first characters when made in the same minute.
  const prefix = `pgst-${of.installationId.slice(-8)}-`;
  if (prefix.length + of.unit.length <= 63) return prefix + of.unit;
  const digest = createHash('sha256').update(of.unit).digest('hex').slice(0, 10);
  const kept = of.unit.slice(0, 63 - prefix.length - digest.length - 1).replace(/-+$/, '');
  return `${prefix}${kept}-${digest}`;
}

/** Host networking where the engine runs on this very machine; in a virtual machine `host` would be that machine's. */
export function defaultNetwork(engine: { platform: NodeJS.Platform; operatingSystem: string }): ContainerNetwork {
  return engine.platform === 'linux' && engine.operatingSystem !== 'Docker Desktop' ? 'host' : 'bridge';
}

/** The engine's own look at the container; `NONE` also switches off what an image may bring. */
function healthcheck({ version, port }: ServiceLaunch, network: ContainerNetwork): Docker.HealthConfig {
  const ownNetwork = network === 'bridge' ? { loopbackAlias: HOST_ALIAS } : {};
  const health = healthCommand(requireVersion(version), { port, conf: CONF, ...ownNetwork });
  if (health === undefined) return { Test: ['NONE'] };
  return {
    Test: ['CMD', ...health.command],
    StartPeriod: health.startPeriodSeconds * NANOSECONDS,
    Interval: health.intervalSeconds * NANOSECONDS,
    Timeout: health.timeoutSeconds * NANOSECONDS,
    Retries: health.retries,
  };
}

function networkOptions(launch: ServiceLaunch, network: ContainerNetwork): Docker.HostConfig {
  if (network === 'host') return { NetworkMode: 'host' };
  return {
    NetworkMode: 'bridge',
    PortBindings: { [`${launch.port}/tcp`]: [{ HostIp: launch.address, HostPort: String(launch.port) }] },
    ExtraHosts: [`${HOST_ALIAS}:host-gateway`],
  };
}
