import { once } from 'node:events';
import { createAdaptorServer } from '@hono/node-server';
import { createApp } from '../api/app.ts';
import { CONTROL_TASK_QUEUE } from '../domain/identifiers.ts';
import { loadSqlParser } from '../domain/spec/sql-parser.ts';
import type { Config } from '../platform/config/config.ts';
import { assertPortFree } from '../platform/local/ports.ts';
import type { Log } from '../platform/log.ts';
import type { ControlPlane } from './control-plane.ts';
import { readDefaultAdmin } from './default-admin.ts';
import { createReadiness } from './readiness.ts';
import type { TemporalSession } from './temporal-session.ts';
import { versionInfo } from './version.ts';

/** The HTTP API, listening. */
export interface RunningApi {
  url: string;
  /** Answers what it has begun to answer, within a bound, and takes no more. */
  stop(): Promise<void>;
}

/** Requests end within the synchronous bound of the API; after that their sockets are closed. */
const DRAIN_MS = 3_000;

/** Starts the HTTP API. @throws PortBusy naming port and variable */
export async function startApi(options: {
  config: Config;
  control: ControlPlane;
  temporal: TemporalSession;
  /** Whether a control worker runs on the same connection. */
  eagerStart: boolean;
  log: Log;
}): Promise<RunningApi> {
  const { config, control, temporal, log } = options;
  const { address, port } = config.listen;
  const workflows = temporal.client.workflow;
  const base = { db: control.db, workflows, taskQueue: CONTROL_TASK_QUEUE, log };
  const app = createApp({
    ...base,
    installationId: control.installationId,
    joinToken: control.joinToken,
    eagerStart: options.eagerStart,
    sealer: control.sealer,
    targets: control.targets,
    signals: control.signals,
    parseSql: await loadSqlParser(),
    portRange: config.portRange,
    allowedRoles: new Set(config.allowedRoles),
    ...(await readDefaultAdmin(config)),
    version: await versionInfo(),
    readiness: createReadiness(base),
  });
  await assertPortFree({ address, port, variable: 'PGSTEWARD_PORT', owner: 'the API' });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen({ host: address, port });
  await once(server, 'listening');
  const bound = server.address();
  // The port that was taken, when 0 asked for any.
  const boundPort = bound === null || typeof bound === 'string' ? port : bound.port;
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${boundPort}`,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      if ('closeIdleConnections' in server) server.closeIdleConnections();
      const timer = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), DRAIN_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
