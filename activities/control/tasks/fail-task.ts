import { rotationAudit } from '../../../domain/rotations/request.ts';
import { TASK_WORKFLOWS } from '../../../domain/task-workflows.ts';
import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import { deleteCredentials } from '../../../store/credentials.ts';
import { lockDatabase, setDatabaseState } from '../../../store/databases.ts';
import { failInstances } from '../../../store/instances.ts';
import { releasePorts } from '../../../store/ports.ts';
import { findRunOfTask, releaseDatabases } from '../../../store/rotation-runs.ts';
import { auditNameOf } from '../../../store/server-work.ts';
import { findSwitchover } from '../../../store/switchovers.ts';
import { appendLog, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskFailure } from '../types.ts';
import { restoreRecord } from '../update/restore-record.ts';

/**
 * Closes a failed or cancelled task in one transaction. After a create its roles and ports are free for others at once;
 * the record stays as `failed`, with the reason, until it is deleted.
 */
export async function failTask(deps: ControlDeps, input: TaskFailure): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const task = await findTask(tx, { taskId: input.taskId });
    if (task === undefined) return;
    const database = task.databaseId === null ? undefined : await lockDatabase(tx, task.databaseId);
    const left = input.leftovers.map((leftover) => `not undone: ${leftover}`);
    const error = [input.reason, ...left].join('\n');
    const outcome = await closeTask(tx, { taskId: input.taskId, status: input.outcome, error });
    if (outcome === undefined) return;
    await appendLog(tx, {
      taskId: input.taskId,
      entries: [
        { message: `${outcome}: ${input.reason}`, fields: { success: false } },
        ...left.map((message) => ({ message })),
      ],
    });
    const run = task.type === 'rotate_password' ? await findRunOfTask(tx, task.id) : undefined;
    if (run !== undefined) await releaseDatabases(tx, { taskId: task.id, epoch: task.epoch });
    await insertTaskOutcome(tx, {
      actor: task.actor,
      ...(await auditNameOf(tx, task)),
      ...(run !== undefined && rotationAudit(run.rotationId)),
      taskId: input.taskId,
      outcome,
      detail: { leftovers: input.leftovers },
    });
    // A later operation has taken the database over: its state is no longer this task's to set (R9).
    if (database === undefined || database.epoch !== task.epoch) return;
    if (task.type === 'switchover') return afterSwitchover(tx, task.id, { databaseId: database.id, left, error });
    await setDatabaseState(tx, { id: database.id, state: 'failed', error });
    if (task.type === 'update') await restoreRecord(tx, { taskId: task.id, databaseId: database.id });
    // Whatever made the database for the first time: nothing of it is left.
    if (task.workflowType !== TASK_WORKFLOWS.create.workflowType) return;
    await failInstances(tx, { databaseId: database.id, error: input.reason });
    await releasePorts(tx, database.id);
    await deleteCredentials(tx, { databaseId: database.id });
  });
}

/** A switchover that failed has changed nothing of the database, unless its server could not be brought back. */
async function afterSwitchover(
  tx: Queryable,
  taskId: string,
  failed: { databaseId: string; left: readonly string[]; error: string },
): Promise<void> {
  const before = (await findSwitchover(tx, taskId))?.stateBefore;
  // It never began.
  if (before == null) return;
  const { databaseId: id, left, error } = failed;
  await setDatabaseState(tx, left.length === 0 ? { id, state: before } : { id, state: 'degraded', error });
}
