import type pg from 'pg';
import type { HostCheck } from '../domain/services.ts';
import type { Config, Endpoint } from '../platform/config/config.ts';
import { PortBusy } from '../platform/local/port-busy.ts';
import type { Log } from '../platform/log.ts';
import { addGauges, type GaugeValue } from '../platform/metrics/gauges.ts';
import { createMetrics, type Metrics } from '../platform/metrics/metrics.ts';
import { startTracing, type Tracing } from '../platform/tracing/tracing.ts';
import { DATABASE_GAUGES, readDatabaseGauges } from '../store/metrics.ts';
import { taskEvents } from '../store/task-events.ts';
import type { ControlPlane } from './control-plane.ts';
import { type Listener, listen } from './listen.ts';
import { versionInfo } from './version.ts';

/** What a process tells of itself while it works, beside its log. */
export interface Observability {
  metrics: Metrics;
  /** Undefined where no collector is configured: nothing of OpenTelemetry is loaded then. */
  tracing: Tracing | undefined;
  /** Hears of looks at all hosts. */
  hostsChecked: HostsChecked;
  /** Sends what is left of the traces. */
  stop(): Promise<void>;
}

/** Starts to count, and to trace where a collector is configured; `service` is what the log calls the process. */
export async function startObservability(options: {
  config: Pick<Config, 'tracesEndpoint' | 'monitor'>;
  service: string;
  log: Log;
}): Promise<Observability> {
  const { config, service, log } = options;
  const { tracesEndpoint: endpoint } = config;
  const metrics = createMetrics({ service });
  const { version } = await versionInfo();
  const tracing = endpoint === undefined ? undefined : await startTracing({ endpoint, service, version, log });
  const accepted = ({ type }: { type: string }) => metrics.taskAccepted(type);
  taskEvents.on('accepted', accepted).on('ended', metrics.taskEnded);
  return {
    metrics,
    tracing,
    hostsChecked: observeHosts(metrics, { freshMs: looksStandFor(config) }),
    async stop() {
      taskEvents.off('accepted', accepted).off('ended', metrics.taskEnded);
      await tracing?.stop();
    },
  };
}

/** Who answers scrapes of a process. */
const LISTENER = { variable: 'PGSTEWARD_METRICS_LISTEN', owner: 'the listener for metrics', tls: undefined };

/** Answers `GET /metrics`, and `GET /healthz` for whoever supervises the process: 200 while it does its work. @throws PortBusy */
export function serveMetrics(metrics: Metrics, at: Readonly<Endpoint>, isWell = () => true): Promise<Listener> {
  const routes: Readonly<Record<string, () => Response | Promise<Response>>> = {
    '/metrics': async () =>
      new Response(await metrics.text(), { headers: { 'Content-Type': metrics.registry.contentType } }),
    '/healthz': () => (isWell() ? new Response('ok\n') : new Response('starting\n', { status: 503 })),
  };
  const fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const answer = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
    if (answer === undefined) return new Response('see /metrics\n', { status: 404 });
    if (request.method !== 'GET' && request.method !== 'HEAD') return new Response(null, { status: 405 });
    return answer();
  };
  return listen({ ...LISTENER, ...at, fetch });
}

/** Where `npm start` serves metrics unless told otherwise. */
const DEVELOPMENT_ENDPOINT = { address: '127.0.0.1', port: 9464 };

/** The same where nobody has chosen a port: any free one when the usual one is taken. */
export async function serveDevelopmentMetrics(
  metrics: Metrics,
  config: Pick<Config, 'metricsListen'>,
): Promise<Listener> {
  if (config.metricsListen !== undefined) return serveMetrics(metrics, config.metricsListen);
  try {
    return await serveMetrics(metrics, DEVELOPMENT_ENDPOINT);
  } catch (error) {
    if (!(error instanceof PortBusy)) throw error;
    return serveMetrics(metrics, { ...DEVELOPMENT_ENDPOINT, port: 0 });
  }
}

