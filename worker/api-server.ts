import { createApp } from '../api/app.ts';
import type { ConfinedListener } from '../api/confined-listeners.ts';
import { CONTROL_TASK_QUEUE } from '../domain/identifiers.ts';
import { loadSqlParser } from '../domain/spec/sql-parser.ts';
import type { Config } from '../platform/config/config.ts';
import type { Log } from '../platform/log.ts';
import { openAccess } from './access.ts';
import type { ControlPlane } from './control-plane.ts';
import { readDefaultAdmin } from './default-admin.ts';
import { type ListenerOptions, listenAll, stopAll } from './listen.ts';
import { type Observability, observeDatabase } from './observability.ts';
import { createReadiness } from './readiness.ts';
import type { TemporalSession } from './temporal-session.ts';
import { loadTls, renewTls, type TlsPair } from './tls.ts';
import { versionInfo } from './version.ts';

/** The HTTP API, listening. */
export interface RunningApi {
  url: string;
  /** Of the listener for `/api/v1` alone, where there is one. */
  usersUrl: string | undefined;
  /** Of the listener for the cluster API alone, where there is one. */
  clustersUrl: string | undefined;
  /** Answers what it has begun to answer, within a bound, and takes no more. */
  stop(): Promise<void>;
}

/** Starts the HTTP API. @throws PortBusy naming port and variable */
export async function startApi(options: {
  config: Config;
  control: ControlPlane;
  temporal: TemporalSession;
  /** Whether a control worker runs on the same connection. */
  eagerStart: boolean;
  /** For the listener of the cluster API where no certificate is configured: its command line speaks TLS only. */
  clustersTls?: TlsPair;
  /** Where requests are counted and traced. */
  observe?: Pick<Observability, 'metrics' | 'tracing'>;
  log: Log;
}): Promise<RunningApi> {
  const { config, control, temporal, observe, log } = options;
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
    handover: config.handover,
    retention: config.retention.days,
    hasConsumersDir: config.consumersDir !== null,
    access: await openAccess(config, control.db),
    clusters: config.clusters,
    ...(observe === undefined ? {} : { metrics: observe.metrics }),
    ...(observe?.tracing === undefined ? {} : { tracing: observe.tracing }),
    leases: config.leases,
    version: await versionInfo(),
    readiness: createReadiness(base),
  });
  if (observe !== undefined) observeDatabase(observe.metrics, control.db, log);
  const files = config.tls;
  const tls = files === undefined ? undefined : await loadTls(files);
  const confined = (only: ConfinedListener): ListenerOptions['fetch'] => {
    return (request, env) => app.fetch(request, { ...env, only });
  };
  const { main, others, all } = await listenAll(
    { ...config.listen, variable: 'PGSTEWARD_PORT', owner: 'the API', fetch: app.fetch, tls },
    {
      users: {
        at: config.usersListen,
        variable: 'PGSTEWARD_USERS_LISTEN',
        owner: 'the listener for /api/v1',
        fetch: confined('users'),
        tls,
      },
      clusters: {
        at: config.clustersListen,
        variable: 'PGSTEWARD_CLUSTERS_LISTEN',
        owner: 'the listener for the cluster API',
        fetch: confined('clusters'),
        tls: tls ?? options.clustersTls,
      },
    },
  );
  const secure = all.flatMap((listener) => listener.tls ?? []);
  const renewal = files === undefined ? undefined : renewTls(secure, { files, log });
  return {
    url: main.url,
    usersUrl: others.users?.url,
    clustersUrl: others.clusters?.url,
    async stop() {
      renewal?.stop();
      await stopAll(all);
    },
  };
}
