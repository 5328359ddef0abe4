import { z } from '@hono/zod-openapi';
import { approvalSchema } from './approval.ts';
import { taskSchema } from './task.ts';

const names = z.array(z.string());

const impactEntry = z
  .object({
    database: z.string(),
    object: z.string(),
    privilege: z.string(),
    logins: names.openapi({ description: 'The first ones by name.' }),
    more_logins: z.number().int().optional().openapi({ description: 'How many more there are.' }),
    by_set_role: z.boolean().optional().openapi({ description: 'Only after SET ROLE, to one of `through`.' }),
    through: names,
    sentence: z.string().openapi({ example: '3 more logins can SELECT table billing.cards, through group reporting' }),
  })
  .openapi('AccessChange');

/** A plan: what would be done, and what that does to people. */
export const planSchema = z
  .object({
    server: z.string(),
    hash: z.string().openapi({ description: 'Give it to apply: a plan that has changed is refused.' }),
    empty: z.boolean().openapi({ description: 'The server is as the document asks.' }),
    steps: z.array(
      z.object({
        database: z.string().nullable().openapi({ description: 'Null: what belongs to the whole server.' }),
        action: z.string(),
        summary: z.string(),
        changes: z.number().int(),
        sql: names.openapi({ description: 'In order; verifiers are masked.' }),
      }),
    ),
    refusals: z.array(
      z.object({
        path: z.string(),
        message: z.string(),
        remedy: z.string().optional().openapi({ description: 'Statement that gives the missing right.' }),
      }),
    ),
    notes: names,
    impact: z.object({
      objects: z.array(z.object({ database: z.string(), label: z.string(), changes: z.number().int() })),
      roles: names,
      gained: z.array(impactEntry),
      lost: z.array(impactEntry),
      sessions: z
        .array(z.object({ role: z.string(), sessions: z.number().int() }))
        .openapi({ description: 'Open sessions of roles that are changed and of logins that lose access.' }),
      more: z
        .object({ objects: z.number(), roles: z.number(), gained: z.number(), lost: z.number() })
        .optional()
        .openapi({ description: 'How many more entries each list would have.' }),
    }),
  })
  .openapi('Plan');

/** A change that was carried out. */
export const changedSchema = z
  .object({
    task_id: z.uuid(),
    steps: names.openapi({ description: 'What was done; empty when everything was as asked.' }),
  })
  .openapi('Changed');

/** A role after PUT. */
export const putRoleAnswerSchema = changedSchema
  .extend({
    name: z.string(),
    created: z.boolean(),
    password_set: z.boolean(),
    password: z
      .string()
      .nullable()
      .optional()
      .openapi({ description: 'A generated password: shown once, and to the same request for 10 minutes.' }),
    login: z
      .object({ proven: z.boolean(), reason: z.string().optional() })
      .optional()
      .openapi({ description: 'What a login with the new password showed, where one was asked for.' }),
  })
  .openapi('PutRoleAnswer');

/** A row of pg_auth_members. */
export const membershipSchema = z.object({
  role: z.string(),
  member: z.string(),
  grantor: z.string(),
  admin: z.boolean(),
  inherit: z.boolean(),
  set: z.boolean(),
});

/** A role as the server has it. */
export const roleSchema = z
  .object({
    name: z.string(),
    login: z.boolean(),
    superuser: z.boolean(),
    createdb: z.boolean(),
    createrole: z.boolean(),
    inherit: z.boolean(),
    replication: z.boolean(),
    bypassrls: z.boolean(),
    connection_limit: z.number().int(),
    valid_until: z.string().nullable(),
    comment: z.string().nullable(),
    password: z.enum(['none', 'scram', 'md5', 'unknown']),
    owner: z.string().optional().openapi({ description: 'What this control plane manages it for.' }),
  })
  .openapi('Role');

export const roleDetailSchema = roleSchema
  .extend({
    member_of: z.array(membershipSchema),
    members: z.array(membershipSchema),
    settings: z.array(z.object({ name: z.string(), value: z.string(), database: z.string().optional() })),
  })
  .openapi('RoleDetail');

export const roleListSchema = z.object({ roles: z.array(roleSchema) }).openapi('RoleList');
/** An accepted task; where it waits for approval, for which. */
export const acceptedServerTaskSchema = z
  .object({ task: taskSchema, approval: approvalSchema.optional() })
  .openapi('AcceptedServerTask');
/** A task with what came of it. */
export const serverTaskSchema = taskSchema
  .extend({ result: z.record(z.string(), z.unknown()).optional() })
  .openapi('ServerTask');
