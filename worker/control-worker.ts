import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { Worker, type WorkerInterceptors } from '@temporalio/worker';
import { v7 as uuidv7 } from 'uuid';
import { createControlActivities } from '../activities/control/index.ts';
import { CONTROL_TASK_QUEUE } from '../domain/identifiers.ts';
import type { Config } from '../platform/config/config.ts';
import type { Log } from '../platform/log.ts';
import { activityEdge, HEARTBEAT_THROTTLE_MS } from './activity-edge.ts';
import type { ControlPlane } from './control-plane.ts';
import { type RunningWorker, runWorker } from './running-worker.ts';
import type { TemporalSession } from './temporal-session.ts';

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
  /** Further activity interceptors, inside the edge. */
  interceptors?: WorkerInterceptors['activity'];
}

/** A worker that runs every workflow and the activities that speak to PostgreSQL servers; reconciles once at its start. */
export async function startControlWorker(options: ControlWorkerOptions): Promise<RunningWorker> {
  const { config, control, temporal, log } = options;
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
      signals: control.signals,
      joinToken: control.joinToken,
      workflows: temporal.client.workflow,
      taskQueue: CONTROL_TASK_QUEUE,
      allowedRoles: new Set(config.allowedRoles),
      taskTimeoutMs: config.taskTimeoutMs,
      log,
    }),
    interceptors: { activity: [activityEdge(log), ...(options.interceptors ?? [])] },
    maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    shutdownGraceTime: options.shutdownGraceMs ?? SHUTDOWN_GRACE_MS,
  });
  const running = runWorker(worker);
  await ensureSchedules(temporal, config);
  await reconcileNow(temporal);
  return running;
}

/** What runs by the clock, one run at a time. A worker's start brings the intervals up to date. */
async function ensureSchedules({ client }: TemporalSession, config: Config): Promise<void> {
  const schedules = [
    { scheduleId: 'pgsteward-reconcile', workflowType: 'reconcile', every: config.reconcileIntervalMs },
    { scheduleId: 'pgsteward-watch-primaries', workflowType: 'watchPrimaries', every: config.failoverIntervalMs },
  ];
  await Promise.all(
    schedules.map(async ({ scheduleId, workflowType, every }) => {
      const spec = { intervals: [{ every }] };
      try {
        await client.schedule.create({
          scheduleId,
          spec,
          action: {
            type: 'startWorkflow',
            workflowType,
            workflowId: workflowType,
            taskQueue: CONTROL_TASK_QUEUE,
            args: [{}],
          },
          policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1m' },
        });
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
        await client.schedule.getHandle(scheduleId).update((previous) => ({ ...previous, spec }));
      }
    }),
  );
}

/** What was accepted while nobody worked is started now. */
async function reconcileNow({ client }: TemporalSession): Promise<void> {
  await client.workflow.start('reconcile', {
    workflowId: `reconcile/start/${uuidv7()}`,
    taskQueue: CONTROL_TASK_QUEUE,
    args: [{ olderThanMs: 0 }],
  });
}
