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
import { awaitMetadata, existingMetadata } from './metadata.ts';
import { type Observability, observeConnections, serveMetrics, startObservability } from './observability.ts';
import { awaitNamespace, type NamespaceNeed } from './prepare-namespace.ts';
import { endedByItself, type RunningWorker } from './running-worker.ts';
import { createStopList, type StopList } from './stop-list.ts';
import { installTemporalRuntime, openTemporal, type TemporalSession } from './temporal-session.ts';
import { startUiCodec } from './ui-codec.ts';
import { untilSignal } from './until-signal.ts';

/** `api`: the HTTP API alone. */
export function runApi(config: Config): Promise<number> {
  return runUntilSignal('api', config, async (parts) => {
    const { stops, observe, log } = parts;
    const control = await controlPlane(config, parts);
    observeConnections(observe.metrics, control);
    const file = config.files.adminToken;
    if (await ensureAdministrator(control.db, { file, when: 'first' })) {
      log.warn({ file }, 'the token of the first administrator was written to this file');
    }
    const temporal = await temporalSession(config, parts);
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
    const control = await controlPlane(config, { stops, log, interrupted: new AbortController().signal });
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
  return runUntilSignal('worker', config, async (parts) => {
    const { stops, observe, log } = parts;
    const control = await controlPlane(config, parts);
    observeConnections(observe.metrics, control);
    const { retentionDays } = config.temporal;
    const temporal = await temporalSession(config, { ...parts, register: { retentionDays } });
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
  return runUntilSignal('host', config, async (parts) => {
    const { stops, observe, log } = parts;
    const temporal = await temporalSession(config, parts);
    const worker = await startHostWorker({ config, temporal, observe, log, stopServicesAtEnd: false });
    stops.add({ name: 'host worker', stop: worker.stop });
    log.info({ hostId, runtime: worker.runtime }, 'host worker takes work');
    return worker;
  });
}

/** `codec`: decryption for the Temporal UI of a server that is not ours. It needs the codec keyring and nothing else. */
export function runCodec(config: Config): Promise<number> {
  return runUntilSignal('codec', config, async ({ stops, log }) => {
    const codec = await startUiCodec(config, '127.0.0.1');
    stops.add({ name: 'codec server', stop: codec.close });
    log.info({ url: codec.url, origins: config.temporal.uiOrigins }, 'codec server listens');
    return undefined;
  });
}

/** What the processes that go on have in common. */
interface Parts {
  stops: StopList;
  observe: Observability;
  log: Log;
  /** Aborted by the signal that asks this process to end, also while it starts. */
  interrupted: AbortSignal;
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
  const interrupt = new AbortController();
  const signal = untilSignal().then((name) => {
    interrupt.abort();
    return name;
  });
  const well = { started: false, worker: undefined as RunningWorker | undefined };
  try {
    const observe = await startObservability({ config, service, log });
    // The last to be stopped: what the others do until their end is counted and traced, too.
    stops.add({ name: 'traces', stop: observe.stop });
    if (config.metricsListen !== undefined) {
      const isWell = () => well.started && well.worker?.isRunning() !== false;
      const { url, stop } = await serveMetrics(observe.metrics, config.metricsListen, isWell);
      stops.add({ name: 'metrics', stop });
      log.info({ url: `${url}/metrics` }, 'metrics are served');
    }
    const worker = await start({ stops, observe, log, interrupted: interrupt.signal });
    Object.assign(well, { started: true, worker });
    const end = worker === undefined ? signal : Promise.race([signal, endedByItself(service, worker)]);
    log.info({ signal: await end }, 'stopping');
    return 0;
  } catch (error) {
    // What waited for a server gives up when it is asked to.
    if (interrupt.signal.aborted && error instanceof Error && error.name === 'AbortError') return 0;
    throw error;
  } finally {
    await stops.stopAll();
  }
}

async function controlPlane(
  config: Config,
  { stops, log, interrupted }: Pick<Parts, 'stops' | 'log' | 'interrupted'>,
): Promise<ControlPlane> {
  if (config.metadata.kind !== 'existing') {
    throw new Failure(
      'ConfigurationInvalid',
      'set PGSTEWARD_METADATA_URL to the metadata database; only `dev` starts one itself',
    );
  }
  const metadata = await existingMetadata(config.metadata);
  await awaitMetadata(metadata, { log, interrupted });
  const control = await openControlPlane(config, metadata, log);
  stops.add({ name: 'metadata connections', stop: control.close });
  return control;
}

async function temporalSession(
  config: Config,
  parts: Parts & Pick<NamespaceNeed, 'register'>,
): Promise<TemporalSession> {
  const { stops, observe, log, register } = parts;
  installTemporalRuntime(log, config.temporal.metricsListen);
  const { namespace } = config.temporal;
  const frontend = await existingFrontend(config);
  await awaitNamespace({ frontend, namespace, ...(register === undefined ? {} : { register }) }, parts);
  const session = await openTemporal({
    ...frontend,
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
