/** Policies of environments, as the API takes and shows them. */
import { z } from '@hono/zod-openapi';
import { PRIVILEGES, type PrivilegeName } from '../../domain/access/privileges.ts';
import { EVERY_ENVIRONMENT, environmentProblem } from '../../domain/registry/names.ts';
import { type KindPrivileges, USER_KINDS, type UserKind } from '../../domain/users/kinds.ts';
import { PATTERN_MAX_LENGTH, parseNamePattern } from '../../domain/users/name-pattern.ts';
import { type KindPolicy, USER_OPERATIONS } from '../../domain/users/policy.ts';
import { defaultKindPolicy, POLICY_PRESETS, type StoredPolicy } from '../../domain/users/presets.ts';
import { timestamp } from './common.ts';

/** PostgreSQL keeps connection limits in 32 bits; -1 is no limit. */
const MAX_CONNECTION_LIMIT = 2_147_483_647;
/** A hundred years. */
const MAX_DAYS = 36_525;

const limit = z.int().min(-1).max(MAX_CONNECTION_LIMIT);
const days = z.int().min(1).max(MAX_DAYS);

const privilegesSchema = z
  .strictObject({
    database: z.array(z.enum(['CONNECT', 'TEMPORARY', 'CREATE'])),
    schemas: z.array(z.enum(['USAGE', 'CREATE'])),
    tables: z.array(z.enum(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])),
    sequences: z.array(z.enum(['USAGE', 'SELECT', 'UPDATE'])),
    routines: z.array(z.enum(['EXECUTE'])),
  })
  .openapi('KindPrivileges');
const givenPrivileges = privilegesSchema.partial().openapi('KindPrivilegesRequest');

const kindSchema = z
  .strictObject({
    connection_limit: z
      .strictObject({ default: limit.optional(), max: z.int().min(0).max(MAX_CONNECTION_LIMIT).nullable().optional() })
      .refine(({ default: given, max }) => !max || given === undefined || (given >= 0 && given <= max), {
        path: ['default'],
        message: 'must not exceed max',
      })
      .optional()
      .describe('CONNECTION LIMIT of new users; -1 is no limit. `max` null or left out: any.'),
    valid_days: z
      .strictObject({ default: days.nullable().optional(), max: days.nullable().optional() })
      .refine(({ default: given, max }) => !max || given === undefined || (given !== null && given <= max), {
        path: ['default'],
        message: 'must not exceed max',
      })
      .optional()
      .describe('Days until VALID UNTIL of new users. `default` left out: `max`; both left out: no end.'),
    name_pattern: z
      .string()
      .max(PATTERN_MAX_LENGTH)
      .superRefine((text, context) => {
        const pattern = parseNamePattern(text);
        if ('problem' in pattern) context.addIssue({ code: 'custom', message: pattern.problem });
      })
      .nullable()
      .optional()
      .describe(
        'Regular expression that whole names match: literals, `.`, classes, groups, `|` and repetitions. Null or left out: any name.',
      ),
    privileges: givenPrivileges.optional().describe('What is left out is as it comes along.'),
  })
  .openapi('KindPolicyRequest');

const kindMembers = Object.fromEntries(USER_KINDS.map((kind) => [kind, kindSchema.optional()])) as Record<
  UserKind,
  z.ZodOptional<typeof kindSchema>
>;

const privilegeNames = Object.keys(PRIVILEGES) as [PrivilegeName, ...PrivilegeName[]];
const grantable = z.union([z.literal('any'), z.array(z.enum(privilegeNames))]);

/** Body of a change: a preset, or everything that an environment allows. */
export const putPolicySchema = z
  .strictObject({
    preset: z.enum(POLICY_PRESETS).optional(),
    production: z
      .boolean()
      .optional()
      .describe('With `article`: whether the environment is production; its name tells where this is left out.'),
    operations: z.array(z.enum(USER_OPERATIONS)).optional().describe('All unless given.'),
    kinds: z.strictObject(kindMembers).optional().describe('Kinds of users that may be created, with their rules.'),
    grantable: grantable.optional().describe('Privileges that may be granted; `any` unless given.'),
  })
  .superRefine((body, context) => {
    const problem = bodyProblem(body);
    if (problem !== undefined) context.addIssue({ code: 'custom', ...problem });
  })
  .openapi('PolicyRequest');

