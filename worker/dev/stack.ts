import { join } from 'node:path';
import type { Config } from '../../platform/config/config.ts';
import type { Log } from '../../platform/log.ts';
import { ensureJoinToken } from '../../platform/secrets/join-token.ts';
import { ensureKeyring } from '../../platform/secrets/keyring.ts';
import { listDatabases } from '../../store/databases.ts';
import { startApi } from '../api-server.ts';
import { openControlPlane } from '../control-plane.ts';
import { startControlWorker } from '../control-worker.ts';
import { ensureAdministrator } from '../first-administrator.ts';
import { ensureFirstTeam, type FirstTeam } from '../first-team.ts';
import { startHostWorker } from '../host-worker.ts';
import { observeConnections, serveDevelopmentMetrics, startObservability } from '../observability.ts';
import { registerServer } from '../register-server.ts';
import { endedByItself } from '../running-worker.ts';
import { createStopList } from '../stop-list.ts';
import { installTemporalRuntime, openTemporal } from '../temporal-session.ts';
import { startUiCodec } from '../ui-codec.ts';
import { lockHome } from './lock.ts';
import { assertPortsFree } from './ports.ts';
import type { Report } from './report.ts';
import { RUNTIME_TEXT, whyProcesses } from './runtime-text.ts';
import { clustersCertificate, makeHome } from './servers.ts';
import { startServers } from './start-servers.ts';

/** A development stack that runs. */
export interface DevStack {
  apiUrl: string;
  /** Of the listener for `/api/v1` alone, where there is one. */
  usersUrl: string | undefined;
  /** Of the listener for the cluster API alone, where there is one. */
  clustersUrl: string | undefined;
  /** At the first start: what clients of the cluster API get. */
  firstTeam: FirstTeam | undefined;
  /** Undefined with a Temporal server that is not ours. */
  uiUrl: string | undefined;
  /** Why services run as processes; undefined when they run in containers. */
  whyProcesses: string | undefined;
  /** Ids of the databases that earlier starts have left. */
  databases: string[];
  /** Rejects when a worker ends by itself. */
  broken: Promise<never>;
  stop(): Promise<void>;
}

/** Work under way at a Ctrl-C is cancelled after this time and tried again after the next start. */
const SHUTDOWN_GRACE_MS = 3_000;

/**
 * Brings up everything on this machine: two PostgreSQL servers, Temporal with its UI, and the three processes of the
 * control plane in this one. When the start fails or `signal` is aborted, what was started is stopped again.
 */
export async function startDevStack(options: {
  config: Config;
  env: NodeJS.ProcessEnv;
  log: Log;
  report: Report;
  signal: AbortSignal;
}): Promise<DevStack> {
  const { config, env, log, report, signal } = options;
  const stops = createStopList(log);
  const stop = () => stops.stopAll(report.stopped);
  try {
    await makeHome(config.home);
    const lock = await lockHome(config.home);
    stops.add({ name: 'state directory', stop: lock.release });
    await assertPortsFree(config);
    const observe = await startObservability({ config, service: 'dev', log });
    stops.add({ name: 'traces', stop: observe.stop });
    const metrics = await serveDevelopmentMetrics(observe.metrics, config);
    stops.add({ name: 'metrics', stop: metrics.stop });
    report.ready('metrics', `${metrics.url}/metrics`);
    await ensureKeyring(config.files.codecKeyring);
    await ensureJoinToken(config.files.joinToken);
    // It starts before the UI, which is told its address; a Temporal server that is not ours has a UI of its own.
    const isOurs = config.temporal.server.kind === 'development';
    const codec = isOurs ? await startUiCodec(config, config.devAddress) : undefined;
    if (codec !== undefined) {
      stops.add({ name: 'codec server', stop: codec.close });
      report.ready('codec server', `${codec.url}, decrypts payloads for the Temporal UI`);
    }
    const servers = await startServers({ config, env, log, codecEndpoint: codec?.url, report, stops, signal });

    const control = await openControlPlane(config, servers.metadata, log);
    stops.add({ name: 'metadata connections', stop: control.close });
    observeConnections(observe.metrics, control);
    await ensureAdministrator(control.db, { file: config.files.adminToken, when: 'lost' });
    await registerServer(control, servers.target);
    const firstTeam = await ensureFirstTeam(control.db, {
      file: join(config.home, 'cbkey'),
      serverName: servers.target.address.name,
    });
    const { uiUrl, frontend } = servers.temporal;
    installTemporalRuntime(log, config.temporal.metricsListen);
    const { namespace } = config.temporal;
    const temporal = await openTemporal({
      ...frontend,
      namespace,
      codecKeyringFile: config.files.codecKeyring,
      interceptors: observe.tracing === undefined ? [] : [observe.tracing.client],
    });
    stops.add({ name: 'Temporal connection', stop: temporal.close });
    signal.throwIfAborted();

    const parts = { config, temporal, observe, log, shutdownGraceMs: SHUTDOWN_GRACE_MS };
    const controlWorker = await startControlWorker({ ...parts, control, workflowBundle: servers.workflowBundle });
    stops.add({ name: 'control worker', stop: controlWorker.stop });
    report.ready('control worker', 'takes work');
    signal.throwIfAborted();

    const hostWorker = await startHostWorker({ ...parts, stopServicesAtEnd: true });
    stops.add({ name: `host worker ${config.host.id}`, stop: hostWorker.stop });
    report.ready(`host worker ${config.host.id}`, `takes work, runs services ${RUNTIME_TEXT[hostWorker.runtime]}`);
    signal.throwIfAborted();

    const clustersTls = config.clustersListen === undefined ? undefined : await clustersCertificate(config);
    const api = await startApi({
      config,
      control,
      temporal,
      eagerStart: true,
      ...(clustersTls === undefined ? {} : { clustersTls }),
      observe,
      log,
    });
    stops.add({ name: 'API', stop: api.stop });
    report.ready('API', api.url);
    const { clustersUrl } = api;
    if (clustersUrl !== undefined) report.ready('cluster API', clustersUrl);
    const databases = (await listDatabases(control.db)).map(({ id }) => id);
    const broken = Promise.race([
      endedByItself('control worker', controlWorker),
      endedByItself(`host worker ${config.host.id}`, hostWorker),
    ]);
    // It rejects at an ordinary stop too, when nobody waits for it any more.
    broken.catch(() => undefined);
    const why = hostWorker.runtime === 'process' ? await whyProcesses(config.host.runtime) : undefined;
    return {
      apiUrl: api.url,
      usersUrl: api.usersUrl,
      clustersUrl,
      firstTeam,
      uiUrl,
      whyProcesses: why,
      databases,
      broken,
      stop,
    };
  } catch (error) {
    await (signal.aborted ? stop() : stops.stopAll());
    throw error;
  }
}
