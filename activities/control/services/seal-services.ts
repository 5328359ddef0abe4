import { Failure } from '../../../domain/failures.ts';
import { serviceInstanceId } from '../../../domain/identifiers.ts';
import { claimKeyIn } from '../../../domain/postgrest/claim-key.ts';
import { type PostgrestVersion, requireVersion, resolveVersion } from '../../../domain/postgrest/versions.ts';
import { coLocatedFirst } from '../../../domain/replication/endpoints.ts';
import type { ServiceBundle, ServiceConnection } from '../../../domain/services.ts';
import type { ResolvedService } from '../../../domain/spec/normalize.ts';
import { REQUIRE_AUDIENCE_FUNCTION } from '../../../domain/sql/access.ts';
import type { StepName } from '../../../domain/steps.ts';
import type { InstanceAction } from '../../../domain/update/instances.ts';
import { applicationNameOf } from '../../../platform/runtime/application-name.ts';
import { sealForHost } from '../../../platform/secrets/host-envelope.ts';
import { type HostRecord, listHosts } from '../../../store/hosts.ts';
import { setInstanceVersion } from '../../../store/instances.ts';
import { announceSteps } from '../../../store/journal.ts';
import { listServers, type ServerRecord } from '../../../store/servers.ts';
import type { Work, WorkInstance } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import { joinKeyFor } from '../hosts/join-key.ts';
import { openJwtSecrets, openServiceLogins, type ServiceLogin } from '../passwords.ts';
import { performStep } from '../step.ts';
import { planOf } from '../tasks/plan.ts';
import type { TaskRef } from '../types.ts';

/**
 * Builds the bundle of each instance and seals it to its host's key: only there can it be opened (R12). The start of each
 * instance is entered in the journal here, because hosts cannot write it.
 */
export function sealServices(
  deps: ControlDeps,
  input: TaskRef,
): Promise<{ bundles: { instanceId: string; sealedBundle: string }[] }> {
  return performStep(deps, { ...input, step: 'sealServices' }, async ({ work }) => {
    const [logins, jwtSecrets, hosts, servers] = await Promise.all([
      openServiceLogins(deps, work),
      openJwtSecrets(deps, work),
      listHosts(deps.db),
      listServers(
        deps.db,
        work.nodes.map((node) => node.serverName),
      ),
    ]);
    const touched = touchedInstances(deps, work);
    const steps = touched.map(({ instanceId, step }) => ({ step, target: instanceId }));
    if (!(await announceSteps(deps.db, { ...input, steps }))) {
      throw new Failure('StaleTask', `task ${work.taskId} was superseded`);
    }
    const bundles = await Promise.all(
      touched.map(async (instance) => {
        const host = requireHost(hosts, instance);
        const bundle = buildBundle({ deps, work, instance, host, servers, logins, jwtSecrets });
        // What an update resolves is recorded when it runs: until then the previous version does.
        if (work.change === undefined) {
          await setInstanceVersion(deps.db, { id: instance.instanceId, version: bundle.version });
        }
        const sealedBundle = await sealForHost({
          publicJwk: host.publicKey,
          joinToken: await joinKeyFor(deps, host.joinTokenId),
          binding: { hostId: host.id, instanceId: instance.instanceId, taskId: work.taskId },
          payload: bundle,
        });
        return { instanceId: instance.instanceId, sealedBundle };
      }),
    );
    return { bundles };
  });
}

/** Instances that the task starts or changes, each with the step that does it on its host. */
function touchedInstances(deps: ControlDeps, work: Work): (WorkInstance & { step: StepName })[] {
  const actions = new Map(planOf(deps, work).change?.instances.map(({ instanceId, action }) => [instanceId, action]));
  return work.instances.flatMap((instance) => {
    const action = work.change === undefined ? 'add' : actions.get(instance.instanceId);
    const step = action === undefined ? undefined : STEP_OF[action];
    return step === undefined ? [] : [{ ...instance, step }];
  });
}

const STEP_OF: Partial<Record<InstanceAction, StepName>> = {
  add: 'startService',
  reload: 'changeService',
  replace: 'changeService',
};

export type JoinedHost = HostRecord & Required<{ [K in 'publicKey' | 'facts']: NonNullable<HostRecord[K]> }>;

export function requireHost(hosts: readonly HostRecord[], instance: WorkInstance): JoinedHost {
  const host = hosts.find((candidate) => candidate.id === instance.hostId);
  if (host?.publicKey == null || host.facts === null) {
    throw new Failure('HostUnavailable', `host ${instance.hostId} has never joined; start its worker`);
  }
  return { ...host, publicKey: host.publicKey, facts: host.facts };
}

