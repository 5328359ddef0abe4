import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker, type WorkerInterceptors } from '@temporalio/worker';
import { v7 as uuidv7 } from 'uuid';
import { createHostContext } from '../activities/host/context.ts';
import { describeHost } from '../activities/host/describe-host.ts';
import { createHostActivities } from '../activities/host/index.ts';
import { servicesDirectory } from '../activities/host/instance-records.ts';
import { createServiceKeeper } from '../activities/host/keeper.ts';
import { reconcileHost, stopServices } from '../activities/host/reconcile.ts';
import { warmUp } from '../activities/host/warm-up.ts';
import { hostTaskQueue } from '../domain/identifiers.ts';
import type { RuntimeKind } from '../domain/services.ts';
import type { Config } from '../platform/config/config.ts';
import type { Log } from '../platform/log.ts';
import { chooseRuntime } from '../platform/runtime/choose.ts';
import { openOnHost } from '../platform/secrets/host-envelope.ts';
import { loadOrCreateHostKey } from '../platform/secrets/host-key.ts';
import { joinKeyOf, loadJoinToken } from '../platform/secrets/join-token.ts';
import { activityEdge, HEARTBEAT_THROTTLE_MS, tracedBy } from './activity-edge.ts';
import { createAdminGateways } from './gateway.ts';
import { createHostControl } from './host-control.ts';
import type { Observability } from './observability.ts';
import { type RunningWorker, runWorker } from './running-worker.ts';
import type { TemporalSession } from './temporal-session.ts';

/** Enough for a burst of deployments while questions about the host are still answered at once. */
const MAX_ACTIVITIES = 20;
const SHUTDOWN_GRACE_MS = 5_000;
const STOP_SERVICE_GRACE_MS = 3_000;

/** Options of {@link startHostWorker}. */
export interface HostWorkerOptions {
  config: Config;
  temporal: TemporalSession;
  log: Log;
  /** Whether the services stop with the worker (a development machine) or run on (production). */
  stopServicesAtEnd: boolean;
  /** How long a stop waits for activities under way, in milliseconds; 5000 unless given. */
  shutdownGraceMs?: number;
  /** Where steps are counted and traced. */
  observe?: Pick<Observability, 'metrics' | 'tracing'>;
  /** Further activity interceptors, inside the edge. */
  interceptors?: WorkerInterceptors['activity'];
}

/** A worker on its host, with what its host runs services in. */
export interface RunningHostWorker extends RunningWorker {
  runtime: RuntimeKind;
}

/**
 * Joins the control plane, puts the host in order (removals first), then takes work. It needs the join token and the
 * codec keyring, and neither the metadata database nor the sealing keys (R12).
 */
export async function startHostWorker(options: HostWorkerOptions): Promise<RunningHostWorker> {
  const { config, temporal, observe, log } = options;
  const { id: hostId, dataDir, addresses } = config.host;
  const workerId = uuidv7();
  // Services of root run as another user, who passes through here to its own files; all else below is 0600.
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const hostKey = await loadOrCreateHostKey(join(dataDir, 'host-key.json'));
  const { key: joinToken, tokenId: joinTokenId } = joinKeyOf(await loadJoinToken(config.files.joinToken));
  const control = createHostControl(
    temporal.client.workflow,
    { hostId, workerId, hostKey, joinToken, joinTokenId },
    log,
  );
  const { installationId } = await control.greet();
  const runtime = await chooseRuntime({
    forced: config.host.runtime,
    installationId,
    hostId,
    servicesDir: servicesDirectory(dataDir),
    network: config.host.dockerNetwork,
    user: { uid: config.host.serviceUid, gid: config.host.serviceUid },
    imageMirror: config.postgrestImage,
    log,
  });
  const gateways = createAdminGateways({ runtime, log });
  const context = createHostContext({
    installationId,
    hostId,
    workerId,
    runtime,
    dataDir,
    addresses,
    openBundle: (jwe, binding) => openOnHost({ hostKey, joinToken, binding: { hostId, ...binding }, jwe }),
    gateways,
    postgres: config.host.postgres,
    log,
  });
  try {
    const { facts } = await describeHost(context);
    let tombstones = await control.join(facts);
    do {
      await reconcileHost(context, tombstones);
      // A removal that was asked for while this host was put in order is executed before it serves, too.
      tombstones = await control.confirm(tombstones);
    } while (tombstones.length > 0);
    const worker = await Worker.create({
      connection: temporal.connection,
      namespace: temporal.namespace,
      taskQueue: hostTaskQueue(hostId),
      dataConverter: temporal.dataConverter,
      activities: createHostActivities(context),
      interceptors: {
        activity: [activityEdge(log, observe?.metrics), ...tracedBy(observe), ...(options.interceptors ?? [])],
      },
      maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
      maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
      shutdownGraceTime: options.shutdownGraceMs ?? SHUTDOWN_GRACE_MS,
    });
    const running = runWorker(worker);
    const keeper = createServiceKeeper(context);
    void warmUp(context);
    return {
      ...running,
      runtime: runtime.kind,
      async stop() {
        await running.stop();
        await keeper.stop();
        if (options.stopServicesAtEnd) await stopServices(context, { graceMs: STOP_SERVICE_GRACE_MS });
        await gateways.closeAll();
        await control.leave();
        await runtime.close();
      },
    };
  } catch (error) {
    await gateways.closeAll();
    await runtime.close();
    throw error;
  }
}
