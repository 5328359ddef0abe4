import { join } from 'node:path';
import { Failure } from '../domain/failures.ts';
import type { Config } from '../platform/config/config.ts';
import { createLogger, type Log } from '../platform/log.ts';
import { type Frontend, frontendOf } from '../platform/temporal/frontend.ts';
import { startApi } from './api-server.ts';
import { cachedBundle } from './bundle.ts';
import { type ControlPlane, openControlPlane } from './control-plane.ts';
import { startControlWorker } from './control-worker.ts';
import { ensureAdministrator } from './first-administrator.ts';
import { startHostWorker } from './host-worker.ts';
import { existingMetadata } from './metadata.ts';
import { type Observability, observeConnections, serveMetrics, startObservability } from './observability.ts';
import { prepareNamespace } from './prepare-namespace.ts';
import { endedByItself, type RunningWorker } from './running-worker.ts';
import { createStopList, type StopList } from './stop-list.ts';
import { installTemporalRuntime, openTemporal, type TemporalSession } from './temporal-session.ts';
import { untilSignal } from './until-signal.ts';

/** `api`: the HTTP API alone. */
export function runApi(config: Config): Promise<number> {
  return runUntilSignal('api', config, async ({ stops, observe, log }) => {
    const control = await controlPlane(config, stops, log);
    observeConnections(observe.metrics, control);
    const file = config.files.adminToken;
    if (await ensureAdministrator(control.db, { file, when: 'first' })) {
      log.warn({ file }, 'the token of the first administrator was written to this file');
    }
    const temporal = await temporalSession(config, { stops, observe, log });
    const api = await startApi({ config, control, temporal, eagerStart: false, observe, log });
    stops.add({ name: 'API', stop: api.stop });
    log.info({ url: api.url }, 'API listens');
    return undefined;
  });
}

/** `admin-token`: a new token for the account `admin`, which gets back its rights. */
export async function runAdminToken(
  config: Config,
  _env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<number> {
  const log = createLogger({ level: config.logLevel, service: 'admin-token' });
  const stops = createStopList(log);
  try {
    const control = await controlPlane(config, stops, log);
    const file = config.files.adminToken;
    await ensureAdministrator(control.db, { file, when: 'always' });
    say(`the token is in ${file}`);
    return 0;
  } finally {
    await stops.stopAll();
  }
}

/** `worker`: a control worker. */
export function runControlWorker(config: Config): Promise<number> {
  return runUntilSignal('worker', config, async ({ stops, observe, log }) => {
    const control = await controlPlane(config, stops, log);
    observeConnections(observe.metrics, control);
    const temporal = await temporalSession(config, { stops, observe, log });
    await prepareNamespace({ frontend: await existingFrontend(config), namespace: config.temporal.namespace });
    const workflowBundle = await cachedBundle(join(config.home, 'workflow-bundle.js'));
    const worker = await startControlWorker({ config, control, temporal, workflowBundle, observe, log });
    stops.add({ name: 'control worker', stop: worker.stop });
    log.info('control worker takes work');
    return worker;
  });
}

/** `host`: the worker of this host. Its services go on when it ends. */
export function runHostWorker(config: Config): Promise<number> {
  const { id: hostId } = config.host;
  return runUntilSignal('host', config, async ({ stops, observe, log }) => {
    const temporal = await temporalSession(config, { stops, observe, log });
    const worker = await startHostWorker({ config, temporal, observe, log, stopServicesAtEnd: false });
    stops.add({ name: 'host worker', stop: worker.stop });
    log.info({ hostId, runtime: worker.runtime }, 'host worker takes work');
    return worker;
  });
}

/** What the processes that go on have in common. */
interface Parts {
  stops: StopList;
  observe: Observability;
  log: Log;
}

/**
 * Runs what `start` starts until a signal comes, then stops it; rejects when the worker that it answers with ends by
 * itself, so that whoever supervises this process starts it again. Standard output is the log and nothing else.
 */
async function runUntilSignal(
  service: string,
  config: Config,
  start: (parts: Parts) => Promise<RunningWorker | undefined>,
): Promise<number> {
  const log = createLogger({ level: config.logLevel, service });
  const stops = createStopList(log);
  const signal = untilSignal();
  try {
    const observe = await startObservability({ config, service, log });
    // The last to be stopped: what the others do until their end is counted and traced, too.
    stops.add({ name: 'traces', stop: observe.stop });
    if (config.metricsListen !== undefined) {
      const { url, stop } = await serveMetrics(observe.metrics, config.metricsListen);
      stops.add({ name: 'metrics', stop });
      log.info({ url: `${url}/metrics` }, 'metrics are served');
    }
    const worker = await start({ stops, observe, log });
    const end = worker === undefined ? signal : Promise.race([signal, endedByItself(service, worker)]);
    log.info({ signal: await end }, 'stopping');
    return 0;
  } finally {
    await stops.stopAll();
  }
}

async function controlPlane(config: Config, stops: StopList, log: Log): Promise<ControlPlane> {
  if (config.metadata.kind !== 'existing') {
    throw new Failure(
      'ConfigurationInvalid',
      'set PGSTEWARD_METADATA_URL to the metadata database; only `dev` starts one itself',
    );
  }
  const control = await openControlPlane(config, await existingMetadata(config.metadata), log);
  stops.add({ name: 'metadata connections', stop: control.close });
  return control;
}

async function temporalSession(config: Config, { stops, observe, log }: Parts): Promise<TemporalSession> {
  installTemporalRuntime(log, config.temporal.metricsListen);
  const { namespace } = config.temporal;
  const session = await openTemporal({
    ...(await existingFrontend(config)),
    namespace,
    codecKeyringFile: config.files.codecKeyring,
    interceptors: observe.tracing === undefined ? [] : [observe.tracing.client],
  });
  stops.add({ name: 'Temporal connection', stop: session.close });
  return session;
}

function existingFrontend({ temporal }: Config): Promise<Frontend> {
  if (temporal.server.kind !== 'existing') {
    throw new Failure(
      'ConfigurationInvalid',
      'set TEMPORAL_ADDRESS to the Temporal frontend; only `dev` starts one itself',
    );
  }
  return frontendOf(temporal);
}