/** Everything that a host needs for one instance. Holds secrets: to be sealed at once. */
export function buildBundle(given: {
  deps: ControlDeps;
  work: Work;
  instance: WorkInstance;
  host: JoinedHost;
  servers: readonly ServerRecord[];
  /** By name of the `connect_as` role. */
  logins: ReadonlyMap<string, ServiceLogin>;
  jwtSecrets: ReadonlyMap<string, string>;
}): ServiceBundle {
  const { work, instance, host } = given;
  const service = work.spec.services.find((candidate) => candidate.serviceId === instance.serviceId);
  const login = service === undefined ? undefined : given.logins.get(service.connectAs);
  const address = host.facts.addresses[0];
  if (service === undefined || login === undefined || address === undefined) {
    throw new Failure(
      'InvalidSpec',
      `service ${instance.serviceId} has no connect_as password, or its host no address`,
    );
  }
  const jwtSecret = given.jwtSecrets.get(service.serviceId);
  const majors = given.servers.map((server) => Math.floor(server.versionNum / 10_000));
  const release =
    instance.version === null
      ? resolveVersion(service.version, {
          postgresMajor: Math.max(...majors),
          available: host.facts.postgrestVersions,
        })
      : requireVersion(instance.version);
  assertServable(release, service);
  return {
    installationId: given.deps.installationId,
    instanceId: instance.instanceId,
    databaseId: work.databaseId,
    serviceId: service.serviceId,
    hostId: host.id,
    taskId: work.taskId,
    epoch: work.epoch,
    version: release.version,
    ...(service.image === undefined ? {} : { image: service.image }),
    address: instance.published ? address : localAddress(address),
    port: instance.port,
    ...(service.cpus === undefined ? {} : { cpus: service.cpus }),
    ...(service.memoryBytes === undefined ? {} : { memoryBytes: service.memoryBytes }),
    labels: service.labels,
    settings: {
      ...service.settings,
      ...(service.settings.jwtAudience === undefined ? {} : { preRequest: REQUIRE_AUDIENCE_FUNCTION }),
    },
    connection: connectionOf({ work, service, host, servers: given.servers, user: login.user }),
    secrets: { password: login.password, ...(jwtSecret === undefined ? {} : { jwtSecret }) },
  };
}

/** What a release cannot be told is refused here, before any host has begun. */
function assertServable(release: PostgrestVersion, { settings }: ResolvedService): void {
  if (settings.jwtRoleClaimKey !== undefined) claimKeyIn(release.claimKeySyntax, settings.jwtRoleClaimKey);
}

/** A service without a published port listens where only its own machine reaches it. */
function localAddress(address: string): string {
  return address.startsWith('127.') ? address : '127.0.0.1';
}

/**
 * Every endpoint of every node, so that libpq finds the primary by itself: the nodes that the service names in their order, else
 * the node with a server on the service's own host first; within a node the endpoint on that host first.
 */
function connectionOf(of: {
  work: Work;
  service: ResolvedService;
  host: JoinedHost;
  servers: readonly ServerRecord[];
  user: string;
}): ServiceConnection {
  const { work, service, host, servers, user } = of;
  const serverOf = (nodeName: string) => {
    const name = work.nodes.find((node) => node.name === nodeName)?.serverName;
    return servers.find((server) => server.name === name);
  };
  const isLocal = (nodeName: string) =>
    work.spec.nodes.find((node) => node.name === nodeName)?.hostIds.includes(host.id) ?? false;
  const specOrder = work.spec.nodes.map((node) => node.name);
  const order =
    service.targetNodes.length > 0
      ? service.targetNodes
      : [...specOrder.filter(isLocal), ...specOrder.filter((name) => !isLocal(name))];
  const ordered = order.flatMap((name) => serverOf(name) ?? []);
  const tls = ordered[0]?.tls;
  return {
    user,
    database: work.databaseName,
    servers: ordered.flatMap((server) =>
      server.name === host.serverName ? coLocatedFirst(host, server.endpoints) : server.endpoints,
    ),
    targetSessionAttributes: service.targetSessionAttributes,
    sslMode: tls?.mode ?? 'disable',
    ...(tls?.caCertificate === undefined ? {} : { caCertificate: tls.caCertificate }),
    applicationName: applicationNameOf(
      serviceInstanceId({ databaseId: work.databaseId, serviceId: service.serviceId, hostId: host.id }),
    ),
  };
}
