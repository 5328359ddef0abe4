import type { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { acceptanceTools } from '../../platform/rotations/acceptance-tools.ts';
import { startTask } from '../../platform/temporal/start-task.ts';
import { startOf } from '../../platform/temporal/task-run.ts';
import { acceptRotation } from '../../store/accept-rotation.ts';
import { taskEnd } from '../../store/completions.ts';
import { inTransaction } from '../../store/connection.ts';
import type { RotationRun } from '../../store/rotation-runs.ts';
import type { RotationRecord } from '../../store/rotations.ts';
import { findTask } from '../../store/tasks.ts';
import { refuseHeld } from '../approvals/hold.ts';
import { noteAccepted } from '../audit/accepted.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type ChangeRequest, changeRequest } from '../idempotency.ts';
import { triggeredSchema } from '../schemas/rotation.ts';
import { refuseInMaintenance } from '../servers/refuse-in-maintenance.ts';
import { noSuchRotation, requireRotation } from './changes.ts';

type Triggered = z.infer<typeof triggeredSchema>;

const ROUTE = 'POST /v1/rotations/{rotation_id}/trigger';

/** How long a request waits for the end of a run that it comes too late to share: as a rule that takes a moment. */
const ENDS_WITHIN_MS = 20_000;
/** When to come back where nobody knows how long a run still takes. */
const COME_BACK_SECONDS = 5;

/**
 * Accepts a run now, also of a rotation that is paused and outside of its window; one that is under way and has not set the current
 * password yet is shared, whoever asked for it. @throws ApiError 404, 409
 */
export async function triggerRotation(deps: ServerApiDeps, caller: Caller, id: string): Promise<Triggered> {
  const { serverName, roleName } = await requireRotation(deps, caller, id);
  await Promise.all([
    refuseInMaintenance(deps, { serverName, what: 'nothing is rotated' }),
    refuseHeld(deps, caller, { serverName, kind: 'rotation', roles: [roleName] }),
  ]);
  const change = changeRequest(deps, { caller, route: ROUTE, content: { id }, answer: triggeredSchema });
  const answer = await change.once(async () => {
    const accepted = await acceptOrWait(deps, caller, { id, change });
    await start(deps, accepted);
    const { taskId, runId, serverName } = accepted;
    return { run_id: runId, task_id: taskId, server: serverName };
  });
  noteAccepted(caller);
  return answer;
}

/** Those who wait for the same run to end share the next one. */
async function acceptOrWait(
  deps: ServerApiDeps,
  caller: Caller,
  of: { id: string; change: ChangeRequest<Triggered> },
): Promise<Accepted> {
  const until = performance.now() + ENDS_WITHIN_MS;
  for (;;) {
    const outcome = await accept(deps, caller, of);
    if (outcome.state === 'accepted') return outcome;
    const { run, rotation } = outcome;
    const boundMs = until - performance.now();
    const leftMs = longestEnd(run, rotation);
    if (boundMs <= 0 || (leftMs !== undefined && leftMs > boundMs)) throw stillEnding(run, leftMs);
    await taskEnd(deps, { taskId: run.taskId ?? '', boundMs });
  }
}

type Outcome = Awaited<ReturnType<typeof acceptRotation>>;
type Accepted = Extract<Outcome, { state: 'accepted' }>;
type Ending = Extract<Outcome, { state: 'ending' }>;

function accept(
  deps: ServerApiDeps,
  caller: Caller,
  { id, change }: { id: string; change: ChangeRequest<Triggered> },
): Promise<Accepted | Ending> {
  return inTransaction(deps.db, async (tx) => {
    const outcome = await acceptRotation(
      tx,
      {
        rotationId: id,
        trigger: 'request',
        triggerId: `request/${uuidv7()}`,
        dueAt: null,
        requestHash: change.hash,
        audit: askedBy(caller),
      },
      acceptanceTools(deps.sealer),
    );
    if (outcome.state === 'gone') throw noSuchRotation();
    if (outcome.state === 'ending') return outcome;
    if (outcome.state === 'busy')
      throw new ApiError('operation_already_in_progress', `${outcome.reason}; try again when it has ended`);
    if (outcome.state !== 'accepted') throw new ApiError('operation_not_supported', outcome.reason);
    const { taskId, runId, serverName } = outcome;
    await change.keep(tx, { run_id: runId, task_id: taskId, server: serverName });
    return outcome;
  });
}

/** How long a run that has set its password may still take for what comes after, in milliseconds; undefined: nobody knows. */
function longestEnd({ settledAt }: RotationRun, { options }: RotationRecord): number | undefined {
  if (settledAt === null) return undefined;
  const { graceMs, sessions } = options;
  return settledAt.getTime() + graceMs + (sessions.policy === 'drain' ? sessions.drainMs : 0) - Date.now();
}

function stillEnding({ taskId, settledAt }: RotationRun, leftMs: number | undefined): ApiError {
  const seconds = leftMs === undefined ? COME_BACK_SECONDS : Math.max(1, Math.ceil(leftMs / 1_000));
  const reason =
    settledAt === null
      ? `the run of task ${taskId} is being taken back; try again when it has ended`
      : `the run of task ${taskId} has set the current password, and the former one, or its sessions, have up to ${seconds} s left; the next run can begin then`;
  return new ApiError('operation_already_in_progress', reason, { headers: { 'Retry-After': String(seconds) } });
}

/** A Temporal that does not answer is no error for the caller: the reconciler starts what waits. */
async function start(
  deps: ServerApiDeps,
  { taskId, serverName, batched }: { taskId: string; serverName: string; batched: boolean },
): Promise<void> {
  if (batched) {
    void deps.dispatcher.poke(serverName);
    return;
  }
  try {
    const task = await findTask(deps.db, { taskId });
    if (task === undefined) return;
    await startTask(deps.workflows, startOf(task, { taskQueue: deps.taskQueue, eager: deps.eagerStart }));
  } catch (error) {
    deps.log.warn({ err: error, taskId }, 'Temporal did not take the start; the reconciler will start the task');
  }
}
