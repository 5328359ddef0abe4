import type { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import {
  deleteApprovalPolicy,
  insertApprovalPolicy,
  lockApprovalPolicy,
  updateApprovalPolicy,
} from '../../store/approval-policies.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { approvalPolicySchema, type policyBodySchema } from '../schemas/approval.ts';
import { renderApprovalPolicy, rulesOf } from './render.ts';

type Policy = z.infer<typeof approvalPolicySchema>;
type Body = z.output<typeof policyBodySchema>;

export const noSuchPolicy = () => new ApiError('not_found', 'no approval policy found with the given ID');
const taken = (name: string) =>
  new ApiError('approval_policy_already_exists', `there is an approval policy ${JSON.stringify(name)} already`);

export function createPolicy(deps: ApiDeps, caller: Caller, body: Body): Promise<Policy> {
  const route = 'POST /v1/approval-policies';
  const change = changeRequest(deps, { caller, route, content: body, answer: approvalPolicySchema });
  return change.atOnce(async (tx) => {
    const made = await insertApprovalPolicy(tx, { id: uuidv7(), name: body.name, rules: rulesOf(body) });
    if (made === undefined) throw taken(body.name);
    const detail = { after: { name: made.name, rules: made.rules } };
    await auditChange(tx, caller, { action: 'approval_policy.create', resource: `approval_policy/${made.id}`, detail });
    return renderApprovalPolicy(made);
  });
}

/** Replaces a policy. What waits already goes on under the rules that it began under. */
export function replacePolicy(deps: ApiDeps, caller: Caller, of: { id: string; body: Body }): Promise<Policy> {
  const { id, body } = of;
  const route = 'PUT /v1/approval-policies/{policy_id}';
  const change = changeRequest(deps, { caller, route, content: of, answer: approvalPolicySchema });
  return change.atOnce(async (tx) => {
    const before = await lockApprovalPolicy(tx, id);
    if (before === undefined) throw noSuchPolicy();
    const after = await updateApprovalPolicy(tx, { id, name: body.name, rules: rulesOf(body) });
    if (after === undefined) throw taken(body.name);
    const detail = {
      before: { name: before.name, rules: before.rules },
      after: { name: after.name, rules: after.rules },
    };
    await auditChange(tx, caller, { action: 'approval_policy.change', resource: `approval_policy/${id}`, detail });
    return renderApprovalPolicy(after);
  });
}

/** Removes a policy. What waits already goes on waiting. @returns as it was */
export function removePolicy(deps: ApiDeps, caller: Caller, id: string): Promise<Policy> {
  const route = 'DELETE /v1/approval-policies/{policy_id}';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: approvalPolicySchema });
  return change.atOnce(async (tx) => {
    const before = await lockApprovalPolicy(tx, id);
    if (before === undefined) throw noSuchPolicy();
    await deleteApprovalPolicy(tx, id);
    const detail = { before: { name: before.name, rules: before.rules } };
    await auditChange(tx, caller, { action: 'approval_policy.delete', resource: `approval_policy/${id}`, detail });
    return renderApprovalPolicy(before);
  });
}
