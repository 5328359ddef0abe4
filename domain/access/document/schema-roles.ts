import { z } from 'zod';
import { databaseName, flag, list, roleName, storedText } from './schema-members.ts';

const COMMENT_MAX_LENGTH = 8192;
const PASSWORD_MAX_LENGTH = 1024;
const VERIFIER_MAX_LENGTH = 512;
const SETTING_NAME_MAX_LENGTH = 200;
const SETTING_VALUE_MAX_LENGTH = 16_384;
const TIMESTAMP_MAX_LENGTH = 64;
/** `pg_authid.rolconnlimit` is an int4. */
const CONNECTION_LIMIT_MAX = 2_147_483_647;

/** Names of parameters: identifiers, with dots between for those of modules (valid_custom_variable_name, guc.c). */
const SETTING_NAME =
  /^[A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*(?:\.[A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*)*$/u;

const membershipOptions = {
  admin: flag.optional().describe('ADMIN option: the member may grant the role to others. Default false.'),
  inherit: flag
    .optional()
    .describe(
      "INHERIT option: the member has the role's privileges without SET ROLE. Default true. Before PostgreSQL 16 the member's own `inherit` decides instead, and false is refused here.",
    ),
  set: flag
    .optional()
    .describe('SET option: the member may SET ROLE to the role. Default true. False needs PostgreSQL 16 or later.'),
};

const settingName = storedText(SETTING_NAME_MAX_LENGTH)
  .regex(SETTING_NAME)
  .describe('Name of a server parameter such as `work_mem`; names of modules have a dot.');
const settingValue = storedText(SETTING_VALUE_MAX_LENGTH).describe(
  'Value as text, also where it is a number. Lists such as search_path are comma-separated.',
);
const settingDatabase = databaseName
  .optional()
  .describe('Counts in this database only, and there before one without database. Left out: in all databases.');

const roleSetting = z.strictObject({ name: settingName, value: settingValue, database: settingDatabase });

/** One entry of `roles`. */
export const roleSchema = z.strictObject({
  name: roleName,
  login: flag.optional().describe('May log in. A new role may not unless this is true.'),
  superuser: flag.optional().describe('Passes every check of rights. Needs `superuser` in `allow`.'),
  createdb: flag.optional().describe('May create databases.'),
  createrole: flag
    .optional()
    .describe('May create and change roles; before PostgreSQL 16 nearly every role of the server.'),
  inherit: flag
    .optional()
    .describe(
      'Has the privileges of its groups without SET ROLE; from PostgreSQL 16 on a default for later memberships.',
    ),
  replication: flag.optional().describe('May start replication connections.'),
  bypassrls: flag.optional().describe('Row security does not apply to it.'),
  connection_limit: z
    .int()
    .min(-1)
    .max(CONNECTION_LIMIT_MAX)
    .optional()
    .describe('Most concurrent connections; -1 is no limit. Not enforced for superusers.'),
  valid_until: z
    .string()
    .max(TIMESTAMP_MAX_LENGTH)
    .nullable()
    .optional()
    .describe(
      'When its password expires: RFC 3339 with offset, such as `2027-01-01T00:00:00Z`; null or `infinity` is never. Open sessions and logins without password go on.',
    ),
  comment: storedText(COMMENT_MAX_LENGTH).optional().describe('Comment on the role; an empty one takes it away.'),
  password: z
    .string()
    .max(PASSWORD_MAX_LENGTH)
    .optional()
    .describe('Password in the clear. It is stored sealed, and the server is only sent a SCRAM verifier.'),
  verifier: z
    .string()
    .max(VERIFIER_MAX_LENGTH)
    .optional()
    .describe('SCRAM-SHA-256 verifier to store as it is, in place of a password.'),
  member_of: list(z.union([roleName, z.strictObject({ role: roleName, ...membershipOptions })]))
    .optional()
    .describe(
      'All groups that the role is to be a member of: it leaves others. Left out: its groups stay as they are.',
    ),
  members: list(z.union([roleName, z.strictObject({ member: roleName, ...membershipOptions })]))
    .optional()
    .describe('All members that the role is to have: others leave it. Left out: its members stay as they are.'),
  settings: list(roleSetting)
    .optional()
    .describe('All settings that the role is to have: others are reset. Left out: its settings stay as they are.'),
  adopt: flag
    .optional()
    .describe('Change the role although another owner has it on record, such as a managed database.'),
});

/** One entry of `memberships`. */
export const membershipSchema = z.strictObject({
  role: roleName.describe('The group.'),
  member: roleName.describe('The role that is, or is not, to be a member of it.'),
  ...membershipOptions,
  absent: flag.optional().describe('True: the membership is to end, whoever granted it.'),
});

/** One entry of `settings`. */
export const settingSchema = z.strictObject({
  role: roleName,
  name: settingName,
  value: settingValue.nullable().describe('Value as text; null resets the setting.'),
  database: settingDatabase,
});
