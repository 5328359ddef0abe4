import { Failure } from '../../../../domain/failures.ts';
import { insertTaskOutcome } from '../../../../store/audit.ts';
import { inTransaction } from '../../../../store/connection.ts';
import { lockDatabase, setDatabaseState } from '../../../../store/databases.ts';
import { taskHolds } from '../../../../store/journal.ts';
import { findSwitchover } from '../../../../store/switchovers.ts';
import { appendLog, auditAction, closeTask, findTask } from '../../../../store/tasks.ts';
import type { ControlDeps } from '../../deps.ts';
import { logHostSteps } from '../../tasks/host-steps.ts';
import type { HostStepReport, TaskRef } from '../../types.ts';

/** See {@link ControlActivities.finishSwitchover}. One transaction. */
export async function finishSwitchover(
  deps: ControlDeps,
  input: TaskRef & { hostSteps: HostStepReport[] },
): Promise<void> {
  const { taskId, epoch, hostSteps } = input;
  await inTransaction(deps.db, async (tx) => {
    const task = await findTask(tx, { taskId });
    if (task?.status === 'completed') return;
    const record = await findSwitchover(tx, taskId);
    const database = record === undefined ? undefined : await lockDatabase(tx, record.databaseId);
    if (
      task === undefined ||
      record === undefined ||
      database === undefined ||
      !(await taskHolds(tx, { taskId, epoch }))
    ) {
      throw new Failure('StaleTask', `task ${taskId} was superseded`);
    }
    const message = `the primary of node ${record.nodeName} is on ${record.candidateHostId}, and ${record.primaryHostId} follows it`;
    await logHostSteps(tx, taskId, hostSteps);
    await appendLog(tx, { taskId, entries: [{ message, fields: { success: true } }] });
    await setDatabaseState(tx, { id: database.id, state: record.stateBefore ?? 'available' });
    await closeTask(tx, { taskId, status: 'completed' });
    await insertTaskOutcome(tx, {
      actor: task.actor,
      action: auditAction(task),
      resource: `database/${database.id}`,
      taskId,
      outcome: 'completed',
      detail: { node: record.nodeName, from: record.primaryHostId, to: record.candidateHostId },
    });
  });
}
