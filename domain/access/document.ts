import type { DefaultKind, ObjectKind } from './objects.ts';
import type { RoleAttributes } from './observed.ts';
import type { PrivilegeName } from './privileges.ts';

/** What a document may ask for only when it says so in `allow`. */
export const ALLOWANCES = ['superuser', 'server_access', 'legacy_names', 'cascade'] as const;
export type Allowance = (typeof ALLOWANCES)[number];

/**
 * The state that is asked for, parsed: shapes and names are right, nothing is known of the server yet. Only what is
 * mentioned is managed; a list that is there is complete, one that is left out is left alone. Holds no secret.
 */
export interface AccessDocument {
  allow: ReadonlySet<Allowance>;
  roles: DesiredRole[];
  /** Single memberships, beside the complete lists of {@link DesiredRole}. */
  memberships: DesiredMembership[];
  /** Single settings, beside the complete lists of {@link DesiredRole}. */
  settings: DesiredSetting[];
  databases: DesiredDatabase[];
}

/** A role that is to exist. A member left out keeps its value, or gets CREATE ROLE's default. */
export interface DesiredRole {
  name: string;
  /** Where it stands in the request: `roles[0]`. */
  at: string;
  attributes: Partial<RoleAttributes>;
  comment?: string;
  /** A password or verifier came with the request; its value is kept apart. */
  hasPassword: boolean;
  /** Every group that it is to be a member of. */
  memberOf?: DesiredMembership[];
  /** Every member that it is to have. */
  members?: DesiredMembership[];
  /** Every setting that it is to have, role-wide and per database. */
  settings?: DesiredSetting[];
  /** Change it although it belongs to another owner: a managed database, another tool. */
  adopt: boolean;
}

/** Options left out: ADMIN false, INHERIT and SET true on 16+; before 16 INHERIT is the member's attribute. */
export interface DesiredMembership {
  role: string;
  member: string;
  admin: boolean;
  inherit?: boolean;
  set?: boolean;
  /** The membership is to end; only in the list of single memberships. */
  absent: boolean;
  at: string;
}

export interface DesiredSetting {
  role: string;
  database: string | null;
  name: string;
  /** Null resets it; only in the list of single settings. */
  value: string | null;
  at: string;
}

/** What is asked of one database. */
export interface DesiredDatabase {
  name: string;
  at: string;
  owner?: string;
  /** Grantees whose privileges here are exactly those of `grants` and `defaultPrivileges`; all others only gain. */
  exactGrantees: string[];
  grants: DesiredGrant[];
  /** Privileges that the grantees are not to have directly, from any grantor. */
  revokes: DesiredGrant[];
  defaultPrivileges: DesiredDefault[];
  owners: { on: Selector; owner: string; at: string }[];
}

/** Objects of a kind, by name or all of a schema; `names` of routines carry the argument types: `pay(integer)`. */
export interface Selector {
  kind: ObjectKind;
  schema: string | null;
  /** Empty for `kind: database`, which is the database itself. */
  names: string[] | 'all';
}

export interface DesiredGrant {
  on: Selector;
  /** ALL is what the server's version has for the kind. */
  privileges: PrivilegeName[] | 'ALL';
  /** Only these columns. */
  columns?: string[];
  /** Role names, or `PUBLIC` of `observed.ts`. */
  to: string[];
  /** With grant option; in `revokes`: only the grant option goes. */
  grantOption: boolean;
  /** Creators whose later objects of this kind in this schema are covered as well: default privileges. */
  laterBy: string[];
  at: string;
}

export interface DesiredDefault {
  creator: string;
  schema: string | null;
  on: DefaultKind;
  privileges: PrivilegeName[] | 'ALL';
  to: string[];
  grantOption: boolean;
  /** The grantees are not to have it. */
  absent: boolean;
  at: string;
}

/** A password of a request, by role: kept apart from the document. */
export type SubmittedPassword = { kind: 'password'; password: string } | { kind: 'verifier'; verifier: string };
