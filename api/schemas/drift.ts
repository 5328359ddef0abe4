import { z } from '@hono/zod-openapi';
import { DRIFT_ACTIONS, DRIFT_KINDS, REPORTED_KINDS } from '../../domain/drift/policy.ts';
import { timestamp } from './common.ts';
import { findingSchema } from './effective.ts';
import { limit, order } from './paging.ts';

const action = z.enum(DRIFT_ACTIONS);
const MIN_INTERVAL = 10;
const MAX_INTERVAL = 86_400;
const MIN_PROOF = 60;
const MAX_PROOF = 30 * 86_400;

/** Body of a policy. */
export const putDriftPolicySchema = z
  .strictObject({
    default: action.default('report').describe('For kinds that `kinds` does not name.'),
    kinds: z
      .partialRecord(z.enum(DRIFT_KINDS), action)
      .default({})
      .openapi({ example: { login: 'repair', comment: 'ignore' } }),
    interval_seconds: z.int().min(MIN_INTERVAL).max(MAX_INTERVAL).default(300).describe('Seconds between two looks.'),
    proof_seconds: z
      .int()
      .min(MIN_PROOF)
      .max(MAX_PROOF)
      .default(3_600)
      .describe('Where pg_authid cannot be read: how old the proof of a password by a login may become.'),
  })
  .openapi('PutDriftPolicyRequest');

export const driftPolicySchema = z
  .object({
    default: action,
    kinds: z.record(z.string(), action).describe('What is done about each kind.'),
    interval_seconds: z.int(),
    proof_seconds: z.int(),
    updated_at: timestamp.nullable().describe('Null: it is the default, nobody has set it.'),
  })
  .openapi('DriftPolicy');

export const managedDocumentSchema = z
  .object({
    source: z
      .enum(['applied', 'named'])
      .describe('`applied`: the one that was applied last; `named`: one that was named, which comes first.'),
    document: z.unknown(),
    task_id: z.uuid().optional(),
    actor: z.string(),
    recorded_at: timestamp,
  })
  .openapi('ManagedDocument');

/** Null: the server is held against none. */
export const managedDocumentAnswerSchema = z
  .object({ managed_document: managedDocumentSchema.nullable() })
  .openapi('ManagedDocumentAnswer');

const findingKind = z.enum([...DRIFT_KINDS, ...REPORTED_KINDS]);
const findingState = z.enum(['open', 'repaired', 'ignored', 'resolved']);

/** Which findings. */
export const driftPageSchema = z.object({
  state: findingState
    .or(z.literal('all'))
    .default('open')
    .openapi({ description: '`resolved`: it went without a repair of ours.' }),
  kind: findingKind.optional(),
  after_finding_id: z.uuid().optional().openapi({ description: 'Findings after this one, in the direction chosen.' }),
  limit,
  sort_order: order,
});

const driftFindingSchema = z
  .object({
    finding_id: z.uuid(),
    kind: findingKind,
    source: z.enum(['document', 'credential']).describe('What it was held against.'),
    role: z.string().optional(),
    database: z.string().optional(),
    object: z.string().optional(),
    expected: z.string(),
    found: z.string(),
    state: findingState,
    held_back: z.string().optional().describe('Why it is not repaired although the policy says so.'),
    repairs: z.int().describe('Repairs in a row that did not last, the one under way included.'),
    task_id: z.uuid().optional().describe('Task of the last repair.'),
    first_seen_at: timestamp,
    last_seen_at: timestamp,
    ended_at: timestamp.optional(),
  })
  .openapi('DriftFinding');

export const maintenanceSchema = z
  .object({ reason: z.string(), actor: z.string(), since: timestamp, until: timestamp.nullable() })
  .openapi('Maintenance');

export const driftSchema = z
  .object({
    server: z.string(),
    looked_at: timestamp.nullable(),
    inspected_at: timestamp
      .nullable()
      .describe('When it was last read as a whole: because something had changed, or somebody asked.'),
    unchanged_since: timestamp.nullable().describe('From then on the fingerprint is the same.'),
    next_look_at: timestamp.nullable(),
    problem: z.string().optional().describe('Why the last look failed.'),
    held_back: z
      .object({ reason: z.string(), since: timestamp.nullable() })
      .optional()
      .describe('Why nothing is repaired.'),
    maintenance: maintenanceSchema.optional(),
    managed_document: z.object({ source: z.string(), recorded_at: timestamp, task_id: z.uuid().optional() }).nullable(),
    guarded: z.record(z.string(), z.unknown()).describe('What the last inspection compared.'),
    counts: z.record(z.string(), z.int()).describe('Findings by state.'),
    findings: z.array(driftFindingSchema),
    has_more: z.boolean(),
  })
  .openapi('Drift');

export const checkDriftSchema = z
  .strictObject({
    resume: z
      .boolean()
      .default(false)
      .describe('Repairs that were held back, or given up because they did not last, go on. Needs the admin role.'),
  })
  .openapi('CheckDriftRequest');

const MAX_REASON = 500;

export const setMaintenanceSchema = z
  .strictObject({
    enabled: z.boolean(),
    reason: z.string().trim().min(1).max(MAX_REASON).optional().describe('For people; needed to begin.'),
    until: z.iso.datetime({ offset: true }).optional().describe('When it ends by itself.'),
  })
  .refine(({ enabled, reason }) => !enabled || reason !== undefined, {
    path: ['reason'],
    message: 'is needed to begin maintenance',
  })
  .refine(({ enabled, until }) => enabled || until === undefined, {
    path: ['until'],
    message: 'is of no use where maintenance ends',
  })
  .openapi('SetMaintenanceRequest');

export const maintenanceAnswerSchema = z
  .object({
    enabled: z.boolean(),
    maintenance: maintenanceSchema.optional().describe('As it is, or as it was when it ended.'),
  })
  .openapi('MaintenanceAnswer');

export const hygieneSchema = z
  .object({
    server: z.string(),
    at: timestamp,
    findings: z.array(findingSchema),
    more: z.record(z.string(), z.int()).describe('How many more there are of a kind.'),
    observed_since: timestamp.nullable().describe('From then on open sessions were sampled.'),
    sampled_every_seconds: z.int(),
    logins: z.array(z.object({ role: z.string(), last_seen_at: timestamp.nullable() })),
    notes: z.array(z.string()).describe('What the report does not know.'),
  })
  .openapi('Hygiene');
