import type { z } from '@hono/zod-openapi';
import type { RotationSchedule } from '../../domain/rotations/schedule.ts';
import type { RotationRun } from '../../store/rotation-runs.ts';
import type { RotationRecord } from '../../store/rotations.ts';
import type { rotationDetailSchema, rotationSchema } from '../schemas/rotation.ts';
import { timestamp } from '../time.ts';

type Shown = z.infer<typeof rotationSchema>;
type ShownRun = z.infer<typeof rotationDetailSchema>['runs'][number];

const seconds = (ms: number) => ms / 1000;

export function renderRotation(rotation: RotationRecord, last: RotationRun | undefined): Shown {
  const { id, serverName, roleName, strategy, options, consumers, rotatedAt } = rotation;
  return {
    ...{ id, server: serverName, role: roleName, strategy },
    schedule: rotation.schedule === null ? null : renderSchedule(rotation.schedule),
    grace: seconds(options.graceMs),
    sessions: { policy: options.sessions.policy, drain: seconds(options.sessions.drainMs) },
    ...(options.logins !== undefined && { logins: options.logins }),
    ...(options.databases !== undefined && { databases: options.databases }),
    consumers: consumers.map((consumer) => ({ ...consumer })),
    override: options.override === true,
    paused: rotation.pausedAt !== null,
    current: {
      login: rotation.currentLogin ?? roleName,
      version: rotation.secretVersion,
      ...(rotatedAt !== null && { rotated_at: timestamp(rotatedAt) }),
    },
    created_at: timestamp(rotation.createdAt),
    updated_at: timestamp(rotation.updatedAt),
    last: last === undefined ? null : renderRun(last),
  };
}

function renderSchedule(schedule: RotationSchedule): NonNullable<Shown['schedule']> {
  const { everyMs, calendar, cron, timeZone, jitterMs, window, catchUpMs } = schedule;
  return {
    ...(everyMs !== undefined && { every: seconds(everyMs) }),
    ...(calendar !== undefined && {
      calendar: {
        hour: calendar.hours,
        minute: calendar.minutes,
        ...(calendar.weekDays !== undefined && { day_of_week: calendar.weekDays }),
        ...(calendar.monthDays !== undefined && { day_of_month: calendar.monthDays }),
        ...(calendar.months !== undefined && { month: calendar.months }),
      },
    }),
    ...(cron !== undefined && { cron }),
    time_zone: timeZone,
    jitter: seconds(jitterMs),
    ...(window !== undefined && { window }),
    catch_up_window: seconds(catchUpMs),
  };
}

export function renderRun(run: RotationRun): ShownRun {
  const { id, trigger, dueAt, taskId, status, login, batched, error, skipped, completedAt, measured } = run;
  const reason = skipped ?? error;
  return {
    ...{ id, trigger, login, batched },
    ...(dueAt !== null && { due_at: timestamp(dueAt) }),
    created_at: timestamp(run.createdAt),
    ...(completedAt !== null && { completed_at: timestamp(completedAt) }),
    ...(taskId !== null && { task_id: taskId }),
    status: taskId === null ? 'skipped' : (status ?? 'unknown'),
    ...(reason !== null && { error: reason }),
    ...(measured.window_ms !== undefined && { window_ms: measured.window_ms }),
    ...(measured.gap_ms !== undefined && { gap_ms: measured.gap_ms }),
  };
}
