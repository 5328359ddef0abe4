import type { DefaultKind, ObjectKind } from './objects.ts';
import type { PrivilegeMask } from './privileges.ts';

/** PUBLIC as grantee. No role can have this name. Documents write `PUBLIC`. */
export const PUBLIC = '';

/** One grantor's grants to one grantee: an `aclitem`. */
export interface AclEntry {
  /** Role name, or {@link PUBLIC}. */
  grantee: string;
  grantor: string;
  privileges: PrivilegeMask;
  /** The part of `privileges` held with grant option. */
  grantable: PrivilegeMask;
}

/** Attributes of a role; connection limit -1 is none; `validUntil` is an ISO timestamp with offset, or `infinity`. */
export interface RoleAttributes {
  login: boolean;
  superuser: boolean;
  createdb: boolean;
  createrole: boolean;
  inherit: boolean;
  replication: boolean;
  bypassrls: boolean;
  connectionLimit: number;
  validUntil: string;
}

/** A role as the server has it. */
export interface ObservedRole {
  name: string;
  oid: number;
  attributes: RoleAttributes;
  comment: string | null;
  /** How its password is stored; `unknown` where pg_authid is not readable. */
  password: 'none' | 'scram' | 'md5' | 'unknown';
}

/** One row of pg_auth_members: from 16 on one per grantor; before that `inherit` is the member's attribute, `set` always true. */
export interface ObservedMembership {
  role: string;
  member: string;
  grantor: string;
  admin: boolean;
  inherit: boolean;
  set: boolean;
}

/** One `name=value` of pg_db_role_setting. */
export interface ObservedSetting {
  role: string;
  /** Null: in every database. */
  database: string | null;
  name: string;
  /** As stored; lists such as search_path are comma-separated with identifiers quoted. */
  value: string;
}

/** Names one object within a database; key and label come from `domain/access/refs.ts`. */
export interface ObjectRef {
  kind: ObjectKind;
  /** Null for kinds that lie in no schema. */
  schema: string | null;
  name: string;
  /** Input argument types of a routine as the catalog writes them: `integer, text`. Trusted SQL, never taken from a request. */
  args?: string;
}

/** An object with owner and access control list. */
export interface ObservedObject extends ObjectRef {
  oid: number;
  owner: string;
  /** With the built-in default where the catalog has NULL. */
  acl: readonly AclEntry[];
  /** Column lists, where columns have any; by column name. */
  columns?: ReadonlyMap<string, readonly AclEntry[]>;
  /** Relations with row security enabled. */
  rowSecurity?: boolean;
  /** Column names of relations: present only where asked for. */
  columnNames?: readonly string[];
  /** Of a sequence that belongs to a column (serial, identity): the oid of the table, whose owner it always has. */
  ownedBy?: number;
}

/** A row of pg_default_acl: what objects of a kind get when `creator` makes them. */
export interface ObservedDefault {
  creator: string;
  /** Null: in every schema; such a row replaces the built-in default. A row with a schema adds to it. */
  schema: string | null;
  on: DefaultKind;
  acl: readonly AclEntry[];
}

/** What a database contains. */
export interface DatabaseContents {
  objects: ObservedObject[];
  defaults: ObservedDefault[];
}

/** A database as the server has it. */
export interface ObservedDatabase {
  name: string;
  oid: number;
  owner: string;
  acl: readonly AclEntry[];
  allowConnections: boolean;
  isTemplate: boolean;
  /** Undefined where it was not read. */
  contents?: DatabaseContents;
}

/** The role that the control plane logs in as, and what it may do. */
export interface AdminRole {
  name: string;
  superuser: boolean;
  createrole: boolean;
  createdb: boolean;
  replication: boolean;
  bypassrls: boolean;
}

/** What a server parameter allows; from pg_settings. */
export interface ParameterInfo {
  context: string;
  /** Lists whose elements are quoted one by one (GUC_LIST_QUOTE), such as search_path. */
  isQuotedList: boolean;
}

/** State of a server, as far as it was read. */
export interface ObservedServer {
  /** Name of the server in this installation. */
  name: string;
  versionNum: number;
  admin: AdminRole;
  /** All roles, `pg_*` ones included, by name. */
  roles: ReadonlyMap<string, ObservedRole>;
  memberships: readonly ObservedMembership[];
  settings: readonly ObservedSetting[];
  databases: ReadonlyMap<string, ObservedDatabase>;
  /** `acldefault(kind, owner)` with the owner's name left out as grantee and grantor `*owner*`; by `acldefault` letter. */
  builtinAcls: ReadonlyMap<string, readonly AclEntry[]>;
  /** By name in lower case. */
  parameters: ReadonlyMap<string, ParameterInfo>;
  /** Parameters that the admin role may set by GRANT SET ON PARAMETER (15+), besides those of context `user`. */
  grantedParameters: ReadonlySet<string>;
}

/** Stands for the owner in {@link ObservedServer.builtinAcls}. */
export const OWNER_PLACEHOLDER = '*owner*';

/** Built-in access control list of an object that has none of its own. */
export function builtinAcl(server: Pick<ObservedServer, 'builtinAcls'>, aclKind: string, owner: string): AclEntry[] {
  const named = (name: string) => (name === OWNER_PLACEHOLDER ? owner : name);
  return (server.builtinAcls.get(aclKind) ?? []).map((entry) => ({
    ...entry,
    grantee: named(entry.grantee),
    grantor: named(entry.grantor),
  }));
}
