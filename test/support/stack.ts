import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { WorkerInterceptors } from '@temporalio/worker';
import pg from 'pg';
import { pino } from 'pino';
import { inject } from 'vitest';
import { servicesDirectory } from '../../activities/host/instance-records.ts';
import { createApp } from '../../api/app.ts';
import type { ApiDeps } from '../../api/deps.ts';
import { CONTROL_TASK_QUEUE } from '../../domain/identifiers.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.ts';
import type { RuntimeKind } from '../../domain/services.ts';
import { loadSqlParser } from '../../domain/spec/sql-parser.ts';
import type { Config } from '../../platform/config/config.ts';
import { readConfig } from '../../platform/config/read-config.ts';
import { createLogger } from '../../platform/log.ts';
import { ensureJoinToken } from '../../platform/secrets/join-token.ts';
import { ensureKeyring } from '../../platform/secrets/keyring.ts';
import { ensureSearchAttributes } from '../../platform/temporal/search-attributes.ts';
import type { MetadataConnection } from '../../store/connection.ts';
import { openAccess } from '../../worker/access.ts';
import { type ControlPlane, openControlPlane } from '../../worker/control-plane.ts';
import { startControlWorker } from '../../worker/control-worker.ts';
import { ensureAdministrator } from '../../worker/first-administrator.ts';
import { type RunningHostWorker, startHostWorker } from '../../worker/host-worker.ts';
import {
  type Observability,
  observeConnections,
  observeDatabase,
  startObservability,
} from '../../worker/observability.ts';
import { createReadiness } from '../../worker/readiness.ts';
import { registerServer } from '../../worker/register-server.ts';
import type { RunningWorker } from '../../worker/running-worker.ts';
import { installTemporalRuntime, openTemporal, type TemporalSession } from '../../worker/temporal-session.ts';
import { servicePortRange } from './ports.ts';
import { sweepServices } from './services.ts';
import { startTargetServer, type TargetForTests } from './target.ts';

