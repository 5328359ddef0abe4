import type { PrivilegeName } from './privileges.ts';

/** What is known of a kind of object that has an owner and an access control list. */
interface ObjectKindInfo {
  /** After GRANT … ON. */
  grantKeyword: string;
  /** After ALTER, to change the owner. */
  ownerKeyword: string;
  /** What can be granted on it, with the oldest major version where that is not 13. */
  privileges: Partial<Record<PrivilegeName, { since?: number }>>;
  /** First argument of `acldefault()`. */
  aclKind: string;
  /** Whether it lies in a schema. */
  inSchema: boolean;
}

const RELATION_PRIVILEGES: ObjectKindInfo['privileges'] = {
  SELECT: {},
  INSERT: {},
  UPDATE: {},
  DELETE: {},
  TRUNCATE: {},
  REFERENCES: {},
  TRIGGER: {},
  MAINTAIN: { since: 17 },
};

/**
 * Kinds of objects that the role engine manages. `table` stands for ordinary and partitioned tables, `view` for views and
 * materialized views; GRANT has one keyword for all of them. `routine` is a function, procedure or aggregate, `type` also a
 * domain.
 */
export const OBJECT_KINDS = {
  database: {
    grantKeyword: 'DATABASE',
    ownerKeyword: 'DATABASE',
    privileges: { CREATE: {}, CONNECT: {}, TEMPORARY: {} },
    aclKind: 'd',
    inSchema: false,
  },
  schema: {
    grantKeyword: 'SCHEMA',
    ownerKeyword: 'SCHEMA',
    privileges: { USAGE: {}, CREATE: {} },
    aclKind: 'n',
    inSchema: false,
  },
  table: {
    grantKeyword: 'TABLE',
    ownerKeyword: 'TABLE',
    privileges: RELATION_PRIVILEGES,
    aclKind: 'r',
    inSchema: true,
  },
  view: {
    grantKeyword: 'TABLE',
    // ALTER TABLE takes views and materialized views, too.
    ownerKeyword: 'TABLE',
    privileges: RELATION_PRIVILEGES,
    aclKind: 'r',
    inSchema: true,
  },
  foreign_table: {
    grantKeyword: 'TABLE',
    ownerKeyword: 'TABLE',
    privileges: RELATION_PRIVILEGES,
    aclKind: 'r',
    inSchema: true,
  },
  sequence: {
    grantKeyword: 'SEQUENCE',
    ownerKeyword: 'SEQUENCE',
    privileges: { USAGE: {}, SELECT: {}, UPDATE: {} },
    aclKind: 's',
    inSchema: true,
  },
  routine: {
    grantKeyword: 'ROUTINE',
    ownerKeyword: 'ROUTINE',
    privileges: { EXECUTE: {} },
    aclKind: 'f',
    inSchema: true,
  },
  type: { grantKeyword: 'TYPE', ownerKeyword: 'TYPE', privileges: { USAGE: {} }, aclKind: 'T', inSchema: true },
  language: {
    grantKeyword: 'LANGUAGE',
    ownerKeyword: 'LANGUAGE',
    privileges: { USAGE: {} },
    aclKind: 'l',
    inSchema: false,
  },
  foreign_data_wrapper: {
    grantKeyword: 'FOREIGN DATA WRAPPER',
    ownerKeyword: 'FOREIGN DATA WRAPPER',
    privileges: { USAGE: {} },
    aclKind: 'F',
    inSchema: false,
  },
  foreign_server: {
    grantKeyword: 'FOREIGN SERVER',
    ownerKeyword: 'SERVER',
    privileges: { USAGE: {} },
    aclKind: 'S',
    inSchema: false,
  },
} as const satisfies Record<string, ObjectKindInfo>;

export type ObjectKind = keyof typeof OBJECT_KINDS;

/** What can be granted on single columns of a relation. */
export const COLUMN_PRIVILEGES: readonly PrivilegeName[] = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'];

/** Kinds that have columns. */
export const RELATION_KINDS: ReadonlySet<ObjectKind> = new Set(['table', 'view', 'foreign_table']);

/** What default privileges speak of: `pg_default_acl.defaclobjtype`, keyword, and the kind whose privileges apply. */
export const DEFAULT_KINDS = {
  table: { letter: 'r', keyword: 'TABLES', perSchema: true },
  sequence: { letter: 'S', keyword: 'SEQUENCES', perSchema: true },
  routine: { letter: 'f', keyword: 'ROUTINES', perSchema: true },
  type: { letter: 'T', keyword: 'TYPES', perSchema: true },
  schema: { letter: 'n', keyword: 'SCHEMAS', perSchema: false },
} as const satisfies Partial<Record<ObjectKind, { letter: string; keyword: string; perSchema: boolean }>>;

export type DefaultKind = keyof typeof DEFAULT_KINDS;

/** Privileges that a kind has on a server of the given `server_version_num`. */
export function privilegesOf(kind: ObjectKind, versionNum: number): PrivilegeName[] {
  const privileges: ObjectKindInfo['privileges'] = OBJECT_KINDS[kind].privileges;
  const major = Math.floor(versionNum / 10_000);
  return (Object.entries(privileges) as [PrivilegeName, { since?: number }][])
    .filter(([, { since }]) => since === undefined || major >= since)
    .map(([name]) => name);
}
