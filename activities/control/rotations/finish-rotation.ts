import { rotationAudit } from '../../../domain/rotations/request.ts';
import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { findRunOfTask } from '../../../store/rotation-runs.ts';
import { appendLog, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskRef } from '../types.ts';

/** Closes a successful run in one transaction. */
export async function finishRotation(deps: ControlDeps, input: TaskRef): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const [task, run] = [await findTask(tx, { taskId: input.taskId }), await findRunOfTask(tx, input.taskId)];
    if (task === undefined || !(await closeTask(tx, { taskId: input.taskId, status: 'completed' }))) return;
    await appendLog(tx, { taskId: task.id, entries: [{ message: 'completed', fields: { success: true } }] });
    await insertTaskOutcome(tx, {
      actor: task.actor,
      ...rotationAudit(run?.rotationId ?? ''),
      taskId: task.id,
      outcome: 'completed',
      detail: { login: run?.login, ...run?.measured },
    });
  });
}
