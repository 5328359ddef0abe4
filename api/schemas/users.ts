import { z } from '@hono/zod-openapi';
import { nameProblem } from '../../domain/spec/text.ts';
import { MAX_HANDOVER_HOURS } from '../../domain/users/handover.ts';
import { KIND_RULES, USER_KINDS, type UserKind } from '../../domain/users/kinds.ts';
import { parseSearchPath } from '../../domain/users/search-path.ts';

/** Text without a problem, told in words that follow the parameter's name. */
const checked = (problem: (text: string) => string | undefined) =>
  z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

/** Names of what exists: any that PostgreSQL can have. */
const name = () => checked(nameProblem);

const TRUTHS: Readonly<Record<string, unknown>> = { true: true, false: false };
/** In a query string everything is text. */
const flag = z.preprocess((value) => (typeof value === 'string' ? (TRUTHS[value] ?? value) : value), z.boolean());
const count = (schema: z.ZodType) =>
  z.preprocess((value) => (typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : value), schema);

const place = {
  env: name().describe('Environment, as in the registry.').openapi({ example: 'dev' }),
  database: name().describe('Database, as in the registry.').openapi({ example: 'myapp_dev' }),
};
const username = name().openapi({ example: 'jsmith' });
const override = flag
  .optional()
  .describe('Only for administrators: change it although a rule protects it, such as that it may create roles.');

const PORT_PROBLEM = 'must be a port: a number from 1 to 65535';
const portProblem = (text: string) =>
  /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? undefined : PORT_PROBLEM;

/** Parts that names of users are made of. */
const nameParts = {
  servername: name().openapi({ example: 'web01' }),
  port: z
    .preprocess((value) => (typeof value === 'number' ? String(value) : value), checked(portProblem))
    .describe('Port of the service; part of the name, with no other meaning.')
    .openapi({ example: '8080' }),
  env_prefix: name().openapi({ example: 'dv' }),
  farmname: name().openapi({ example: 'gearservice' }),
  username,
} as const;

/** How the password gets to whoever needs it. */
const handover = {
  handover: z
    .enum(['link'])
    .optional()
    .describe('`link`: the password is not in the answer but behind a link that shows it once.'),
  handover_hours: count(z.int().min(1).max(MAX_HANDOVER_HOURS))
    .optional()
    .describe('How long the link is good for; what PGSTEWARD_HANDOVER_HOURS says unless given.'),
};

const terms = {
  connection_limit: count(z.int().min(-1).max(2_147_483_647))
    .optional()
    .describe('CONNECTION LIMIT, within what the policy of the environment allows; -1 is none.'),
  valid_until: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('When the account ends, within what the policy of the environment allows.'),
};

/** Parameters that create a user of a kind. */
export function createUserSchema<K extends UserKind>(kind: K) {
  const parts = Object.fromEntries(KIND_RULES[kind].nameFrom.map((part) => [part, nameParts[part]]));
  return z.object({ ...place, ...parts, ...terms, ...handover });
}

export type CreateUserParameters = z.output<ReturnType<typeof createUserSchema>>;

export const placeSchema = z.object(place);
export const oneUserSchema = z.object({ ...place, username });
export const changeUserSchema = z.object({ ...place, username, override });
export const resetSchema = z.object({ ...place, username, override, ...handover });
export const searchPathSchema = z.object({
  ...place,
  username,
  schema: checked((text) => {
    const parsed = parseSearchPath(text);
    return 'problem' in parsed ? parsed.problem : undefined;
  })
    .default('public')
    .describe('Schema, or several separated by commas.'),
  override,
});
export const dropUserSchema = z.object({
  ...place,
  username,
  override,
  reassign_owned: flag
    .optional()
    .describe('Consent to drop a user who owns something, which then goes to a role without login and without rights.'),
});

/** Most users of one request: each is a task, and the answer waits for all of them. */
const MAX_BULK = 500;
export const bulkSchema = z.object({
  users: z
    .array(z.looseObject({ kind: z.enum(USER_KINDS), env: z.string(), database: z.string() }))
    .min(1)
    .max(MAX_BULK)
    .describe('What each kind takes, with the kind.'),
});

/** A user, as every endpoint that makes or changes one answers. `port` is text here, as it was published. */
export const userAnswerSchema = z
  .object({
    username: z.string(),
    password: z
      .string()
      .nullable()
      .describe('Shown here and nowhere else; null where none was set, or where a link has it.'),
    status: z.string(),
    hostname: z.string(),
    database: z.string(),
    port: z.string(),
    env: z.string(),
    handover: z
      .object({ url: z.string(), expires_at: z.string() })
      .nullable()
      .optional()
      .describe('Where the password is shown once; null when that was done.'),
  })
  .openapi('EnvironmentUser');

export const pathAnswerSchema = userAnswerSchema
  .omit({ password: true, handover: true })
  .extend({ schema: z.string() })
  .openapi('EnvironmentUserSearchPath');

export const userListSchema = z
  .object({
    env: z.string(),
    hostname: z.string(),
    database: z.string(),
    port: z.string(),
    users: z.array(z.object({ username: z.string(), attributes: z.string() })),
  })
  .openapi('EnvironmentUserList');

export const foundUserSchema = z
  .object({
    found: z.boolean(),
    username: z.string(),
    attributes: z.string().optional(),
    hostname: z.string(),
    database: z.string(),
    port: z.string(),
    env: z.string(),
  })
  .openapi('FoundEnvironmentUser');

export const bulkAnswerSchema = z
  .object({
    count: z.int(),
    created: z.int(),
    results: z.array(
      z.union([
        userAnswerSchema.extend({ index: z.int(), code: z.literal(200) }),
        z.object({ index: z.int(), code: z.int(), error: z.string() }),
      ]),
    ),
  })
  .openapi('EnvironmentUserBulk');

export const dropStartedSchema = z
  .object({ username: z.string(), status: z.string(), task_id: z.string(), server: z.string() })
  .openapi('EnvironmentUserDropStarted');
