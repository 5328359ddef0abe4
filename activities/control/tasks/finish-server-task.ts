import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { findResult } from '../../../store/server-work.ts';
import { appendLog, auditAction, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskRef } from '../types.ts';

/** Closes a successful task on a server in one transaction, with what came of it in the audit log. */
export async function finishServerTask(deps: ControlDeps, input: TaskRef): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const task = await findTask(tx, { taskId: input.taskId });
    if (task === undefined || !(await closeTask(tx, { taskId: input.taskId, status: 'completed' }))) return;
    await appendLog(tx, { taskId: input.taskId, entries: [{ message: 'completed', fields: { success: true } }] });
    await insertTaskOutcome(tx, {
      actor: task.actor,
      action: auditAction(task),
      resource: `server/${task.entityId}`,
      taskId: task.id,
      outcome: 'completed',
      detail: (await findResult(tx, task.id)) ?? {},
    });
  });
}
