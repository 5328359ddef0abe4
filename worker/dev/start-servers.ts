import { join } from 'node:path';
import type { Config } from '../../platform/config/config.ts';
import type { Log } from '../../platform/log.ts';
import { type Frontend, frontendOf } from '../../platform/temporal/frontend.ts';
import type { MetadataConnection } from '../../store/connection.ts';
import { cachedBundle } from '../bundle.ts';
import { existingMetadata } from '../metadata.ts';
import { awaitNamespace } from '../prepare-namespace.ts';
import type { TargetRegistration } from '../register-server.ts';
import type { StopList } from '../stop-list.ts';
import type { Report } from './report.ts';
import { metadataServer, targetServer, temporalServer } from './servers.ts';
import { startTogether } from './start-together.ts';

/** What the three processes of the control plane run on. */
export interface DevServers {
  metadata: MetadataConnection;
  target: TargetRegistration;
  temporal: { frontend: Frontend; uiUrl: string | undefined };
  workflowBundle: { code: string };
}

/** A Temporal server that a person named in `TEMPORAL_ADDRESS` is there, or the address is wrong. */
const OTHERS_BOUND_MS = 15_000;

/** Starts both PostgreSQL servers and Temporal side by side, and builds the workflow bundle meanwhile. */
export async function startServers(options: {
  config: Config;
  env: NodeJS.ProcessEnv;
  log: Log;
  /** Where the Temporal UI has payloads decrypted. */
  codecEndpoint: string | undefined;
  report: Report;
  stops: StopList;
  signal: AbortSignal;
}): Promise<DevServers> {
  const { config, codecEndpoint, env, log, report, stops, signal } = options;
  const metadata = metadataServer(config);
  const target = await targetServer(config);
  const temporal = temporalServer(config, { codecEndpoint, env, progress: report.note });
  stops.add(
    ...(config.temporal.server.kind === 'existing' ? [] : [{ name: 'Temporal', stop: temporal.stop }]),
    { name: 'target PostgreSQL', stop: target.server.stop },
    ...(metadata === undefined ? [] : [{ name: 'metadata PostgreSQL', stop: metadata.stop }]),
  );
  const [metadataConnection, targetEndpoint, temporalEndpoint, workflowBundle] = await startTogether(
    signal,
    (begin) => [
      begin(async (until): Promise<MetadataConnection> => {
        if (config.metadata.kind === 'existing') return existingMetadata(config.metadata);
        if (metadata === undefined) throw new Error('no metadata server to start');
        const { address, port, user, password } = await metadata.start(until);
        report.ready('metadata PostgreSQL', `${address}:${port}`);
        return { host: address, port, user, password, database: 'postgres' };
      }),
      begin(async (until) => {
        const endpoint = await target.server.start(until);
        const { address, port } = endpoint;
        report.ready('target PostgreSQL', `${address}:${port}, server of ${config.host.id}, with SCRAM and TLS`);
        return endpoint;
      }),
      begin(async (until) => {
        const endpoint = await temporal.start(until);
        const frontend = await frontendOf(config.temporal);
        if (endpoint.cli === undefined) {
          const { namespace, retentionDays } = config.temporal;
          const need = { frontend, namespace, register: { retentionDays } };
          await awaitNamespace(need, { log, interrupted: until.signal, boundMs: OTHERS_BOUND_MS });
        }
        const ui = endpoint.uiUrl === undefined ? '' : `, UI ${endpoint.uiUrl}`;
        report.ready('Temporal', `${endpoint.address}${ui}`);
        return { frontend, uiUrl: endpoint.uiUrl };
      }),
      begin(() => cachedBundle(join(config.home, 'workflow-bundle.js'))),
    ],
  );
  return {
    metadata: metadataConnection,
    target: {
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
    },
    temporal: temporalEndpoint,
    workflowBundle,
  };
}
