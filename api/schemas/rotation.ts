import { z } from '@hono/zod-openapi';
import { IDENTIFIER_MAX_LENGTH, IDENTIFIER_RULE, isIdentifier } from '../../domain/identifiers.ts';
import { durationMs } from '../../domain/rotations/duration.ts';
import { FILE_FORMATS, SESSION_POLICIES, STRATEGIES } from '../../domain/rotations/rotation.ts';
import { MONTHS, WEEK_DAYS } from '../../domain/rotations/schedule.ts';
import { isBelow } from '../../platform/consumers/paths.ts';
import { timestamp } from './common.ts';
import { limit, pageParts, queryIdentifier } from './paging.ts';
import { endpointAddress } from './server.ts';
import { TASK_STATUSES } from './task.ts';

const MAX_CONSUMERS = 20;
const MAX_DATABASES = 100;
/** A month: longer than anybody keeps two passwords. */
const MAX_GRACE_MS = 31 * 86_400_000;

const identifier = z.string().min(1).max(IDENTIFIER_MAX_LENGTH).refine(isIdentifier, IDENTIFIER_RULE);
const roleName = z.string().min(1).max(63);

/** Seconds, or ISO 8601. Parsed to milliseconds where the request is judged. */
const duration = (example: number | string) =>
  z
    .union([z.number().min(0), z.string().max(40)])
    .refine((value) => durationMs(value) !== undefined, 'must be seconds, or a length of time such as P30D or PT12H')
    .openapi({ example });
const bounded = (example: number | string, mostMs: number) =>
  duration(example).refine(
    (value) => (durationMs(value) ?? 0) <= mostMs,
    `must be at most ${mostMs / 86_400_000} days`,
  );

const whole = (first: number, last: number) =>
  z
    .array(z.int().min(first).max(last))
    .min(1)
    .max(last - first + 1);
const scheduleSchema = z
  .strictObject({
    every: duration('P30D').optional().describe('Time between two runs; the first one is due after it.'),
    calendar: z
      .strictObject({
        hour: whole(0, 23).default([0]),
        minute: whole(0, 59).default([0]),
        day_of_week: z.array(z.enum(WEEK_DAYS)).min(1).max(7).optional(),
        day_of_month: whole(1, 31).optional(),
        month: z.array(z.enum(MONTHS)).min(1).max(12).optional(),
      })
      .optional(),
    cron: z.string().min(1).max(200).optional().openapi({ example: '30 3 * * 1' }),
    time_zone: z.string().min(1).max(64).default('UTC').openapi({ example: 'Europe/Berlin' }),
    jitter: duration('PT10M').default(0).describe('Runs begin up to this much later, at random.'),
    window: z
      .strictObject({ start: z.string().max(5), end: z.string().max(5) })
      .optional()
      .describe('Part of the day in which runs may begin; what is due outside of it begins at its opening.')
      .openapi({ example: { start: '01:30', end: '05:00' } }),
    catch_up_window: duration('P1D')
      .default('P1D')
      .describe('A run that was missed is caught up, once, when it was due no longer ago.'),
  })
  .openapi('RotationSchedule');
export type ScheduleBody = z.infer<typeof scheduleSchema>;

const file = z
  .string()
  .max(200)
  .refine(isBelow, 'must be a path below the directory of consumers, without ".."')
  .openapi({ example: 'shop/app.json' });
const consumerName = identifier.describe('Its own among the consumers of the rotation.');
const secret = z.string().min(1).max(2048).describe('A secret: it is not shown again.');
const consumerSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('postgrest'), name: consumerName.default('postgrest') }),
    z.strictObject({
      kind: z.literal('file'),
      name: consumerName,
      path: file,
      format: z.enum(FILE_FORMATS).default('json'),
      database: z.string().max(63).default('').describe('Database that it names; none unless given.'),
    }),
    z.strictObject({
      kind: z.literal('pgbouncer'),
      name: consumerName,
      host: endpointAddress,
      port: z.int().min(1).max(65_535).default(6432),
      admin_user: roleName.describe('One of its `admin_users`.'),
      admin_password: secret,
      auth_file: file,
      databases: z
        .array(z.string().min(1).max(63))
        .min(1)
        .max(MAX_DATABASES)
        .optional()
        .describe('Whose server connections are closed once they are free; all unless given.'),
    }),
    z.strictObject({
      kind: z.literal('webhook'),
      name: consumerName,
      url: secret.openapi({ example: 'https://deploy.example.com/hooks/rotated' }),
      signing_key: z.string().min(16).max(256).describe('A secret: it is not shown again.'),
      allow_insecure: z.boolean().default(false).describe('Let it go without TLS to another machine.'),
    }),
  ])
  .openapi('RotationConsumer');
export type ConsumerBody = z.infer<typeof consumerSchema>;

const consumers = z
  .array(consumerSchema)
  .max(MAX_CONSUMERS)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must have different names');

const parts = {
  schedule: scheduleSchema.nullable().describe('null: runs only when asked for.'),
  grace: bounded('PT1H', MAX_GRACE_MS).describe('How long the former login of an alternating rotation still works.'),
  sessions: z
    .strictObject({
      policy: z.enum(SESSION_POLICIES).describe('What becomes of sessions of the former password.'),
      drain: bounded('PT5M', 86_400_000).default(300).describe('With `drain`: how long they may go on.'),
    })
    .openapi('RotationSessions'),
  consumers,
};

