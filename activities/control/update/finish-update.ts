import { Failure } from '../../../domain/failures.ts';
import { insertAudit } from '../../../store/audit.ts';
import { findChange } from '../../../store/changes.ts';
import { inTransaction } from '../../../store/connection.ts';
import { lockDatabase, setAvailable } from '../../../store/databases.ts';
import { keepInstances } from '../../../store/instances.ts';
import { taskHolds } from '../../../store/journal.ts';
import { keepPorts } from '../../../store/ports.ts';
import { appendLog, auditAction, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { logHostSteps } from '../tasks/host-steps.ts';
import type { HostStepReport, TaskRef } from '../types.ts';

/** Closes an update in one transaction: instances that went lose record and ports; the next operation is accepted at once. */
export async function finishUpdate(deps: ControlDeps, input: TaskRef & { hostSteps: HostStepReport[] }): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const task = await findTask(tx, { taskId: input.taskId });
    if (task?.status === 'completed') return;
    const [database, change] = [await lockDatabase(tx, task?.databaseId ?? ''), await findChange(tx, input.taskId)];
    if (task === undefined || change === undefined || database === undefined || !(await taskHolds(tx, input))) {
      throw new Failure('StaleTask', `task ${input.taskId} was superseded`);
    }
    await keepInstances(tx, {
      databaseId: database.id,
      instanceIds: change.nextInstances.map(({ instanceId }) => instanceId),
    });
    await keepPorts(tx, { databaseId: database.id, claims: change.nextInstances });
    await setAvailable(tx, database.id);
    await logHostSteps(tx, input.taskId, input.hostSteps);
    await appendLog(tx, { taskId: input.taskId, entries: [{ message: 'database is available' }] });
    await closeTask(tx, { taskId: input.taskId, status: 'completed' });
    await insertAudit(tx, {
      kind: 'outcome',
      actor: task.actor,
      action: auditAction(task),
      resource: `database/${database.id}`,
      taskId: input.taskId,
      outcome: 'completed',
    });
  });
}
