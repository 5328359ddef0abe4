import { approversOf } from '../../../domain/approvals/vote.ts';
import { type ApprovalRecord, lockApproval } from '../../../store/approvals.ts';
import { insertAudit } from '../../../store/audit.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import { findTask } from '../../../store/tasks.ts';
import { endUnapproved } from '../../../store/unapproved.ts';
import type { ControlDeps } from '../deps.ts';
import type { ApprovalLook } from '../types.ts';

/**
 * What has become of a task that waits for approval, by the rows that the API has written. One whose time is over is closed here.
 * A task that never had to wait, or is closed, is told apart.
 */
export function lookAtApproval(deps: Pick<ControlDeps, 'db'>, input: { taskId: string }): Promise<ApprovalLook> {
  return inTransaction(deps.db, async (tx) => {
    const approval = await lockApproval(tx, input.taskId);
    const task = await findTask(tx, input);
    if (approval === undefined || task === undefined) return { state: 'over', reason: 'there is no such task' };
    if (task.completedAt !== null) return { state: 'over', reason: task.error ?? `the task is ${task.status}` };
    // Also one that was approved: what nobody carried out in its time is not to come as a surprise later.
    if (approval.expired && task.startedAt === null) return expire(tx, approval);
    if (approval.state === 'pending') {
      return { state: 'waiting', subject: `server ${approval.serverName}`, untilMs: approval.expiresAt.getTime() };
    }
    return isApproved(approval) ? { state: 'approved', type: task.type } : withdraw(tx, approval);
  });
}

/** Of what was decided, only the word of accounts that are not disabled counts when it is carried out. */
function isApproved(approval: ApprovalRecord): boolean {
  const standing = approval.votes.filter(({ disabled }) => !disabled);
  return approval.state === 'approved' && approversOf(approval, standing).length >= approval.approvers;
}

async function expire(
  tx: Queryable,
  { taskId, serverName, policyName, kind, roles }: ApprovalRecord,
): Promise<ApprovalLook> {
  const reason = 'nobody decided in time: ask for the change again';
  if (await endUnapproved(tx, { taskId, state: 'expired', reason, from: ['pending', 'approved'] })) {
    await insertAudit(tx, {
      kind: 'outcome',
      actor: 'pgsteward',
      action: 'approval.expire',
      resource: `server/${serverName}`,
      taskId,
      outcome: 'completed',
      detail: { approval: taskId, policy: policyName, kind, roles },
    });
  }
  return { state: 'over', reason };
}

async function withdraw(tx: Queryable, { taskId }: ApprovalRecord): Promise<ApprovalLook> {
  const reason = 'who approved it may not do so any more: ask for the change again';
  await endUnapproved(tx, { taskId, state: 'rejected', reason, from: ['approved'] });
  return { state: 'over', reason };
}
