import { openingAfter } from '../../../domain/rotations/window.ts';
import { acceptanceTools } from '../../../platform/rotations/acceptance-tools.ts';
import { startBatch } from '../../../platform/temporal/start-batch.ts';
import { startTask } from '../../../platform/temporal/start-task.ts';
import { startOf } from '../../../platform/temporal/task-run.ts';
import { acceptRotation as accept, skipRun } from '../../../store/accept-rotation.ts';
import { openBatch } from '../../../store/batches.ts';
import { inTransaction } from '../../../store/connection.ts';
import { findRotation } from '../../../store/rotations.ts';
import { findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { RotationTriggered } from '../types.ts';

/** A database or another run is asked again after this long. */
const BUSY_PAUSE_MS = 5_000;

/**
 * Accepts the run of a rotation that its schedule wants, or says how long to wait: for the opening of the window, or because
 * something else is under way. May run twice: the trigger names the run.
 * @param input.giveUp record that the run did not come about, if it is not possible now
 */
export async function acceptRotation(
  deps: ControlDeps,
  input: { rotationId: string; triggerId: string; dueAt: string | null; giveUp: boolean },
): Promise<RotationTriggered> {
  const { rotationId, triggerId, giveUp } = input;
  const rotation = await findRotation(deps.db, rotationId);
  if (rotation === undefined) return { outcome: 'the rotation was deleted', waitMs: 0 };
  const now = new Date();
  const { schedule } = rotation;
  const opening = openingAfter(now, schedule?.window, schedule?.timeZone ?? 'UTC');
  if (opening > now) return { outcome: 'waits for its window', waitMs: opening.getTime() - now.getTime() };
  const trigger = {
    ...{
      rotationId,
      triggerId,
      trigger: 'schedule' as const,
      dueAt: input.dueAt === null ? null : new Date(input.dueAt),
    },
    requestHash: deps.sealer.fingerprint(triggerId),
    audit: { actor: 'schedule' },
  };
  const accepted = await inTransaction(deps.db, (tx) => accept(tx, trigger, acceptanceTools(deps.sealer)));
  if (accepted.state === 'gone') return { outcome: 'the rotation was deleted', waitMs: 0 };
  if (accepted.state === 'skipped') return { outcome: `skipped: ${accepted.reason}`, waitMs: 0 };
  if (accepted.state === 'accepted') {
    await startAccepted(deps, accepted);
    return { outcome: 'accepted', taskId: accepted.taskId, waitMs: 0 };
  }
  const { reason } = accepted;
  if (accepted.state !== 'refused' && !giveUp) return { outcome: reason, waitMs: BUSY_PAUSE_MS };
  await inTransaction(deps.db, (tx) => skipRun(tx, { ...trigger, reason }, acceptanceTools(deps.sealer)));
  return { outcome: `skipped: ${reason}`, waitMs: 0 };
}

/** The reconciler starts it where Temporal does not answer. */
async function startAccepted(
  deps: ControlDeps,
  { taskId, serverName, batched }: { taskId: string; serverName: string; batched: boolean },
): Promise<void> {
  try {
    if (batched) {
      const batch = await openBatch(deps.db, serverName);
      if (batch !== undefined) await startBatch(deps.workflows, batch, { taskQueue: deps.taskQueue });
      return;
    }
    const task = await findTask(deps.db, { taskId });
    if (task !== undefined) await startTask(deps.workflows, startOf(task, { taskQueue: deps.taskQueue }));
  } catch (error) {
    deps.log.warn({ err: error, taskId }, 'Temporal did not take the start; the reconciler will start the task');
  }
}
