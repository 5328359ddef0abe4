import { insertTaskOutcome } from '../../../store/audit.ts';
import type { Queryable } from '../../../store/connection.ts';
import { environmentDetail } from '../../../store/environments.ts';
import { listPredecessors } from '../../../store/task-cancellation.ts';
import { appendLog, auditAction, closeTask } from '../../../store/tasks.ts';

const REASON = 'a forced delete has removed the database before this task had ended';

/** Closes the tasks that a forced delete overtook, in the transaction that forgets their database: nothing is left to undo. */
export async function closePredecessors(tx: Queryable, task: { taskId: string; databaseId: string }): Promise<void> {
  const resource = `database/${task.databaseId}`;
  const environment = await environmentDetail(tx, resource);
  for (const overtaken of await listPredecessors(tx, task)) {
    const outcome = await closeTask(tx, { taskId: overtaken.id, status: 'canceled', error: REASON });
    if (outcome === undefined) continue;
    await appendLog(tx, { taskId: overtaken.id, entries: [{ message: `${outcome}: ${REASON}` }] });
    await insertTaskOutcome(tx, {
      actor: overtaken.actor,
      action: auditAction(overtaken),
      resource,
      taskId: overtaken.id,
      outcome,
      detail: { ...environment, overtakenBy: task.taskId },
    });
  }
}
