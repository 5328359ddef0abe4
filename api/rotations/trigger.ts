import type { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { acceptanceTools } from '../../platform/rotations/acceptance-tools.ts';
import { startTask } from '../../platform/temporal/start-task.ts';
import { startOf } from '../../platform/temporal/task-run.ts';
import { acceptRotation } from '../../store/accept-rotation.ts';
import { inTransaction } from '../../store/connection.ts';
import { findTask } from '../../store/tasks.ts';
import { refuseHeld } from '../approvals/hold.ts';
import { noteAccepted } from '../audit/accepted.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { triggeredSchema } from '../schemas/rotation.ts';
import { refuseInMaintenance } from '../servers/refuse-in-maintenance.ts';
import { noSuchRotation, requireRotation } from './changes.ts';

type Triggered = z.infer<typeof triggeredSchema>;

const ROUTE = 'POST /v1/rotations/{rotation_id}/trigger';

/** Accepts a run now, also of a rotation that is paused and outside of its window. @throws ApiError 404, 409 */
export async function triggerRotation(deps: ServerApiDeps, caller: Caller, id: string): Promise<Triggered> {
  const { serverName, roleName } = await requireRotation(deps, caller, id);
  await Promise.all([
    refuseInMaintenance(deps, { serverName, what: 'nothing is rotated' }),
    refuseHeld(deps, caller, { serverName, kind: 'rotation', roles: [roleName] }),
  ]);
  const change = changeRequest(deps, { caller, route: ROUTE, content: { id }, answer: triggeredSchema });
  const answer = await change.once(async () => {
    const accepted = await inTransaction(deps.db, async (tx) => {
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
      if (outcome.state === 'busy')
        throw new ApiError('operation_already_in_progress', `${outcome.reason}; try again when it has ended`);
      if (outcome.state !== 'accepted') throw new ApiError('operation_not_supported', outcome.reason);
      const { taskId, runId, serverName } = outcome;
      await change.keep(tx, { run_id: runId, task_id: taskId, server: serverName });
      return outcome;
    });
    await start(deps, accepted);
    const { taskId, runId, serverName } = accepted;
    return { run_id: runId, task_id: taskId, server: serverName };
  });
  noteAccepted(caller);
  return answer;
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
