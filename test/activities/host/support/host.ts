import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { createHostContext, type HostContext } from '../../../../activities/host/context.ts';
import { createHostActivities } from '../../../../activities/host/index.ts';
import { servicesDirectory } from '../../../../activities/host/instance-records.ts';
import type { HostActivities, StartServiceInput } from '../../../../domain/host-activities.ts';
import { serviceInstanceId } from '../../../../domain/identifiers.ts';
import type {
  ChangedService,
  ChangeMode,
  RuntimeKind,
  ServiceBundle,
  ServiceObservation,
} from '../../../../domain/services.ts';
import { chooseRuntime } from '../../../../platform/runtime/choose.ts';
import type { ContainerNetwork } from '../../../../platform/runtime/docker-container.ts';
import { openOnHost, sealForHost } from '../../../../platform/secrets/host-envelope.ts';
import { createHostKeyPair } from '../../../../platform/secrets/host-key.ts';
import { createAdminGateways } from '../../../../worker/gateway.ts';
import { BOUNDS } from './changes.ts';
import type { TestDatabase } from './database.ts';

const HOST_ID = 'host-1';
const JOIN_TOKEN = 'a join token of tests';

/** The parts of a host worker, put together as the worker does it. */
export interface TestHost {
  context: HostContext;
  /** The activities, each run as an activity. */
  activities: HostActivities;
  bundle(database: TestDatabase, of: { port: number } & Partial<ServiceBundle>): ServiceBundle;
  startInput(bundle: ServiceBundle): Promise<StartServiceInput>;
  /** Starts a service and waits until it is ready. */
  up(bundle: ServiceBundle): Promise<ServiceObservation>;
  /** `changeService` with a bundle, within bounds that no healthy change comes near unless given. */
  change(
    bundle: ServiceBundle,
    of: { mode: ChangeMode; drainMs?: number; readyTimeoutMs?: number },
  ): Promise<ChangedService>;
  /** Ends this worker; services keep running. */
  close(): Promise<void>;
}

/** An id that sorts and looks like one of an installation. */
export function newInstallationId(): string {
  return randomUUID();
}

export async function startHost(of: {
  kind: RuntimeKind;
  installationId: string;
  dataDir: string;
  network?: ContainerNetwork;
}): Promise<TestHost> {
  const { kind, installationId, dataDir, network } = of;
  const log = pino({ level: 'silent' });
  const hostKey = await createHostKeyPair();
  const runtime = await chooseRuntime({
    forced: kind,
    installationId,
    hostId: HOST_ID,
    servicesDir: servicesDirectory(dataDir),
    ...(network !== undefined && { network }),
    log,
  });
  const gateways = createAdminGateways({ runtime, log });
  const context = createHostContext({
    installationId,
    hostId: HOST_ID,
    workerId: randomUUID(),
    runtime,
    dataDir,
    addresses: ['127.0.0.1'],
    openBundle: (jwe, binding) =>
      openOnHost({ hostKey, joinToken: JOIN_TOKEN, jwe, binding: { hostId: HOST_ID, ...pick(binding) } }),
    gateways,
    log,
  });
  const activities = asActivities(createHostActivities(context));

  async function startInput(bundle: ServiceBundle): Promise<StartServiceInput> {
    const { instanceId, databaseId, taskId, epoch } = bundle;
    const sealedBundle = await sealForHost({
      publicJwk: hostKey.publicJwk,
      joinToken: JOIN_TOKEN,
      binding: { hostId: HOST_ID, instanceId, taskId },
      payload: bundle,
    });
    return { instanceId, databaseId, taskId, epoch, sealedBundle };
  }

  return {
    context,
    activities,
    bundle: (database, changes) => ({ ...exampleBundle(installationId, database), ...changes }),
    startInput,
    async up(bundle) {
      const started = await activities.startService(await startInput(bundle));
      await activities.awaitService({ ...bundle, timeoutMs: BOUNDS.readyTimeoutMs });
      return started;
    },
    change: async (bundle, of) => await activities.changeService({ ...(await startInput(bundle)), ...BOUNDS, ...of }),
    async close() {
      await gateways.closeAll();
      await runtime.close();
    },
  };
}

function pick({ instanceId, taskId }: { instanceId: string; taskId: string }) {
  return { instanceId, taskId };
}

function asActivities(activities: HostActivities): HostActivities {
  const run =
    <I, O>(activity: (input: I) => Promise<O>) =>
    (input: I) =>
      new MockActivityEnvironment().run<[I], O, (input: I) => Promise<O>>(activity, input);
  return {
    ...activities,
    probePorts: run(activities.probePorts),
    startService: run(activities.startService),
    awaitService: run(activities.awaitService),
    changeService: run(activities.changeService),
    undoChangeService: run(activities.undoChangeService),
    settleService: run(activities.settleService),
    undoStartService: run(activities.undoStartService),
    removeService: run(activities.removeService),
    nudgeServices: run(activities.nudgeServices),
    describeHost: run(activities.describeHost),
  };
}

function exampleBundle(installationId: string, database: TestDatabase): Omit<ServiceBundle, 'port'> {
  const databaseId = `db-${randomUUID().slice(0, 8)}`;
  const instanceId = serviceInstanceId({ databaseId, serviceId: 'api', hostId: HOST_ID });
  return {
    installationId,
    instanceId,
    databaseId,
    serviceId: 'api',
    hostId: HOST_ID,
    taskId: randomUUID(),
    epoch: 1,
    version: '12.0.2',
    address: '127.0.0.1',
    settings: { schemas: ['api'], anonymousRole: 'web_anon', pool: 2, maxRows: 1000, channel: instanceId },
    connection: {
      user: database.user,
      database: 'postgres',
      servers: [{ address: '127.0.0.1', port: database.port }],
      targetSessionAttributes: 'read-write',
      sslMode: 'disable',
      applicationName: instanceId,
    },
    secrets: { password: database.password, jwtSecret: 'a secret of at least thirty-two bytes' },
  };
}
