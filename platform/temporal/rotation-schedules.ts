import {
  ScheduleAlreadyRunning,
  ScheduleClient,
  type ScheduleDescription,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  type WorkflowClient,
} from '@temporalio/client';
import { type RotationSchedule, specificationOf } from '../../domain/rotations/schedule.ts';

/** A schedule as a rotation wants it. */
export interface WantedSchedule {
  rotationId: string;
  /** Null: there is to be none. */
  schedule: RotationSchedule | null;
  definedAt: Date;
  paused: boolean;
  subject: string;
}

/** What Temporal has of it. */
export interface ScheduleState {
  paused: boolean;
  /** The next time, in the future unless it does not fire. */
  next: Date | null;
}

const ROTATION_TRIGGER = 'rotationTrigger';
const PREFIX = 'pgsteward-rotation/';
export const rotationScheduleId = (rotationId: string): string => `${PREFIX}${rotationId}`;
const idOf = (scheduleId: string) => (scheduleId.startsWith(PREFIX) ? scheduleId.slice(PREFIX.length) : undefined);

/** Longest wait for Temporal; the reconciler repeats what it did not take. */
const DEADLINE_MS = 5_000;

const clients = new WeakMap<WorkflowClient, ScheduleClient>();

/** Shares connection and codec of the workflow client. */
function schedulesOf(workflows: WorkflowClient): ScheduleClient {
  const known = clients.get(workflows);
  if (known !== undefined) return known;
  const { connection, options } = workflows;
  const made = new ScheduleClient({
    connection,
    namespace: options.namespace,
    dataConverter: options.loadedDataConverter as never,
  });
  clients.set(workflows, made);
  return made;
}

/** Makes Temporal have the schedule as it is wanted; may be repeated. @returns whether it was made anew */
export async function applySchedule(
  workflows: WorkflowClient,
  wanted: WantedSchedule,
  options: { taskQueue: string },
): Promise<boolean> {
  const schedules = schedulesOf(workflows);
  return schedules.withDeadline(Date.now() + DEADLINE_MS, async () => {
    const handle = schedules.getHandle(rotationScheduleId(wanted.rotationId));
    if (wanted.schedule === null) {
      await handle.delete().catch(unlessNotFound);
      return false;
    }
    const description = scheduleOptions(wanted, wanted.schedule, options.taskQueue);
    try {
      await schedules.create(description);
      return true;
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    }
    const { spec, action, policies, state } = description;
    await handle.update((before) => ({ ...before, spec, action, policies, state: { ...before.state, ...state } }));
    return false;
  });
}

function scheduleOptions(wanted: WantedSchedule, schedule: RotationSchedule, taskQueue: string) {
  const { rotationId, definedAt, paused, subject } = wanted;
  return {
    scheduleId: rotationScheduleId(rotationId),
    spec: specificationOf(schedule, definedAt),
    action: {
      type: 'startWorkflow',
      workflowType: ROTATION_TRIGGER,
      workflowId: `rotation-trigger/${rotationId}`,
      taskQueue,
      args: [{ rotationId }],
      staticSummary: `rotate ${subject}`,
    },
    // One that is overdue is run once: of several that were missed the others overlap with the first.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: schedule.catchUpMs, pauseOnFailure: false },
    state: { paused, note: paused ? 'paused by a request' : subject },
  } satisfies ScheduleOptions;
}

/** What was due while the schedule was lost: run once, as far back as the catch-up window goes. */
export async function catchUpSchedule(
  workflows: WorkflowClient,
  of: { rotationId: string; since: Date; now: Date },
): Promise<void> {
  const schedules = schedulesOf(workflows);
  await schedules.withDeadline(Date.now() + DEADLINE_MS, () =>
    schedules
      .getHandle(rotationScheduleId(of.rotationId))
      .backfill({ start: of.since, end: of.now, overlap: ScheduleOverlapPolicy.SKIP }),
  );
}

/** What Temporal has of a schedule; undefined where it has none. */
export async function describeSchedule(
  workflows: WorkflowClient,
  rotationId: string,
): Promise<ScheduleState | undefined> {
  const schedules = schedulesOf(workflows);
  try {
    const found: ScheduleDescription = await schedules.withDeadline(Date.now() + DEADLINE_MS, () =>
      schedules.getHandle(rotationScheduleId(rotationId)).describe(),
    );
    return { paused: found.state.paused, next: found.info.nextActionTimes[0] ?? null };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/** Ids of the rotations that Temporal has a schedule of. The list may be a moment old. */
export async function scheduledRotations(workflows: WorkflowClient): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { scheduleId } of schedulesOf(workflows).list()) {
    const id = idOf(scheduleId);
    if (id !== undefined) found.add(id);
  }
  return found;
}

function unlessNotFound(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}
