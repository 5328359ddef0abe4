import type { z } from '@hono/zod-openapi';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { inTransaction } from '../../store/connection.ts';
import { beginOperation, lockDatabase } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { insertTask, type TaskRecord } from '../../store/tasks.ts';
import { auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type ChangeRequest, changeRequest } from '../idempotency.ts';
import { acceptedTaskSchema } from '../schemas/database.ts';
import { renderTask } from '../tasks/render.ts';
import { startRun } from './start-run.ts';
import { assertModifiable } from './states.ts';

type AcceptedTask = z.infer<typeof acceptedTaskSchema>;

/** Accepts the deletion of a database in a state that allows it, and starts the run. */
export function acceptDelete(deps: ApiDeps, caller: Caller, databaseId: string): Promise<AcceptedTask> {
  const change = changeRequest(deps, {
    caller,
    route: 'DELETE /v1/databases/{database_id}',
    content: { databaseId },
    answer: acceptedTaskSchema,
  });
  return change.once(async () => {
    const { task, accepted, hostIds } = await recordDelete(deps, { caller, change, databaseId });
    await startRun(deps, task, hostIds);
    return accepted;
  });
}

/** One transaction. @throws ApiError when there is no such database, or its state does not allow it */
function recordDelete(
  deps: ApiDeps,
  request: { caller: Caller; change: ChangeRequest<AcceptedTask>; databaseId: string },
): Promise<{ task: TaskRecord; accepted: AcceptedTask; hostIds: string[] }> {
  const { caller, databaseId } = request;
  return inTransaction(deps.db, async (tx) => {
    const database = await lockDatabase(tx, databaseId);
    if (database === undefined) throw new ApiError('not_found', 'no database found with the given ID');
    assertModifiable(database, 'deleted');
    const { epoch } = await beginOperation(tx, { id: databaseId, state: 'deleting' });
    const { workflowType, kind: workflowKind } = TASK_WORKFLOWS.delete;
    const task = await insertTask(tx, {
      scope: 'database',
      entityId: databaseId,
      type: 'delete',
      epoch,
      workflowType,
      workflowKind,
      requestHash: request.change.hash,
      actor: caller.account,
    });
    await auditIntent(tx, caller, {
      action: 'database.delete',
      resource: `database/${databaseId}`,
      taskId: task.id,
    });
    const accepted = { task: renderTask(task) };
    await request.change.keep(tx, accepted);
    const instances = await listInstances(tx, [databaseId]);
    return { task, accepted, hostIds: instances.map(({ hostId }) => hostId) };
  });
}
