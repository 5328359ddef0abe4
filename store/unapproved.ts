import type { ApprovalState } from '../domain/approvals/vote.ts';
import { decideApproval } from './approvals.ts';
import { type AuditOutcome, insertTaskOutcome } from './audit.ts';
import type { Queryable } from './connection.ts';
import { appendLog, auditAction, closeTask, findTask, type TaskOutcome } from './tasks.ts';

/** How a task ends that did not get its approval. */
const ENDS = {
  rejected: { status: 'failed', outcome: 'refused' },
  canceled: { status: 'canceled', outcome: 'canceled' },
  expired: { status: 'failed', outcome: 'failed' },
} as const satisfies Partial<Record<ApprovalState, { status: TaskOutcome; outcome: AuditOutcome }>>;

/**
 * Closes a task that waits for approval and does not get it, in the transaction that decides so: its run has nothing more to do.
 * @returns false when it had been decided before
 */
export async function endUnapproved(
  tx: Queryable,
  input: { taskId: string; state: keyof typeof ENDS; reason: string; from?: readonly ApprovalState[] },
): Promise<boolean> {
  const { taskId, state, reason, from = ['pending'] } = input;
  if (!(await decideApproval(tx, { taskId, from, state, reason }))) return false;
  const task = await findTask(tx, { taskId });
  const { status, outcome } = ENDS[state];
  if (task === undefined || (await closeTask(tx, { taskId, status, error: reason })) === undefined) return true;
  await appendLog(tx, { taskId, entries: [{ message: reason, fields: { success: false } }] });
  await insertTaskOutcome(tx, {
    actor: task.actor,
    action: auditAction(task),
    resource: `${task.scope}/${task.entityId}`,
    taskId,
    outcome,
    detail: { approval: taskId },
  });
  return true;
}
