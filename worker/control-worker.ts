import { Worker, type WorkerInterceptors } from '@temporalio/worker';
import { v7 as uuidv7 } from 'uuid';
import { createControlActivities } from '../activities/control/index.ts';
import { CONTROL_TASK_QUEUE } from '../domain/identifiers.ts';
import type { Config } from '../platform/config/config.ts';
import type { Log } from '../platform/log.ts';
import { activityEdge, HEARTBEAT_THROTTLE_MS, NO_SINKS, tracedBy } from './activity-edge.ts';
import type { ControlPlane } from './control-plane.ts';
import { looksStandFor, type Observability } from './observability.ts';
import { type RunningWorker, runWorker } from './running-worker.ts';
import { ensureSchedule } from './schedules.ts';
import { serversAway } from './servers-away.ts';
import type { TemporalSession } from './temporal-session.ts';

/** Both take milliseconds to seconds; the bound is for a metadata database that is away. */
const RUN_TIMEOUT_MS = 2 * 60_000;
/** Many servers, a few at a time, each within its own bound. */
const DRIFT_RUN_TIMEOUT_MS = 30 * 60_000;
/** Longer than all batches of a run take together; what is left is for the next one. */
const RETENTION_TIMEOUT_MS = 15 * 60_000;
/** Waits for a server connection, not for the CPU; the limit keeps a burst from exhausting the metadata pool's queue. */
const MAX_ACTIVITIES = 50;
const SHUTDOWN_GRACE_MS = 8_000;

/** Options of {@link startControlWorker}. */
export interface ControlWorkerOptions {
  config: Config;
  control: ControlPlane;
  temporal: TemporalSession;
  workflowBundle: { code: string };
  log: Log;
  /** How long a stop waits for activities under way, in milliseconds; 8000 unless given. Then they are cancelled, and tried again later. */
  shutdownGraceMs?: number;
  /** Where steps are counted and traced. */
  observe?: Observability;
  /** Further activity interceptors, inside the edge. */
  interceptors?: WorkerInterceptors['activity'];
}

/** A worker that runs every workflow and the activities that speak to PostgreSQL servers; reconciles once at its start. */
export async function startControlWorker(options: ControlWorkerOptions): Promise<RunningWorker> {
  const { config, control, temporal, observe, log } = options;
  const worker = await Worker.create({
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue: CONTROL_TASK_QUEUE,
    workflowBundle: options.workflowBundle,
    dataConverter: temporal.dataConverter,
    activities: createControlActivities({
      db: control.db,
      installationId: control.installationId,
      targets: control.targets,
      sealer: control.sealer,
      auditSealer: control.auditSealer,
      auditTrimmer: control.auditTrimmer,
      retention: config.retention.days,
      signals: control.signals,
      joinToken: control.joinToken,
      workflows: temporal.client.workflow,
      taskQueue: CONTROL_TASK_QUEUE,
      allowedRoles: new Set(config.allowedRoles),
      groupRefreshMs: config.groupRefreshMs,
      leaseAttempts: config.leases.attempts,
      taskTimeoutMs: config.taskTimeoutMs,
      drainMs: config.drainMs,
      monitor: {
        graceMs: config.monitor.graceMs,
        freshMs: looksStandFor(config),
      },
      ...(observe === undefined ? {} : { hostsChecked: observe.hostsChecked }),
      consumersDir: config.consumersDir,
      handover: config.handover,
      log,
    }),
    interceptors: {
      activity: [
        activityEdge(log, observe?.metrics, serversAway),
        ...tracedBy(observe),
        ...(options.interceptors ?? []),
      ],
    },
    sinks: observe?.tracing?.sinks ?? NO_SINKS,
    maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    shutdownGraceTime: options.shutdownGraceMs ?? SHUTDOWN_GRACE_MS,
  });
  const running = runWorker(worker);
  await ensureSchedules(temporal, config);
  return running;
}

/** Work that nobody asks for. What was accepted or recorded while nobody worked is started and sealed at once, too. */
async function ensureSchedules(temporal: TemporalSession, config: Config): Promise<void> {
  await ensureSchedule(temporal, {
    scheduleId: 'pgsteward-reconcile',
    workflowType: 'reconcile',
    intervalMs: config.reconcileIntervalMs,
    argument: {},
    runTimeoutMs: RUN_TIMEOUT_MS,
  });
  await ensureSchedule(temporal, {
    scheduleId: 'pgsteward-monitor',
    workflowType: 'monitorHosts',
    intervalMs: config.monitor.intervalMs,
    runTimeoutMs: RUN_TIMEOUT_MS,
  });
  await ensureSchedule(temporal, {
    scheduleId: 'pgsteward-watch-primaries',
    workflowType: 'watchPrimaries',
    intervalMs: config.failoverIntervalMs,
    argument: {},
    runTimeoutMs: RUN_TIMEOUT_MS,
  });
  await ensureSchedule(temporal, {
    scheduleId: 'pgsteward-watch-drift',
    workflowType: 'watchDrift',
    intervalMs: config.driftIntervalMs,
    runTimeoutMs: DRIFT_RUN_TIMEOUT_MS,
  });
  await ensureSchedule(temporal, {
    scheduleId: 'pgsteward-notify',
    workflowType: 'collectNotifications',
    intervalMs: config.notifyIntervalMs,
    argument: {},
    runTimeoutMs: RUN_TIMEOUT_MS,
  });
  await ensureSchedule(temporal, {
    scheduleId: 'pgsteward-seal-audit',
    workflowType: 'sealAudit',
    intervalMs: config.auditSealIntervalMs,
    runTimeoutMs: RUN_TIMEOUT_MS,
  });
  await ensureSchedule(temporal, {
    scheduleId: 'pgsteward-retention',
    workflowType: 'applyRetention',
    intervalMs: config.retention.intervalMs,
    runTimeoutMs: RETENTION_TIMEOUT_MS,
  });
  await startNow(temporal, 'reconcile', { olderThanMs: 0 });
  await startNow(temporal, 'sealAudit');
}

async function startNow(temporal: TemporalSession, workflowType: string, ...args: object[]): Promise<void> {
  await temporal.client.workflow.start(workflowType, {
    workflowId: `${workflowType}/start/${uuidv7()}`,
    taskQueue: CONTROL_TASK_QUEUE,
    args,
  });
}