/** Exports what the connections of a process are used for: those to the metadata database, and those to each server. */
export function observeConnections(metrics: Metrics, control: Pick<ControlPlane, 'db' | 'targets'>): void {
  const { db, targets } = control;
  addGauges(
    metrics,
    [
      {
        name: 'pgsteward_metadata_connections',
        help: 'Connections of this process to the metadata database: in use, or idle.',
        labels: ['state'],
      },
      {
        name: 'pgsteward_metadata_connections_waiting',
        help: 'Pieces of work that wait for a connection to the metadata database.',
        labels: [],
      },
      {
        name: 'pgsteward_metadata_connections_limit',
        help: 'Most connections of this process to the metadata database.',
        labels: [],
      },
      {
        name: 'pgsteward_target_connections',
        help: 'Connections of this process to a PostgreSQL server: reserved by work, or open and idle.',
        labels: ['server', 'state'],
      },
      {
        name: 'pgsteward_target_connections_waiting',
        help: 'Pieces of work that wait for connections to a PostgreSQL server.',
        labels: ['server'],
      },
      {
        name: 'pgsteward_target_connections_limit',
        help: 'Most connections of this process to a PostgreSQL server.',
        labels: ['server'],
      },
    ],
    () => [...metadataUse(db), ...[...targets.usage()].flatMap(([server, use]) => targetUse(server, use))],
  );
}

function metadataUse({ totalCount, idleCount, waitingCount, options }: pg.Pool): GaugeValue[] {
  const name = 'pgsteward_metadata_connections';
  return [
    { name, labels: { state: 'in use' }, value: totalCount - idleCount },
    { name, labels: { state: 'idle' }, value: idleCount },
    { name: `${name}_waiting`, labels: {}, value: waitingCount },
    { name: `${name}_limit`, labels: {}, value: options.max },
  ];
}

type TargetUse = ReturnType<ControlPlane['targets']['usage']> extends ReadonlyMap<string, infer Use> ? Use : never;

function targetUse(server: string, { reserved, idle, waiting, limit }: TargetUse): GaugeValue[] {
  const name = 'pgsteward_target_connections';
  return [
    { name, labels: { server, state: 'reserved' }, value: reserved },
    { name, labels: { server, state: 'idle' }, value: idle },
    { name: `${name}_waiting`, labels: { server }, value: waiting },
    { name: `${name}_limit`, labels: { server }, value: limit },
  ];
}

/** Scrapes that come close together are answered from one look at the database. */
const FRESH_MS = 5_000;

/** Exports what the metadata database knows; for API processes, each of which shows the same. */
export function observeDatabase(metrics: Metrics, db: pg.Pool, log: Log): void {
  const up = {
    name: 'pgsteward_database_gauges_up',
    help: 'Whether the gauges that come from the metadata database could be read.',
    labels: [],
  };
  const look = async (): Promise<GaugeValue[]> => {
    try {
      return [...(await readDatabaseGauges(db)), { name: up.name, labels: {}, value: 1 }];
    } catch (error) {
      log.warn({ err: error }, 'the gauges of the metadata database could not be read');
      return [{ name: up.name, labels: {}, value: 0 }];
    }
  };
  let last: { at: number; values: Promise<GaugeValue[]> } | undefined;
  addGauges(metrics, [up, ...DATABASE_GAUGES], () => {
    const now = performance.now();
    if (last === undefined || now - last.at > FRESH_MS) last = { at: now, values: look() };
    return last.values;
  });
}

/** A look stands until the third one after it is overdue; never for less than this. */
const LOOK_STANDS_MIN_MS = 30_000;

/** How long a look at the hosts stands, in milliseconds. */
export function looksStandFor({ monitor }: Pick<Config, 'monitor'>): number {
  return Math.max(LOOK_STANDS_MIN_MS, 3 * monitor.intervalMs);
}

type HostsChecked = (checks: readonly HostCheck[]) => void;

/**
 * Exports whether hosts answered when this worker last recorded a look at them. The looks are shared out among control workers: one
 * that has had none for a while has nothing to say.
 */
function observeHosts(metrics: Metrics, options: { freshMs: number }): HostsChecked {
  const name = 'pgsteward_host_up';
  let last: { at: number; checks: readonly HostCheck[] } | undefined;
  addGauges(
    metrics,
    [{ name, help: 'Whether a host answered when it was last looked at by this worker.', labels: ['host'] }],
    () => {
      if (last === undefined || performance.now() - last.at > options.freshMs) return [];
      return last.checks.map(({ hostId, facts }) => ({
        name,
        labels: { host: hostId },
        value: facts === undefined ? 0 : 1,
      }));
    },
  );
  return (checks) => {
    last = { at: performance.now(), checks };
  };
}
