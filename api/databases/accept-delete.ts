import type { z } from '@hono/zod-openapi';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import {
  beginOperation,
  type DatabaseRecord,
  findDatabase,
  listDatabaseServers,
  lockDatabase,
} from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { requestCancelOfAll } from '../../store/task-cancellation.ts';
import { findOpenTask, insertTask, type TaskRecord } from '../../store/tasks.ts';
import { auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type ChangeRequest, changeRequest } from '../idempotency.ts';
import { acceptedTaskSchema } from '../schemas/database.ts';
import { renderTask } from '../tasks/render.ts';
import { noSuchDatabase } from './absent.ts';
import { refuseHeldDatabase, usersOf } from './refuse-held.ts';
import { startRun } from './start-run.ts';
import { assertModifiable } from './states.ts';

type AcceptedTask = z.infer<typeof acceptedTaskSchema>;

/** A database to delete; `force`: in any state, ending what is under way. */
export interface DeleteRequest {
  databaseId: string;
  force: boolean;
}

/**
 * Accepts the deletion of a database in a state that allows it, or with `force` in any, and starts the run. A forced delete that is
 * under way takes further ones in.
 */
export function acceptDelete(deps: ApiDeps, caller: Caller, request: DeleteRequest): Promise<AcceptedTask> {
  const { databaseId, force } = request;
  const change = changeRequest(deps, {
    caller,
    route: 'DELETE /v1/databases/{database_id}',
    // Without `force` as before, so that keys outlive an upgrade.
    content: { databaseId, ...(force ? { force } : {}) },
    answer: acceptedTaskSchema,
  });
  return change.once(
    async () => {
      await refuseHeldDelete(deps, caller, databaseId);
      const { task, accepted, hostIds } = await recordDelete(deps, { ...request, caller, change });
      await startRun(deps, task, hostIds);
      return accepted;
    },
    async () => {
      const task = force ? await findOpenTask(deps.db, databaseId) : undefined;
      const joins = task?.forced === true && task.status !== 'canceling';
      return joins ? { task: renderTask(task) } : undefined;
    },
  );
}

/** What is to be deleted is judged under its lock; who may ask for it, before. */
async function refuseHeldDelete(deps: ApiDeps, caller: Caller, databaseId: string): Promise<void> {
  const [database, servers] = await Promise.all([
    findDatabase(deps.db, databaseId),
    listDatabaseServers(deps.db, databaseId),
  ]);
  if (database === undefined) return;
  const serverNames = servers.map(({ serverName }) => serverName);
  await refuseHeldDatabase(deps, caller, { serverNames, roles: usersOf(database.spec) });
}

/**
 * One transaction. The epoch rises at once, also above what is under way: its forward steps change nothing from here on, while its
 * undo, which the run waits for, is not fenced (R9).
 * @throws ApiError when there is no such database, or its state or its protection does not allow it
 */
function recordDelete(
  deps: ApiDeps,
  request: DeleteRequest & { caller: Caller; change: ChangeRequest<AcceptedTask> },
): Promise<{ task: TaskRecord; accepted: AcceptedTask; hostIds: string[] }> {
  const { caller, databaseId, force } = request;
  return inTransaction(deps.db, async (tx) => {
    assertDeletable(await lockDatabase(tx, databaseId), force);
    const cancelled = force ? await requestCancelOfAll(tx, databaseId) : [];
    const { epoch } = await beginOperation(tx, { id: databaseId, state: 'deleting' });
    const task = await insertDelete(tx, { ...request, epoch });
    await auditIntent(tx, caller, {
      action: 'database.delete',
      resource: `database/${databaseId}`,
      taskId: task.id,
      ...(force ? { detail: { force, cancelled } } : {}),
    });
    const accepted = { task: renderTask(task) };
    await request.change.keep(tx, accepted);
    const instances = await listInstances(tx, [databaseId]);
    return { task, accepted, hostIds: instances.map(({ hostId }) => hostId) };
  });
}

function insertDelete(
  tx: Queryable,
  request: DeleteRequest & { caller: Caller; change: ChangeRequest<AcceptedTask>; epoch: number },
): Promise<TaskRecord> {
  const { workflowType, kind: workflowKind } = TASK_WORKFLOWS.delete;
  return insertTask(tx, {
    scope: 'database',
    entityId: request.databaseId,
    type: 'delete',
    epoch: request.epoch,
    workflowType,
    workflowKind,
    requestHash: request.change.hash,
    actor: request.caller.account,
    forced: request.force,
  });
}

function assertDeletable(database: DatabaseRecord | undefined, force: boolean): void {
  if (database === undefined) throw noSuchDatabase();
  if (database.spec.deletion_protection === true) {
    throw new ApiError(
      'database_not_modifiable',
      'the database is protected from deletion, also by force; update it with "deletion_protection": false in its spec first',
    );
  }
  if (!force) assertModifiable(database, 'deleted', ', or with force=true at once');
}
