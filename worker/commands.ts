import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { Failure } from '../domain/failures.ts';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.ts';
import type { Config } from '../platform/config/config.ts';
import { createLogger, type Log } from '../platform/log.ts';
import { ensureSearchAttributes } from '../platform/temporal/search-attributes.ts';
import { startApi } from './api-server.ts';
import { cachedBundle } from './bundle.ts';
import { type ControlPlane, openControlPlane } from './control-plane.ts';
import { startControlWorker } from './control-worker.ts';
import { startHostWorker } from './host-worker.ts';
import { existingMetadata } from './metadata.ts';
import { createStopList, type StopList } from './stop-list.ts';
import { installTemporalRuntime, openTemporal, type TemporalSession } from './temporal-session.ts';
import { untilSignal } from './until-signal.ts';

type Say = (line: string) => void;

/** `api`: the HTTP API alone. */
export function runApi(config: Config, _env: NodeJS.ProcessEnv, say: Say): Promise<number> {
  return runUntilSignal('api', config, say, async ({ stops, log }) => {
    const control = await controlPlane(config, stops, log);
    const temporal = await temporalSession(config, stops, log);
    const api = await startApi({ config, control, temporal, eagerStart: false, log });
    stops.add('API', () => api.stop());
    return `API: ${api.url}`;
  });
}

/** `worker`: a control worker. */
export function runControlWorker(config: Config, _env: NodeJS.ProcessEnv, say: Say): Promise<number> {
  return runUntilSignal('worker', config, say, async ({ stops, log }) => {
    const control = await controlPlane(config, stops, log);
    const temporal = await temporalSession(config, stops, log);
    const connection = await Connection.connect({ address: addressOf(config) });
    const wanted = { namespace: config.temporal.namespace, searchAttributes: SEARCH_ATTRIBUTES };
    await ensureSearchAttributes(connection, wanted).finally(() => connection.close());
    const workflowBundle = await cachedBundle(join(config.home, 'workflow-bundle.js'));
    const worker = await startControlWorker({ config, control, temporal, workflowBundle, log });
    stops.add('control worker', () => worker.stop());
    return 'control worker: polling';
  });
}

/** `host`: the worker of this host. Its services go on when it ends. */
export function runHostWorker(config: Config, _env: NodeJS.ProcessEnv, say: Say): Promise<number> {
  return runUntilSignal(`host ${config.host.id}`, config, say, async ({ stops, log }) => {
    const temporal = await temporalSession(config, stops, log);
    const worker = await startHostWorker({ config, temporal, log, stopServicesAtEnd: false });
    stops.add('host worker', () => worker.stop());
    return `host worker ${config.host.id}: polling`;
  });
}

async function runUntilSignal(
  service: string,
  config: Config,
  say: Say,
  start: (parts: { stops: StopList; log: Log }) => Promise<string>,
): Promise<number> {
  const log = createLogger({ level: config.logLevel, service });
  const stops = createStopList(log);
  const signal = untilSignal();
  try {
    say(await start({ stops, log }));
    say(`${await signal}: stopping`);
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
  stops.add('metadata database', () => control.close());
  return control;
}

async function temporalSession(config: Config, stops: StopList, log: Log): Promise<TemporalSession> {
  installTemporalRuntime(log);
  const { namespace } = config.temporal;
  const session = await openTemporal({
    address: addressOf(config),
    namespace,
    codecKeyringFile: config.files.codecKeyring,
  });
  stops.add('Temporal connection', () => session.close());
  return session;
}

function addressOf(config: Config): string {
  const { server } = config.temporal;
  if (server.kind !== 'existing') {
    throw new Failure(
      'ConfigurationInvalid',
      'set TEMPORAL_ADDRESS to the Temporal frontend; only `dev` starts one itself',
    );
  }
  return server.address;
}