/** Body of a new rotation. Which role: on a server; or of a database, a cluster, or an environment. */
export const createRotationSchema = z
  .strictObject({
    server: identifier.optional(),
    database_id: identifier.optional(),
    cluster_id: z.string().min(1).max(64).optional(),
    env: z.string().min(1).max(255).optional(),
    database: z.string().min(1).max(63).optional().describe('With `env`.'),
    role: roleName,
    strategy: z.enum(STRATEGIES),
    schedule: parts.schedule.default(null),
    grace: parts.grace.default(0),
    sessions: parts.sessions.optional().describe('Alternating: drained within 5 minutes; in-place: kept.'),
    logins: z
      .tuple([roleName, roleName])
      .refine(([one, other]) => one !== other, 'must be two different names')
      .optional()
      .describe('Of an alternating rotation; `<role>_a` and `<role>_b` unless given.'),
    databases: z
      .array(z.string().min(1).max(63))
      .min(1)
      .max(MAX_DATABASES)
      .optional()
      .describe('Databases in which the two logins act as the role; all unless given.'),
    consumers: parts.consumers.default([]),
    override: z
      .boolean()
      .default(false)
      .describe('An administrator says that the rules of whose password may be changed do not count.'),
  })
  .openapi('CreateRotationRequest');

/** Body of a change: what is left out stays. */
export const changeRotationSchema = z
  .strictObject({
    schedule: parts.schedule.optional(),
    grace: parts.grace.optional(),
    sessions: parts.sessions.optional(),
    consumers: parts.consumers.optional(),
  })
  .openapi('ChangeRotationRequest');

const ALARMS = ['paused', 'schedule_lost', 'overdue', 'unknown', 'failing'] as const;

const shownRunSchema = z
  .object({
    id: z.uuid(),
    trigger: z.enum(['schedule', 'request']),
    due_at: timestamp.optional(),
    created_at: timestamp,
    completed_at: timestamp.optional(),
    task_id: z.uuid().optional(),
    status: z.enum([...TASK_STATUSES, 'skipped']),
    login: z.string(),
    batched: z.boolean(),
    error: z.string().optional().describe('Why it failed or was skipped.'),
    window_ms: z.number().optional().describe('In-place: until every service and consumer had the new password.'),
    gap_ms: z.number().optional().describe('Longest time in which a service did not answer.'),
  })
  .openapi('RotationRun');

/** A rotation, without any secret. */
export const rotationSchema = z
  .object({
    id: z.uuid(),
    server: z.string(),
    role: z.string(),
    strategy: z.enum(STRATEGIES),
    schedule: z
      .object({
        every: z.number().optional(),
        calendar: z
          .object({
            hour: z.array(z.int()),
            minute: z.array(z.int()),
            day_of_week: z.array(z.string()).optional(),
            day_of_month: z.array(z.int()).optional(),
            month: z.array(z.string()).optional(),
          })
          .optional(),
        cron: z.string().optional(),
        time_zone: z.string(),
        jitter: z.number(),
        window: z.object({ start: z.string(), end: z.string() }).optional(),
        catch_up_window: z.number(),
      })
      .nullable(),
    grace: z.number().describe('Seconds.'),
    sessions: z.object({ policy: z.enum(SESSION_POLICIES), drain: z.number() }),
    logins: z.array(z.string()).optional(),
    databases: z.array(z.string()).optional(),
    consumers: z.array(z.looseObject({ kind: z.string(), name: z.string() })),
    override: z.boolean(),
    paused: z.boolean(),
    current: z.object({ login: z.string(), version: z.int(), rotated_at: timestamp.optional() }),
    created_at: timestamp,
    updated_at: timestamp,
    last: shownRunSchema.nullable(),
  })
  .openapi('Rotation');

/** One rotation with what is to come and what was. */
export const rotationDetailSchema = rotationSchema
  .extend({
    next: timestamp.nullable().describe('In the future, or null.'),
    alarm: z
      .object({ name: z.enum(ALARMS), message: z.string() })
      .optional()
      .describe('Why there is no next run, or why it is in doubt.'),
    runs: z.array(shownRunSchema).describe('The newest runs first.'),
  })
  .openapi('RotationDetail');

export const rotationListSchema = z
  .object({ rotations: z.array(rotationSchema), has_more: z.boolean() })
  .openapi('RotationList');

export const rotationPageSchema = z.object({
  server: queryIdentifier.optional(),
  after_rotation_id: z.uuid().optional().openapi({ description: 'Rotations after this one, in the direction chosen.' }),
  ...pageParts,
});

export const runPageSchema = z.object({
  after_run_id: z.uuid().optional().openapi({ description: 'Runs before this one: newest first.' }),
  runs: limit.default(20),
});

/** Answer to a trigger. */
export const triggeredSchema = z
  .object({ run_id: z.uuid(), task_id: z.uuid(), server: z.string() })
  .openapi('RotationTriggered');

/** How the current password is given to the caller. */
export const rotationSecretSchema = z
  .object({
    login: z.string(),
    version: z.int(),
    password: z
      .string()
      .nullable()
      .describe('Where the request had an Idempotency-Key; null when that was too long ago.'),
    handover: z.object({ url: z.string(), expires_at: z.string() }).nullable().describe('A link that shows it once.'),
  })
  .openapi('RotationSecret');
