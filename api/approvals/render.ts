import type { z } from '@hono/zod-openapi';
import type { ApprovalRules, People } from '../../domain/approvals/policy.ts';
import type { ApprovalPolicyRecord } from '../../store/approval-policies.ts';
import type { ApprovalRecord } from '../../store/approvals.ts';
import type { approvalPolicySchema, approvalSchema, policyBodySchema } from '../schemas/approval.ts';
import { timestamp } from '../time.ts';

type Body = z.output<typeof policyBodySchema>;

/** The rules that a body asks for. */
export function rulesOf(body: Body): ApprovalRules {
  const { kinds, servers, labels, environments, roles, approvers } = body;
  return {
    ...{ kinds, servers, labels, environments, roles, approvers },
    approvedBy: body.approved_by,
    expiresSeconds: body.expires_in_seconds,
    breakGlass: body.break_glass,
  };
}

const peopleOf = ({ accounts, roles }: People) => ({
  accounts: [...accounts],
  roles: [...roles] as Body['approved_by']['roles'],
});

export function renderApprovalPolicy(policy: ApprovalPolicyRecord): z.infer<typeof approvalPolicySchema> {
  const { kinds, servers, labels, environments, roles, approvers, ...rules } = policy.rules;
  return {
    id: policy.id,
    name: policy.name,
    ...{ kinds, servers, labels, environments, roles, approvers },
    approved_by: peopleOf(rules.approvedBy),
    expires_in_seconds: rules.expiresSeconds,
    break_glass: peopleOf(rules.breakGlass),
    created_at: timestamp(policy.createdAt),
    updated_at: timestamp(policy.updatedAt),
  };
}

export function renderApproval(approval: ApprovalRecord): z.infer<typeof approvalSchema> {
  const { taskId, reason, stateReason, decidedAt } = approval;
  return {
    id: taskId,
    task_id: taskId,
    server: approval.serverName,
    kind: approval.kind,
    roles: approval.roles,
    requester: approval.requester,
    ...(reason === null ? {} : { reason }),
    policy: approval.policyName,
    approvers: approval.approvers,
    approved_by: peopleOf(approval.rules.approvedBy),
    plan_hash: approval.planHash,
    state: approval.state,
    ...(stateReason === null ? {} : { state_reason: stateReason }),
    votes: approval.votes.map(({ account, verdict, comment, votedAt }) => ({
      account,
      verdict,
      ...(comment === null ? {} : { comment }),
      voted_at: timestamp(new Date(votedAt)),
    })),
    created_at: timestamp(approval.createdAt),
    expires_at: timestamp(approval.expiresAt),
    ...(decidedAt === null ? {} : { decided_at: timestamp(decidedAt) }),
  };
}
