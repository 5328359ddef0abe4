import { z } from 'zod';
import { DEFAULT_KINDS, OBJECT_KINDS } from '../objects.ts';
import {
  databaseName,
  flag,
  granteeName,
  list,
  nonEmptyList,
  objectName,
  plainName,
  roleName,
} from './schema-members.ts';

/** Longest keyword that is read at all. */
const PRIVILEGE_MAX_LENGTH = 63;

/** Keys of a table of kinds, as zod takes them. */
function kindsOf<T extends string>(table: Readonly<Record<T, unknown>>): [T, ...T[]] {
  return Object.keys(table) as [T, ...T[]];
}

const selectorSchema = z.strictObject({
  kind: z
    .enum(kindsOf(OBJECT_KINDS))
    .describe(
      '`table` stands for ordinary and partitioned tables, `view` also for materialized views, `routine` for functions, procedures and aggregates, `type` also for domains. `database` is the database itself.',
    ),
  schema: plainName
    .optional()
    .describe('Schema of the objects; required for kinds that lie in a schema, and for those only.'),
  names: nonEmptyList(objectName)
    .optional()
    .describe('Objects by name; routines with their argument types, such as `pay(integer, text)`.'),
  all: z
    .literal(true)
    .optional()
    .describe(
      'In place of `names`: all objects of the kind, in this schema where they lie in one, that are there when planned.',
    ),
});

const privilegeName = z
  .string()
  .max(PRIVILEGE_MAX_LENGTH)
  .describe('Keyword of GRANT in any letter case, such as `SELECT`; `TEMP` is `TEMPORARY`.');
const privileges = z
  .union([privilegeName, nonEmptyList(privilegeName)])
  .describe('List of privileges, or `ALL` for all that the kind has on the version of the server.');

const columns = nonEmptyList(plainName)
  .optional()
  .describe('Only these columns, of tables, views and foreign tables: SELECT, INSERT, UPDATE and REFERENCES.');

/** One entry of `grants`. */
export const grantSchema = z.strictObject({
  on: selectorSchema,
  privileges,
  columns,
  to: nonEmptyList(granteeName).describe('Roles, or `PUBLIC`.'),
  grant_option: flag.optional().describe('They may grant it on; not for PUBLIC. Default false.'),
  later: nonEmptyList(roleName)
    .optional()
    .describe(
      'With `all`: also default privileges, for objects that these roles create in the schema later. Not for views and foreign tables, which default privileges take for tables.',
    ),
});

/** One entry of `revokes`. */
export const revokeSchema = z.strictObject({
  on: selectorSchema,
  privileges,
  columns,
  from: nonEmptyList(granteeName).describe(
    'Roles, or `PUBLIC`. They lose what was granted to them directly, by whomever; not what they have through groups, PUBLIC or ownership.',
  ),
  grant_option: flag.optional().describe('True: only the right to grant it on goes. Default false.'),
});

const defaultSchema = z.strictObject({
  creator: roleName.describe('Role whose later objects are meant: default privileges belong to the role that creates.'),
  schema: plainName
    .optional()
    .describe('Only objects of this schema, in addition to the rest. Not for `schema` itself.'),
  on: z.enum(kindsOf(DEFAULT_KINDS)).describe('Kind of objects; `table` covers views and foreign tables.'),
  privileges,
  to: nonEmptyList(granteeName).describe('Roles, or `PUBLIC`.'),
  grant_option: flag.optional().describe('They may grant it on; not for PUBLIC. Default false.'),
  absent: flag.optional().describe('True: they are not to have it. Default false.'),
});

const ownerSchema = z.strictObject({ on: selectorSchema, owner: roleName });

/** One entry of `databases`. */
export const databaseSchema = z.strictObject({
  name: databaseName,
  owner: roleName.optional().describe('Owner of the database itself.'),
  exact_grantees: list(granteeName)
    .optional()
    .describe(
      'Roles, or `PUBLIC`, whose privileges and default privileges in this database are exactly those of `grants` and `default_privileges`; all else of theirs is revoked. Rights of an owner on its own objects are not touched.',
    ),
  grants: list(grantSchema).optional().describe('Privileges that are to be there. Those of others stay.'),
  revokes: list(revokeSchema).optional().describe('Privileges that are not to be there.'),
  default_privileges: list(defaultSchema).optional().describe('What objects get when they are created.'),
  owners: list(ownerSchema).optional().describe('Owners of objects.'),
});