type PutPolicy = z.infer<typeof putPolicySchema>;

function bodyProblem(body: Record<string, unknown>): { path: string[]; message: string } | undefined {
  if (body.preset === undefined) {
    if (body.kinds === undefined) return { path: [], message: 'must have "preset" or "kinds"' };
    return body.production === undefined ? undefined : { path: ['production'], message: 'belongs to a preset' };
  }
  const beside = ['operations', 'kinds', 'grantable'].find((member) => body[member] !== undefined);
  if (beside !== undefined) return { path: [beside], message: 'is what the preset says; give one or the other' };
  if (body.production === undefined || body.preset === 'article') return undefined;
  return { path: ['production'], message: 'belongs to the preset article' };
}

/** What is stored of a body. */
export function storedPolicyOf(body: PutPolicy): StoredPolicy {
  const { preset, production, operations, kinds = {}, grantable: granted } = body;
  if (preset !== undefined) return { preset, ...(production === undefined ? {} : { production }) };
  const allowed = USER_KINDS.flatMap((kind): [UserKind, KindPolicy][] => {
    const given = kinds[kind];
    return given === undefined ? [] : [[kind, kindPolicyOf(kind, given)]];
  });
  return {
    policy: {
      operations: operations ?? USER_OPERATIONS,
      kinds: Object.fromEntries(allowed),
      grantable: granted ?? 'any',
    },
  };
}

function kindPolicyOf(kind: UserKind, given: z.infer<typeof kindSchema>): KindPolicy {
  const base = defaultKindPolicy(kind);
  const { default: limitGiven, max: limitMax = null } = given.connection_limit ?? {};
  const { max: daysMax = null, default: daysDefault = daysMax } = given.valid_days ?? {};
  return {
    connectionLimit: {
      default: limitGiven ?? Math.min(base.connectionLimit.default, limitMax ?? Number.POSITIVE_INFINITY),
      max: limitMax,
    },
    validDays: { default: daysDefault, max: daysMax },
    namePattern: given.name_pattern ?? null,
    privileges: privilegesOf(base.privileges, given.privileges ?? {}),
  };
}

/** Member by member: one that is left out must not hide the one that comes along. */
function privilegesOf(base: KindPrivileges, given: z.infer<typeof givenPrivileges>): KindPrivileges {
  return {
    database: given.database ?? base.database,
    schemas: given.schemas ?? base.schemas,
    tables: given.tables ?? base.tables,
    sequences: given.sequences ?? base.sequences,
    routines: given.routines ?? base.routines,
  };
}

const shownKindSchema = z.object({
  connection_limit: z.object({ default: z.int(), max: z.int().nullable() }),
  valid_days: z.object({ default: z.int().nullable(), max: z.int().nullable() }),
  name_pattern: z.string().nullable(),
  privileges: privilegesSchema,
});
const shownKinds = Object.fromEntries(USER_KINDS.map((kind) => [kind, shownKindSchema.optional()])) as Record<
  UserKind,
  z.ZodOptional<typeof shownKindSchema>
>;

/** What holds for an environment. */
export const policySchema = z
  .object({
    env: z.string(),
    from: z
      .string()
      .describe('Environment that it was made for, `*` for every one, or `default` where nobody made one.'),
    preset: z.enum(POLICY_PRESETS).optional(),
    production: z.boolean().optional(),
    operations: z.array(z.enum(USER_OPERATIONS)),
    kinds: z.object(shownKinds),
    grantable,
    updated_at: timestamp.optional(),
  })
  .openapi('Policy');

export const policyListSchema = z.object({ policies: z.array(policySchema) }).openapi('PolicyList');

/** An environment in the path, or `*`. */
export const policyParams = z.object({
  env: z
    .string()
    .superRefine((text, context) => {
      const message = text === EVERY_ENVIRONMENT ? undefined : environmentProblem(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .openapi({ param: { name: 'env', in: 'path' }, example: 'prod' }),
});
