import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { rememberApplied } from '../../../store/drift/managed-documents.ts';
import { auditNameOf, findResult } from '../../../store/server-work.ts';
import { appendLog, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskRef } from '../types.ts';

/** Closes a successful task on a server in one transaction, with what came of it in the audit log. */
export async function finishServerTask(deps: ControlDeps, input: TaskRef): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const task = await findTask(tx, { taskId: input.taskId });
    if (task === undefined || !(await closeTask(tx, { taskId: input.taskId, status: 'completed' }))) return;
    await appendLog(tx, { taskId: input.taskId, entries: [{ message: 'completed', fields: { success: true } }] });
    await rememberApplied(tx, task.id);
    await insertTaskOutcome(tx, {
      actor: task.actor,
      ...(await auditNameOf(tx, task)),
      taskId: task.id,
      outcome: 'completed',
      detail: (await findResult(tx, task.id)) ?? {},
    });
  });
}
