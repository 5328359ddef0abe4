import { Failure } from '../../../domain/failures.ts';
import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { deleteCredentials } from '../../../store/credentials.ts';
import { deleteDatabaseRow, lockDatabase } from '../../../store/databases.ts';
import { environmentDetail } from '../../../store/environments.ts';
import { taskHolds } from '../../../store/journal.ts';
import { endRotationsOf } from '../../../store/rotations.ts';
import { databaseSecretOwner, deleteSecretsOf } from '../../../store/secrets.ts';
import { appendLog, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { HostStepReport, TaskRef } from '../types.ts';
import { closePredecessors } from './close-predecessors.ts';
import { logHostSteps } from './host-steps.ts';

/** Closes a delete in one transaction: record, instances, ports, names, secrets and credentials go; the task stays readable. */
export async function finishDelete(deps: ControlDeps, input: TaskRef & { hostSteps: HostStepReport[] }): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const task = await findTask(tx, { taskId: input.taskId });
    if (task?.status === 'completed') return;
    const databaseId = task?.databaseId ?? '';
    const database = await lockDatabase(tx, databaseId);
    if (task === undefined || database === undefined || !(await taskHolds(tx, input))) {
      throw new Failure('StaleTask', `task ${input.taskId} was superseded`);
    }
    const resource = `database/${databaseId}`;
    const detail = await environmentDetail(tx, resource);
    await logHostSteps(tx, input.taskId, input.hostSteps);
    await appendLog(tx, { taskId: input.taskId, entries: [{ message: 'database is deleted' }] });
    await closePredecessors(tx, { taskId: input.taskId, databaseId });
    await closeTask(tx, { taskId: input.taskId, status: 'completed' });
    await deleteSecretsOf(tx, databaseSecretOwner(databaseId));
    await endRotationsOf(tx, databaseId);
    await deleteCredentials(tx, { databaseId });
    await deleteDatabaseRow(tx, databaseId);
    await insertTaskOutcome(tx, {
      actor: task.actor,
      action: 'database.delete',
      resource,
      taskId: input.taskId,
      outcome: 'completed',
      detail,
    });
  });
}
