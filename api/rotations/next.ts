import type { z } from '@hono/zod-openapi';
import { openingAfter } from '../../domain/rotations/window.ts';
import { describeSchedule, type ScheduleState } from '../../platform/temporal/rotation-schedules.ts';
import type { RotationRun } from '../../store/rotation-runs.ts';
import type { RotationRecord } from '../../store/rotations.ts';
import type { ApiDeps } from '../deps.ts';
import type { rotationDetailSchema } from '../schemas/rotation.ts';
import { timestamp } from '../time.ts';

type Next = Pick<z.infer<typeof rotationDetailSchema>, 'next' | 'alarm'>;
type Alarm = NonNullable<Next['alarm']>;

/** When the next run is due: in the future, or null with the reason. */
export async function nextRun(
  deps: Pick<ApiDeps, 'workflows' | 'log'>,
  rotation: RotationRecord,
  last: RotationRun | undefined,
): Promise<Next> {
  const { schedule } = rotation;
  if (schedule === null) return { next: null, ...failing(last) };
  if (rotation.pausedAt !== null) return without('paused', 'the rotation is paused; POST …/resume goes on with it');
  let state: ScheduleState | undefined;
  try {
    state = await describeSchedule(deps.workflows, rotation.id);
  } catch (error) {
    deps.log.warn({ err: error, rotationId: rotation.id }, 'Temporal did not say when a rotation is due');
    return without('unknown', 'Temporal does not answer, so nobody can say when the next run is due');
  }
  if (state === undefined || rotation.revision !== rotation.appliedRevision) {
    return without('schedule_lost', 'Temporal does not have the schedule yet, or no longer; it is made within moments');
  }
  if (state.paused) return without('paused', 'the schedule was paused in Temporal itself; unpause it there');
  if (state.next === null) return without('overdue', 'the schedule has no time left');
  const now = new Date();
  if (state.next <= now) return without('overdue', `a run was due at ${timestamp(state.next)} and has not begun`);
  return { next: timestamp(openingAfter(state.next, schedule.window, schedule.timeZone)), ...failing(last) };
}

const without = (name: Alarm['name'], message: string): Next => ({ next: null, alarm: { name, message } });

function failing(last: RotationRun | undefined): { alarm?: Alarm } {
  if (last?.status !== 'failed') return {};
  return { alarm: { name: 'failing', message: `the last run failed: ${last.error ?? 'see its task'}` } };
}
