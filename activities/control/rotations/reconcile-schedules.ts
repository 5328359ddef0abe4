import { describeRotation } from '../../../domain/rotations/rotation.ts';
import {
  applySchedule,
  catchUpSchedule,
  describeSchedule,
  scheduledRotations,
} from '../../../platform/temporal/rotation-schedules.ts';
import { lastRuns, pruneRuns } from '../../../store/rotation-runs.ts';
import { listScheduled, listUnapplied, noteApplied, type RotationRecord } from '../../../store/rotations.ts';
import type { ControlDeps } from '../deps.ts';

/** Rotations looked at in one pass; the next pass takes the rest. */
const PAGE = 500;
/** Runs that are kept of each rotation. */
const KEPT_RUNS = 1_000;

/**
 * Gives Temporal the schedules that it does not have: because a process died between commit and call, or because Temporal has lost
 * them. What a lost one was due meanwhile is caught up once.
 */
export async function reconcileSchedules(deps: ControlDeps): Promise<void> {
  await pruneRuns(deps.db, KEPT_RUNS);
  for (const rotation of await listUnapplied(deps.db, PAGE)) await apply(deps, rotation);
  let known: Set<string> | undefined;
  for (let afterId: string | null = null; ; ) {
    const page: RotationRecord[] = await listScheduled(deps.db, { afterId, limit: PAGE });
    if (page.length === 0) return;
    known ??= await scheduledRotations(deps.workflows);
    for (const rotation of page) {
      // The list may be a moment old: Temporal is asked for the one that seems to be missing.
      if (known.has(rotation.id) || (await describeSchedule(deps.workflows, rotation.id)) !== undefined) continue;
      deps.log.warn({ rotationId: rotation.id }, 'Temporal has lost the schedule of a rotation: it is made anew');
      await apply(deps, rotation);
      await catchUp(deps, rotation);
    }
    afterId = page.at(-1)?.id ?? null;
    if (page.length < PAGE) return;
  }
}

async function apply(deps: ControlDeps, rotation: RotationRecord): Promise<void> {
  const { id, schedule, createdAt, pausedAt, deletedAt, revision } = rotation;
  try {
    await applySchedule(
      deps.workflows,
      {
        rotationId: id,
        schedule: deletedAt === null ? schedule : null,
        definedAt: createdAt,
        paused: pausedAt !== null,
        subject: describeRotation(rotation),
      },
      deps,
    );
    await noteApplied(deps.db, { id, revision });
  } catch (error) {
    deps.log.warn(
      { err: error, rotationId: id },
      'Temporal did not take the schedule of a rotation; it is tried again',
    );
  }
}

async function catchUp(
  deps: ControlDeps,
  { id, schedule, createdAt, updatedAt, pausedAt }: RotationRecord,
): Promise<void> {
  if (schedule === null || pausedAt !== null) return;
  const last = (await lastRuns(deps.db, [id])).get(id);
  const now = new Date();
  const since = Math.max(
    (last?.createdAt ?? createdAt).getTime(),
    updatedAt.getTime(),
    now.getTime() - schedule.catchUpMs,
  );
  await catchUpSchedule(deps.workflows, { rotationId: id, since: new Date(since), now }).catch((error: unknown) => {
    deps.log.warn({ err: error, rotationId: id }, 'what a lost schedule was due could not be caught up');
  });
}