/** The API without a socket, for somebody. */
export interface ApiCalls {
  /** `request('/v1/databases', { method: 'POST', … })`; credentials in `init` come before those of the caller. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** POST or other call with a JSON body; answers status and parsed body. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  ): Promise<{ status: number; body: any; headers: Headers }>;
}

/** A whole installation of its own: metadata database, Temporal namespace, target server, API, workers. */
export interface TestStack extends ApiCalls {
  config: Config;
  control: ControlPlane;
  temporal: TemporalSession;
  target: TargetForTests;
  metadata: MetadataConnection;
  /** What the API acts through, for callers and listeners other than those of `request`. */
  api: ApiDeps;
  /** Headers of the account `admin`, who calls unless somebody else is named. */
  admin: Readonly<Record<string, string>>;
  /** Calls of somebody else, by the headers that tell who it is; none for nobody. */
  as(credentials: Readonly<Record<string, string>>, at?: { address?: string }): ApiCalls;
  /** First of the two ports of a service, from this file's own block. */
  port(index?: number): number;
  /** With `observe`. */
  observe: Observability | undefined;
  /** Every line that this installation logged. */
  log(): Promise<string>;
  /** Hosts beside `host-1`, by id. */
  moreHosts: ReadonlyMap<string, TestHost>;
  controlWorker: RunningWorker;
  hostWorker: RunningHostWorker;
  /** Ends a worker and starts it again, with other interceptors if given. */
  restartControlWorker(interceptors?: WorkerInterceptors['activity']): Promise<void>;
  restartHostWorker(interceptors?: WorkerInterceptors['activity']): Promise<void>;
  stop(): Promise<void>;
}

export interface TestStackOptions {
  runtime: RuntimeKind;
  env?: Record<string, string>;
  controlInterceptors?: WorkerInterceptors['activity'];
  hostInterceptors?: WorkerInterceptors['activity'];
  /** Start without workers, for tests that bring their own (in other processes). */
  workers?: boolean;
  /** Temporal server instead of the shared one, for tests that stop it: `host:port`. */
  temporalAddress?: string;
  /** Server of the hosts instead of one of the stack's own; stopped with the stack. */
  target?: TargetForTests;
  /** Count and, where `env` names a collector, trace, as processes do; one stack in a file. */
  observe?: boolean;
  /** Metadata server instead of the shared one, as a superuser. */
  metadataServer?: { host: string; port: number; user: string; password: string };
  /** Called before the metadata database is opened: it is empty then. */
  prepare?(on: { config: Config; metadata: MetadataConnection }): Promise<void>;
  /** Hosts beside `host-1`: the environment of each worker, over that of the stack. */
  moreHosts?: Record<string, Record<string, string>>;
}

/** One host beside `host-1`. */
export interface TestHost {
  config: Config;
  worker: RunningHostWorker;
  restart(interceptors?: WorkerInterceptors['activity']): Promise<void>;
}

/** Runtimes to test with: both, unless no container engine answers (then `npm test` has said so). */
export function testRuntimes(): RuntimeKind[] {
  return process.env.PGSTEWARD_TEST_DOCKER === '0' ? ['process'] : ['docker', 'process'];
}

let runtimeInstalled = false;

/** Starts an installation. Everything is stopped and removed by `stop()`. */
export async function startTestStack(options: TestStackOptions): Promise<TestStack> {
  const shared = inject('servers');
  const servers = { ...shared, temporalAddress: options.temporalAddress ?? shared.temporalAddress };
  const home = await mkdtemp(join(tmpdir(), 'pgsteward-stack-'));
  await chmod(home, 0o755);
  await mkdir(join(home, 'hosts'), { mode: 0o755 });
  const name = `stack_${process.pid}_${Date.now().toString(36)}`;
  const range = await servicePortRange();
  const target = options.target ?? (await startTargetServer(home));
  const metadataServer = options.metadataServer ?? servers.metadata;
  const metadata = await createDatabase(metadataServer, name);
  const { temporalAddress } = servers;
  await createNamespace(temporalAddress, name);
  const env = {
    PGSTEWARD_HOME: home,
    PGSTEWARD_METADATA_URL: `postgres://${metadata.user}@${metadata.host}:${metadata.port}/${name}`,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: name,
    PGSTEWARD_RUNTIME: options.runtime,
    PGSTEWARD_PORT_RANGE: `${range.first + 20}-${range.last}`,
    PGSTEWARD_RECONCILE_SECONDS: '1',
    // Tests of the monitor and of notifications set their own; all others are not to be disturbed by them.
    PGSTEWARD_MONITOR_SECONDS: '86400',
    PGSTEWARD_NOTIFY_SECONDS: '86400',
    PGSTEWARD_DRIFT_SECONDS: '86400',
    // The same for the sealer of the audit log, which is called by itself at the start of a worker.
    PGSTEWARD_AUDIT_SEAL_SECONDS: '86400',
    // And for retention.
    PGSTEWARD_RETENTION_MINUTES: '10080',
    PGSTEWARD_LOG_LEVEL: 'debug',
    ...options.env,
  };
  const { config } = readConfig(env);
  const logFile = join(home, 'log');
  const log = createLogger({
    level: 'debug',
    service: 'test',
    destination: pino.destination({ dest: logFile, sync: true }),
  });
  if (!runtimeInstalled) installTemporalRuntime(log, config.temporal.metricsListen);
  runtimeInstalled = true;
  await ensureKeyring(config.files.codecKeyring);
  await ensureJoinToken(config.files.joinToken);
  await options.prepare?.({ config, metadata });
  const control = await openControlPlane(config, metadata, log);
  const observe = options.observe === true ? await startObservability({ config, service: 'test', log }) : undefined;
  if (observe !== undefined) {
    observeConnections(observe.metrics, control);
    observeDatabase(observe.metrics, control.db, log);
  }
  await registerServer(control, { hostId: config.host.id, address: target.address });
  const temporal = await openTemporal({
    address: temporalAddress,
    namespace: name,
    codecKeyringFile: config.files.codecKeyring,
    interceptors: observe?.tracing === undefined ? [] : [observe.tracing.client],
  });
  const workflowBundle = { code: await readFile(servers.workflowBundleFile, 'utf8') };
  const base = { db: control.db, workflows: temporal.client.workflow, taskQueue: CONTROL_TASK_QUEUE, log };
  const api: ApiDeps = {
    ...base,
    installationId: control.installationId,
    joinToken: control.joinToken,
    eagerStart: options.workers !== false,
    sealer: control.sealer,
    targets: control.targets,
    signals: control.signals,
    parseSql: await loadSqlParser(),
    portRange: config.portRange,
    allowedRoles: new Set(config.allowedRoles),
    handover: config.handover,
    retention: config.retention.days,
    hasConsumersDir: config.consumersDir !== null,
    version: { version: '0.0.0', revision: 'test', revisionTime: '1970-01-01T00:00:00Z', arch: process.arch },
    access: await openAccess(config, control.db),
    clusters: config.clusters,
    leases: config.leases,
    readiness: createReadiness(base),
    ...(observe === undefined ? {} : { metrics: observe.metrics }),
    ...(observe?.tracing === undefined ? {} : { tracing: observe.tracing }),
  };
  const observed = observe === undefined ? {} : { observe };
  const app = createApp(api);
  const admin = await administratorOf(config, control);
  const startControl = (interceptors: WorkerInterceptors['activity'] = []) =>
    startControlWorker({ config, control, temporal, workflowBundle, ...observed, log, interceptors });
  const startHost = (interceptors: WorkerInterceptors['activity'] = []) =>
    startHostWorker({ config, temporal, ...observed, log, stopServicesAtEnd: false, interceptors });
  const moreHosts = new Map<string, TestHost>();
  const withWorkers = options.workers !== false;
  const stopped: RunningWorker = { isRunning: () => false, ended: Promise.resolve(), stop: () => Promise.resolve() };
  const stack: TestStack = {
    config,
    control,
    temporal,
    target,
    metadata,
    api,
    admin,
    as: (credentials, at) => callsOf(app, credentials, at),
    ...callsOf(app, admin),
    observe,
    port: (index = 0) => range.first + index * 2,
    log: () => readFile(logFile, 'utf8'),
    moreHosts,
    controlWorker: withWorkers ? await startControl(options.controlInterceptors) : stopped,
    hostWorker: { ...stopped, runtime: options.runtime },
    async restartControlWorker(interceptors) {
      await stack.controlWorker.stop();
      stack.controlWorker = await startControl(interceptors);
    },
    async restartHostWorker(interceptors) {
      await stack.hostWorker.stop();
      stack.hostWorker = await startHost(interceptors);
    },
    async stop() {
      await Promise.all([stack.hostWorker.stop(), ...[...moreHosts.values()].map(({ worker }) => worker.stop())]);
      await stack.controlWorker.stop();
      for (const { host } of [config, ...[...moreHosts.values()].map((more) => more.config)]) {
        await sweepServices({
          installationId: control.installationId,
          servicesDirectory: servicesDirectory(host.dataDir),
        });
      }
      await deleteSchedules(temporal);
      await temporal.close();
      await observe?.stop();
      await control.close();
      await target.stop();
      await dropDatabase(metadataServer, name);
      await rm(home, { recursive: true, force: true });
    },
  };
  if (withWorkers) stack.hostWorker = await startHost(options.hostInterceptors);
  for (const [id, more] of Object.entries(options.moreHosts ?? {})) {
    const { config: own } = readConfig({ ...env, PGSTEWARD_HOST_ID: id, ...more });
    const start = (interceptors: WorkerInterceptors['activity'] = []) =>
      startHostWorker({ config: own, temporal, log, stopServicesAtEnd: false, interceptors });
    const host: TestHost = {
      config: own,
      worker: await start(options.hostInterceptors),
      async restart(interceptors) {
        await host.worker.stop();
        host.worker = await start(interceptors);
      },
    };
    moreHosts.set(id, host);
  }
  return stack;
}

/** All stacks share one Temporal server: what goes on ticking in namespaces of ended ones would slow down the others. */
async function deleteSchedules({ client }: TemporalSession): Promise<void> {
  for await (const { scheduleId } of client.schedule.list()) {
    await client.schedule
      .getHandle(scheduleId)
      .delete()
      .catch(() => undefined);
  }
}

/** Makes the first administrator, as the start of an API does. */
async function administratorOf(config: Config, control: ControlPlane): Promise<Record<string, string>> {
  const file = config.files.adminToken;
  await ensureAdministrator(control.db, { file, when: 'first' });
  return { Authorization: `Bearer ${(await readFile(file, 'utf8')).trim()}` };
}

/** @param at network address of the caller, as a socket would tell it */
function callsOf(
  app: ReturnType<typeof createApp>,
  credentials: Readonly<Record<string, string>>,
  at: { address?: string } = {},
): ApiCalls {
  const socket = at.address === undefined ? {} : { incoming: { socket: { remoteAddress: at.address } } };
  const request = (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has('Authorization') && !headers.has('X-API-Key')) {
      for (const [name, value] of Object.entries(credentials)) headers.set(name, value);
    }
    return Promise.resolve(app.request(`http://localhost:3000${path}`, { ...init, headers }, socket));
  };
  return {
    request,
    async call(method, path, body, headers = {}) {
      const response = await request(path, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers };
    },
  };
}

async function createDatabase(
  server: { host: string; port: number; user: string; password: string },
  name: string,
): Promise<MetadataConnection> {
  await run(server, `CREATE DATABASE ${name}`);
  return { ...server, database: name };
}

async function dropDatabase(server: { host: string; port: number; user: string; password: string }, name: string) {
  await run(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

async function run(server: { host: string; port: number; user: string; password: string }, sql: string): Promise<void> {
  const client = new pg.Client({ ...server, database: 'postgres' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function createNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    const deadline = Date.now() + 20_000;
    // The namespace reaches the other services of the server through a cache.
    while (!(await usable(connection, namespace)) && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await connection.close();
  }
}

async function usable(connection: Connection, namespace: string): Promise<boolean> {
  try {
    return await ensureSearchAttributes(connection, { namespace, searchAttributes: SEARCH_ATTRIBUTES });
  } catch {
    return false;
  }
}
