import type { z } from '@hono/zod-openapi';
import { approversOf, refuseVote, type Verdict, type VoteRefusal } from '../../domain/approvals/vote.ts';
import { tellDecision } from '../../platform/temporal/tell-decision.ts';
import { accountsOfPerson } from '../../store/accounts.ts';
import { type ApprovalRecord, decideApproval, findApproval, insertVote, lockApproval } from '../../store/approvals.ts';
import type { Queryable } from '../../store/connection.ts';
import { findTask } from '../../store/tasks.ts';
import { endUnapproved } from '../../store/unapproved.ts';
import { mayUse } from '../access/may-use.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, type ApiErrorName } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { approvalSchema } from '../schemas/approval.ts';
import { renderApproval } from './render.ts';

type Answer = z.infer<typeof approvalSchema>;

export const noSuchApproval = () => new ApiError('not_found', 'no approval found with the given ID');

const REFUSALS: Readonly<Record<VoteRefusal['refusal'], ApiErrorName>> = {
  forbidden: 'forbidden',
  decided: 'approval_decided',
  other_plan: 'plan_changed',
  said: 'approval_decided',
};

/**
 * Puts somebody's word on record, and what follows from it: bound to the account and to the plan that it was shown (R13).
 * @throws ApiError 403 for the requester and whoever the policy does not name, 409 where it is decided or the plan is another one
 */
export async function decide(
  deps: ApiDeps,
  caller: Caller,
  vote: { id: string; verdict: Verdict; planHash: string; comment: string | undefined },
): Promise<Answer> {
  const { id, verdict, planHash } = vote;
  const comment = vote.comment ?? null;
  const route = `POST /v1/approvals/{approval_id}/${verdict}`;
  const change = changeRequest(deps, { caller, route, content: vote, answer: approvalSchema });
  const answer = await change.atOnce(async (tx) => {
    const approval = await lockVisible(tx, caller, id);
    const accounts = await accountsOfPerson(tx, caller.account);
    const refused = refuseVote(approval, { account: caller.account, accounts, role: caller.role, planHash });
    if (refused !== undefined) throw new ApiError(REFUSALS[refused.refusal], refused.message);
    await insertVote(tx, {
      taskId: id,
      account: caller.account,
      tokenId: caller.tokenId ?? null,
      verdict,
      planHash,
      comment,
    });
    const after = await find(tx, id);
    if (verdict === 'reject') await reject(tx, caller, { id, comment });
    else if (isEnough(after)) await approve(tx, after);
    await auditChange(tx, caller, {
      action: `approval.${verdict}`,
      resource: `server/${approval.serverName}`,
      taskId: id,
      detail: detailOf(approval, { plan_hash: planHash, comment }),
    });
    return renderApproval(await find(tx, id));
  });
  tell(deps, id);
  return answer;
}

/** Takes a change back that waits for approval. @throws ApiError 403 for anybody but its requester, 409 where it is decided */
export async function cancel(
  deps: ApiDeps,
  caller: Caller,
  of: { id: string; comment: string | undefined },
): Promise<Answer> {
  const { id, comment = null } = of;
  const route = 'POST /v1/approvals/{approval_id}/cancel';
  const change = changeRequest(deps, { caller, route, content: of, answer: approvalSchema });
  const answer = await change.atOnce(async (tx) => {
    const approval = await lockVisible(tx, caller, id);
    if (approval.requester !== caller.account) {
      throw new ApiError('forbidden', `only "${approval.requester}", who asked for the change, may take it back`);
    }
    const reason = `taken back by "${caller.account}"${comment === null ? '' : `: ${comment}`}`;
    if (!(await endUnapproved(tx, { taskId: id, state: 'canceled', reason }))) {
      throw new ApiError('approval_decided', `it is ${approval.state} already`);
    }
    await auditChange(tx, caller, {
      action: 'approval.cancel',
      resource: `server/${approval.serverName}`,
      taskId: id,
      detail: detailOf(approval, { comment }),
    });
    return renderApproval(await find(tx, id));
  });
  tell(deps, id);
  return answer;
}

/** Takes the row; what is outside of the caller's scope is as if it were not there (R6). */
async function lockVisible(tx: Queryable, caller: Caller, id: string): Promise<ApprovalRecord> {
  const approval = await lockApproval(tx, id);
  if (approval === undefined || !mayUse(caller, 'servers', approval.serverName)) throw noSuchApproval();
  return approval;
}

async function find(tx: Queryable, id: string): Promise<ApprovalRecord> {
  const approval = await findApproval(tx, id);
  if (approval === undefined) throw noSuchApproval();
  return approval;
}

function isEnough(approval: ApprovalRecord): boolean {
  const standing = approval.votes.filter(({ disabled }) => !disabled);
  return approversOf(approval, standing).length >= approval.approvers;
}

async function approve(tx: Queryable, approval: ApprovalRecord): Promise<void> {
  const reason = `approved by ${approversOf(approval, approval.votes)
    .map((account) => `"${account}"`)
    .join(' and ')}`;
  await decideApproval(tx, { taskId: approval.taskId, from: ['pending'], state: 'approved', reason });
}

async function reject(tx: Queryable, caller: Caller, of: { id: string; comment: string | null }): Promise<void> {
  const reason = `rejected by "${caller.account}"${of.comment === null ? '' : `: ${of.comment}`}`;
  await endUnapproved(tx, { taskId: of.id, state: 'rejected', reason });
}

function detailOf({ taskId, policyName, kind, roles, requester }: ApprovalRecord, more: Record<string, unknown>) {
  return { approval: taskId, policy: policyName, kind, roles, requester, ...more };
}

/** The decision is on record: a run that cannot be told now is told by the reconciler, or sees it by itself at the end of its wait. */
function tell(deps: ApiDeps, taskId: string): void {
  void findTask(deps.db, { taskId })
    .then((task) => task && tellDecision(deps.workflows, { taskId, workflowId: task.workflowId }))
    .catch((error: unknown) => deps.log.warn({ err: error, taskId }, 'the run that waits for approval was not told'));
}
