import { join } from 'node:path';
import type { Config } from '../../platform/config/config.ts';
import { assertPortFree } from '../../platform/local/ports.ts';
import type { Log } from '../../platform/log.ts';
import { ensureJoinToken } from '../../platform/secrets/join-token.ts';
import { ensureKeyring, loadKeyring } from '../../platform/secrets/keyring.ts';
import { createEncryptionCodec } from '../../platform/temporal/codec.ts';
import { createCodecServer } from '../../platform/temporal/codec-server.ts';
import type { MetadataConnection } from '../../store/connection.ts';
import { startApi } from '../api-server.ts';
import { cachedBundle } from '../bundle.ts';
import { openControlPlane } from '../control-plane.ts';
import { startControlWorker } from '../control-worker.ts';
import { startHostWorker } from '../host-worker.ts';
import { existingMetadata } from '../metadata.ts';
import { registerServer } from '../register-server.ts';
import { createStopList } from '../stop-list.ts';
import { installTemporalRuntime, openTemporal } from '../temporal-session.ts';
import { lockHome } from './lock.ts';
import { makeHome, metadataServer, targetServer, temporalServer } from './servers.ts';

/** A development stack that runs. */
export interface DevStack {
  apiUrl: string;
  uiUrl: string | undefined;
  stop(onStopped: (part: string) => void): Promise<void>;
}

/**
 * Brings up everything on this machine: two PostgreSQL servers, Temporal with its UI, and the three processes of the
 * control plane in this one. Parts that do not need each other start side by side.
 * @param say one line per part as it becomes ready, and whenever something takes long
 */
export async function startDevStack(options: {
  config: Config;
  env: NodeJS.ProcessEnv;
  log: Log;
  say: (line: string) => void;
}): Promise<DevStack> {
  const { config, env, log, say } = options;
  const stops = createStopList(log);
  try {
    await makeHome(config.home);
    const lock = await lockHome(config.home);
    stops.add('state directory', () => lock.release());
    await assertPortsFree(config);
    await ensureKeyring(config.files.codecKeyring);
    await ensureJoinToken(config.files.joinToken);

    const temporal = temporalServer(config, env, say);
    const target = await targetServer(config);
    const metadata = metadataServer(config);
    stops.add('servers', () => Promise.all([temporal.stop(), target.server.stop(), metadata?.stop()]));
    const [metadataConnection, targetEndpoint, temporalEndpoint, workflowBundle] = await Promise.all([
      startMetadata(config, metadata, say),
      target.server.start().then((endpoint) => {
        say(`target PostgreSQL of ${config.host.id}: ${endpoint.address}:${endpoint.port} (SCRAM, TLS)`);
        return endpoint;
      }),
      temporal.start().then((endpoint) => {
        say(`Temporal: ${endpoint.address}${endpoint.cli === undefined ? '' : ` (${endpoint.cli.version})`}`);
        return endpoint;
      }),
      cachedBundle(join(config.home, 'workflow-bundle.js')),
    ]);

    const control = await openControlPlane(config, metadataConnection, log);
    stops.add('metadata database', () => control.close());
    say('metadata database: schema is up to date');
    await registerServer(control, {
      hostId: config.host.id,
      labels: { environment: 'development' },
      address: {
        name: config.host.id,
        endpoints: [{ address: targetEndpoint.address, port: targetEndpoint.port }],
        maintenanceDb: 'postgres',
        tls: { mode: 'verify-full', caCertificate: target.authority.certificatePem },
        adminUser: targetEndpoint.user,
        adminPassword: targetEndpoint.password,
      },
    });

    if (temporalEndpoint.uiUrl !== undefined) {
      const codec = await startCodecServer(config, temporalEndpoint.uiUrl);
      stops.add('codec server', () => codec.close());
      say(`codec server for the Temporal UI: 127.0.0.1:${config.temporal.codecPort}`);
    }
    installTemporalRuntime(log);
    const session = await openTemporal({
      address: temporalEndpoint.address,
      namespace: config.temporal.namespace,
      codecKeyringFile: config.files.codecKeyring,
    });
    stops.add('Temporal connection', () => session.close());
    const controlWorker = await startControlWorker({ config, control, temporal: session, workflowBundle, log });
    stops.add('control worker', () => controlWorker.stop());
    say('control worker: polling');
    const hostWorker = await startHostWorker({ config, temporal: session, log, stopServicesAtEnd: true });
    stops.add('host worker', () => hostWorker.stop());
    say(`host worker ${config.host.id}: polling, services run ${RUNTIME_TEXT[hostWorker.runtime]}`);
    const api = await startApi({ config, control, temporal: session, eagerStart: true, log });
    stops.add('API', () => api.stop());
    say(`API: ${api.url}`);
    return { apiUrl: api.url, uiUrl: temporalEndpoint.uiUrl, stop: (onStopped) => stops.stopAll(onStopped) };
  } catch (error) {
    await stops.stopAll();
    throw error;
  }
}

const RUNTIME_TEXT = {
  docker: 'in containers',
  process: 'as processes (no container engine answers, or so configured)',
};

/** Before anything is started: a taken port is known at once. */
async function assertPortsFree(config: Config): Promise<void> {
  const { address, port } = config.listen;
  await assertPortFree({ address, port, variable: 'PGSTEWARD_PORT', owner: 'the API' });
  await assertPortFree({
    address: '127.0.0.1',
    port: config.temporal.codecPort,
    variable: 'PGSTEWARD_CODEC_PORT',
    owner: 'the codec server',
  });
}

async function startMetadata(
  config: Config,
  server: ReturnType<typeof metadataServer>,
  say: (line: string) => void,
): Promise<MetadataConnection> {
  if (config.metadata.kind === 'existing') return existingMetadata(config.metadata);
  if (server === undefined) throw new Error('no metadata server to start');
  const endpoint = await server.start();
  say(`metadata PostgreSQL: ${endpoint.address}:${endpoint.port}`);
  return {
    host: endpoint.address,
    port: endpoint.port,
    user: endpoint.user,
    password: endpoint.password,
    database: 'postgres',
  };
}

async function startCodecServer(config: Config, uiUrl: string) {
  const { namespace, codecPort: port } = config.temporal;
  const codec = createEncryptionCodec({ keyring: await loadKeyring(config.files.codecKeyring), namespace });
  const server = createCodecServer({
    codecFor: (name) => (name === namespace ? codec : undefined),
    uiOrigins: [uiUrl, uiUrl.replace('127.0.0.1', 'localhost')],
    address: '127.0.0.1',
    port,
  });
  await server.listen();
  return server;
}
