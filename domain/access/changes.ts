import type { DefaultKind } from './objects.ts';
import type { ObjectRef, RoleAttributes } from './observed.ts';
import type { PrivilegeMask } from './privileges.ts';

/**
 * One difference between what is asked and what is there, and what ends it. A list of changes is in the order in which they
 * take effect: simulated one after the other on the observed state they give the state that is asked for.
 */
export type Change =
  | { type: 'create_role'; role: string; attributes: Partial<RoleAttributes>; setsPassword: boolean }
  | { type: 'alter_role'; role: string; attributes: Partial<RoleAttributes>; setsPassword: boolean }
  | { type: 'comment_role'; role: string; comment: string | null }
  | { type: 'set_setting'; role: string; database: string | null; name: string; value: string }
  | { type: 'reset_setting'; role: string; database: string | null; name: string }
  | GrantMembership
  | RevokeMembership
  | { type: 'own_database'; database: string; owner: string; from: string }
  | { type: 'own_object'; database: string; object: ObjectRef; owner: string; from: string }
  | GrantPrivileges
  | RevokePrivileges
  | GrantDefault
  | RevokeDefault;

/** Before 16 the options are not part of the row. */
export interface GrantMembership {
  type: 'grant_membership';
  role: string;
  member: string;
  /** Who will be recorded as grantor. */
  grantor: string;
  admin: boolean;
  inherit: boolean;
  set: boolean;
}

export interface RevokeMembership {
  type: 'revoke_membership';
  role: string;
  member: string;
  grantor: string;
  /** `all` ends the membership of this grantor; else only these options go. */
  options: 'all' | ('admin' | 'inherit' | 'set')[];
  /** What the member granted on by its ADMIN option goes too. */
  cascade: boolean;
}

export interface GrantPrivileges {
  type: 'grant';
  database: string;
  object: ObjectRef;
  /** Only this column. */
  column?: string;
  grantee: string;
  /** Who will be recorded as grantor: the owner, as a rule. */
  grantor: string;
  privileges: PrivilegeMask;
  grantOption: boolean;
}

export interface RevokePrivileges {
  type: 'revoke';
  database: string;
  object: ObjectRef;
  column?: string;
  grantee: string;
  grantor: string;
  privileges: PrivilegeMask;
  grantOptionOnly: boolean;
  cascade: boolean;
}

export interface GrantDefault {
  type: 'grant_default';
  database: string;
  creator: string;
  schema: string | null;
  on: DefaultKind;
  grantee: string;
  privileges: PrivilegeMask;
  grantOption: boolean;
}

export interface RevokeDefault {
  type: 'revoke_default';
  database: string;
  creator: string;
  schema: string | null;
  on: DefaultKind;
  grantee: string;
  privileges: PrivilegeMask;
  grantOptionOnly: boolean;
}

/** Database that a change is made in; null for what belongs to the whole server (databases' own rights included). */
export function databaseOf(change: Change): string | null {
  switch (change.type) {
    case 'own_object':
    case 'grant_default':
    case 'revoke_default':
      return change.database;
    case 'grant':
    case 'revoke':
      return change.object.kind === 'database' ? null : change.database;
    default:
      return null;
  }
}
