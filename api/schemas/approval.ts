/** Approvals and their policies, as the API takes and shows them. */
import { z } from '@hono/zod-openapi';
import { CHANGE_KINDS } from '../../domain/approvals/policy.ts';
import { APPROVAL_STATES, VERDICTS } from '../../domain/approvals/vote.ts';
import { IDENTIFIER_MAX_LENGTH } from '../../domain/identifiers.ts';
import { timestamp } from './common.ts';
import { pageParts } from './paging.ts';
import { taskSchema } from './task.ts';

/** Bounds of what one policy names. */
const MOST_NAMES = 100;
const MAX_REASON = 1_000;
/** Ninety days: who has not decided by then is not going to. */
const MOST_SECONDS = 90 * 86_400;
const DEFAULT_SECONDS = 7 * 86_400;

const text = z.string().min(1).max(255);
const names = (description: string) => z.array(text).max(MOST_NAMES).default([]).describe(description);
const roles = z
  .array(z.enum(['admin', 'operator', 'auditor']))
  .max(3)
  .default([]);

const people = z.strictObject({ accounts: names('Names of accounts.'), roles });

/** Body of a policy. */
export const policyBodySchema = z
  .strictObject({
    name: z.string().min(1).max(IDENTIFIER_MAX_LENGTH),
    kinds: z
      .array(z.enum(CHANGE_KINDS))
      .max(CHANGE_KINDS.length)
      .default([])
      .describe('Kinds of changes; none for all.'),
    servers: names('Names of servers, in which * stands for anything; none for all.'),
    labels: z.record(text, z.string().max(255)).default({}).describe('Labels that the server has, all of them.'),
    environments: names('Environments of the server, by its label or by the registry; none for all.'),
    roles: names('Names of roles, in which * stands for anything: one that the change names is enough; none for all.'),
    approvers: z.union([z.literal(1), z.literal(2)]).default(1),
    approved_by: people
      .refine(({ accounts, roles: given }) => accounts.length + given.length > 0, 'must name somebody')
      .default({ accounts: [], roles: ['admin'] }),
    expires_in_seconds: z.int().min(1).max(MOST_SECONDS).default(DEFAULT_SECONDS),
    break_glass: people.default({ accounts: [], roles: [] }).describe('Who may do without approval, on record.'),
  })
  .openapi('ApprovalPolicyRequest');

const shownPeople = z.object({
  accounts: z.array(z.string()),
  roles: z.array(z.enum(['admin', 'operator', 'auditor'])),
});

export const approvalPolicySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    kinds: z.array(z.enum(CHANGE_KINDS)),
    servers: z.array(z.string()),
    labels: z.record(z.string(), z.string()),
    environments: z.array(z.string()),
    roles: z.array(z.string()),
    approvers: z.union([z.literal(1), z.literal(2)]),
    approved_by: shownPeople,
    expires_in_seconds: z.int(),
    break_glass: shownPeople,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .openapi('ApprovalPolicy');

export const approvalPolicyListSchema = z
  .object({ policies: z.array(approvalPolicySchema) })
  .openapi('ApprovalPolicyList');

/** A change that waits, or waited, for approval. */
export const approvalSchema = z
  .object({
    id: z.uuid().describe('That of the task.'),
    task_id: z.uuid(),
    server: z.string(),
    kind: z.enum(CHANGE_KINDS),
    roles: z.array(z.string()),
    requester: z.string(),
    reason: z.string().optional(),
    policy: z.string().describe('Name of the policy, as it was when the change was asked for.'),
    approvers: z.int().describe('How many accounts other than the requester have to approve.'),
    approved_by: shownPeople,
    plan_hash: z.string().describe('To be given with each decision.'),
    state: z.enum(APPROVAL_STATES),
    state_reason: z.string().optional(),
    votes: z.array(
      z.object({
        account: z.string(),
        verdict: z.enum(VERDICTS),
        comment: z.string().optional(),
        voted_at: timestamp,
      }),
    ),
    created_at: timestamp,
    expires_at: timestamp,
    decided_at: timestamp.optional(),
  })
  .openapi('Approval');

/** The same with its plan: of a document as `POST …/plan` shows it, of a drop as `…/drop-preview` does. */
export const approvalDetailSchema = approvalSchema
  .extend({ plan: z.record(z.string(), z.unknown()), task: taskSchema })
  .openapi('ApprovalDetail');

export const approvalListSchema = z.object({ approvals: z.array(approvalSchema) }).openapi('ApprovalList');

/** A change that was accepted and waits. */
export const heldSchema = z
  .object({
    task_id: z.uuid(),
    approval: approvalSchema,
    password: z
      .string()
      .nullable()
      .optional()
      .describe('A generated password: shown once, and good when the change is carried out.'),
  })
  .openapi('HeldChange');

export const approvalPageSchema = z.object({
  state: z.enum(APPROVAL_STATES).optional(),
  kind: z.enum(CHANGE_KINDS).optional(),
  server: z.string().min(1).optional(),
  requester: z.string().min(1).optional(),
  after_approval_id: z.uuid().optional().openapi({ description: 'Approvals after this one, in the direction chosen.' }),
  ...pageParts,
});

const comment = z.string().min(1).max(MAX_REASON).optional();

/** Body of a decision. */
export const decisionSchema = z
  .strictObject({
    plan_hash: z.string().regex(/^[0-9a-f]{64}$/, 'is the hash of a plan: 64 hexadecimal digits'),
    comment,
  })
  .openapi('ApprovalDecision');

export const cancelApprovalSchema = z.strictObject({ comment }).openapi('ApprovalCancellation');

/** Why a change cannot wait. */
export const breakGlassSchema = z.strictObject({ reason: z.string().trim().min(1).max(MAX_REASON) });
export const reasonSchema = z.string().trim().min(1).max(MAX_REASON);
