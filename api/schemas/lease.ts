import { z } from '@hono/zod-openapi';
import { IDENTIFIER_MAX_LENGTH, IDENTIFIER_RULE, isIdentifier } from '../../domain/identifiers.ts';
import { LEASE_STATES } from '../../domain/leases/lease.ts';
import { HINT_PATTERN, HINT_RULE } from '../../domain/leases/names.ts';
import { LEAST_TTL_SECONDS, LONGEST_TTL_SECONDS } from '../../domain/leases/terms.ts';
import { timestamp } from './common.ts';
import { pageParts } from './paging.ts';

const MAX_GROUPS = 16;
const MAX_REASON = 500;
const MAX_ACCOUNTS = 1_000;
const MAX_LABELS = 32;
const MAX_HANDOVER_HOURS = 168;

const seconds = z.int().min(LEAST_TTL_SECONDS).max(LONGEST_TTL_SECONDS).openapi({ example: 3600 });
const serverName = z.string().min(1).max(IDENTIFIER_MAX_LENGTH).openapi({ example: 'host-1' });
const roleName = z.string().min(1).max(63);
const groups = z
  .array(roleName)
  .min(1)
  .max(MAX_GROUPS)
  .refine((names) => new Set(names).size === names.length, 'names a role twice')
  .openapi({ example: ['billing_readers'] });
const templateName = z.string().min(1).max(IDENTIFIER_MAX_LENGTH).refine(isIdentifier, IDENTIFIER_RULE);

/** Body of a request for a lease. */
export const issueLeaseSchema = z
  .strictObject({
    server: serverName.optional().describe('May be left out where the template names one server.'),
    roles: groups.optional().describe('Group roles that the login is a member of; or `template`.'),
    template: templateName.optional(),
    ttl: seconds.optional().describe('Seconds until the lease ends.'),
    max_ttl: seconds.optional().describe('Seconds beyond which no renewal moves its end.'),
    reason: z.string().trim().min(1).max(MAX_REASON).describe('What it is for; kept in the audit log.'),
    name: z.string().regex(HINT_PATTERN, HINT_RULE).optional().describe('Part of the name of the login.'),
    handover: z.literal('link').optional().describe('The password is behind a link that shows it once.'),
    handover_hours: z.int().min(1).max(MAX_HANDOVER_HOURS).optional(),
  })
  .openapi('IssueLeaseRequest');

export const renewLeaseSchema = z
  .strictObject({ ttl: seconds.optional().describe('Seconds from now; as long as at first unless given.') })
  .openapi('RenewLeaseRequest');

/** Body of the word that a lease is to count as ended although nothing proves it. */
export const resolveLeaseSchema = z
  .strictObject({ reason: z.string().trim().min(1).max(MAX_REASON).describe('Why nothing more is to be done.') })
  .openapi('ResolveLeaseRequest');

const receiptSchema = z
  .object({
    server: z.string(),
    role: z.string(),
    oid: z.int().nullable(),
    already_gone: z.boolean(),
    absent: z.literal(true),
    sessions: z.object({ ended: z.int(), open: z.literal(0) }),
    login: z.object({ refused: z.boolean(), message: z.string() }),
    memberships: z.array(z.string()),
    drop_task: z.string().optional().describe('Task on the server that says who has now what the login owned.'),
    proven_at: z.string(),
  })
  .openapi('LeaseReceipt');

/** A lease. */
export const leaseSchema = z
  .object({
    id: z.uuid(),
    server: z.string(),
    username: z.string(),
    roles: z.array(z.string()),
    template: z.string().optional(),
    holder: z.string(),
    reason: z.string(),
    state: z.enum(LEASE_STATES),
    created_at: timestamp,
    ends_at: timestamp.describe('The one end of the lease: sessions end then, and the login goes.'),
    max_ends_at: timestamp.describe('No renewal goes beyond that.'),
    ended_at: timestamp.optional(),
    end_reason: z.enum(['expired', 'revoked', 'not_issued']).optional(),
    attempts: z.int().optional().describe('How often its end has been tried.'),
    last_error: z.string().optional(),
    next_attempt_at: timestamp.optional(),
    drop_task_id: z.uuid().optional(),
    receipt: receiptSchema.optional(),
  })
  .openapi('Lease');

/** A lease that was just given. */
export const issuedLeaseSchema = leaseSchema
  .extend({
    password: z.string().nullable().describe('Shown once; null behind a link, and for a repeated request too late.'),
    handover: z.object({ url: z.string(), expires_at: z.string() }).nullable().optional(),
  })
  .openapi('IssuedLease');

export const leasePageSchema = z.object({
  server: z.string().min(1).max(IDENTIFIER_MAX_LENGTH).optional(),
  state: z
    .union([z.enum(LEASE_STATES), z.literal('live')])
    .optional()
    .describe('`live`: everything that is not over. `failed`: those whose end needs somebody.'),
  holder: z.string().min(1).max(255).optional(),
  after_lease_id: z.uuid().optional().openapi({ description: 'Leases after this one, in the direction chosen.' }),
  ...pageParts,
});

export const leaseListSchema = z
  .object({
    leases: z.array(leaseSchema),
    next_lease_id: z.uuid().optional().describe('Value of `after_lease_id` for the next page.'),
  })
  .openapi('LeaseList');

/** What differs between leases on record and logins on a server. */
export const leaseFindingsSchema = z
  .object({
    orphans: z
      .array(z.object({ username: z.string(), oid: z.int(), lease_id: z.uuid() }))
      .describe(
        'Logins that say they are of a lease of this installation, which has no such live lease. Never touched.',
      ),
    ghosts: z
      .array(z.object({ lease_id: z.uuid(), username: z.string(), ends_at: timestamp }))
      .describe('Live leases whose login is not there. They are closed when they end.'),
  })
  .openapi('LeaseFindings');

const labels = z
  .record(z.string().min(1).max(64), z.string().max(255))
  .refine((given) => Object.keys(given).length > 0 && Object.keys(given).length <= MAX_LABELS, 'needs 1 to 32 labels');

const templateParts = {
  name: templateName,
  server: serverName.optional(),
  labels: labels.optional().describe('Every server that has all of these; or `server`.'),
  roles: groups,
  owner_role: roleName.nullable().optional().describe('Role that gets what a login leaves behind.'),
  default_ttl: seconds,
  max_ttl: seconds,
  quota: z.int().min(0).max(1_000_000).nullable().optional().describe('Most live leases at a time.'),
  accounts: z
    .array(z.string().min(1).max(255))
    .max(MAX_ACCOUNTS)
    .optional()
    .describe('Accounts with the role of a member that may use it; `*` for all. Operators may anyway.'),
};

export const createTemplateSchema = z.strictObject(templateParts).openapi('CreateLeaseTemplateRequest');
export const changeTemplateSchema = z.strictObject(templateParts).partial().openapi('ChangeLeaseTemplateRequest');

export const templateSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    server: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    roles: z.array(z.string()),
    owner_role: z.string().nullable(),
    default_ttl: z.int(),
    max_ttl: z.int(),
    quota: z.int().nullable(),
    accounts: z.array(z.string()),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .openapi('LeaseTemplate');

export const templateListSchema = z.object({ templates: z.array(templateSchema) }).openapi('LeaseTemplateList');
