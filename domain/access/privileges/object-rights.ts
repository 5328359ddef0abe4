import type { GrantPrivileges, RevokePrivileges } from '../changes.ts';
import { getOrAdd } from '../groups.ts';
import { COLUMN_PRIVILEGES } from '../objects.ts';
import type { AclEntry } from '../observed.ts';
import { maskOf } from '../privileges.ts';
import { type AclList, aclListOf, aclOfNewOwner, addToAcl, type HasPrivilegesOf, removeFromAcl } from './acl-list.ts';

/** Every privilege that can be held on a single column. */
export const COLUMN_MASK = maskOf(COLUMN_PRIVILEGES);

/** Owner and access control lists of one object while they are being changed. */
export interface ObjectRights {
  owner: string;
  acl: AclList;
  /** By column name; only columns that have a list of their own. */
  columns: Map<string, AclList>;
}

/** A copy of an object's rights that can be changed. */
export function rightsOf(object: {
  owner: string;
  acl: readonly AclEntry[];
  columns?: ReadonlyMap<string, readonly AclEntry[]>;
}): ObjectRights {
  const columns = new Map<string, AclList>();
  for (const [column, acl] of object.columns ?? []) columns.set(column, aclListOf(acl));
  return { owner: object.owner, acl: aclListOf(object.acl), columns };
}

/** A copy that can be changed apart from the original. */
export function copyOfRights({ owner, acl, columns }: ObjectRights): ObjectRights {
  return { owner, acl: new Map(acl), columns: new Map([...columns].map(([column, list]) => [column, new Map(list)])) };
}

export function changeOwner(rights: ObjectRights, to: string): void {
  const from = rights.owner;
  rights.owner = to;
  rights.acl = aclOfNewOwner(rights.acl, from, to);
  for (const [column, list] of rights.columns) rights.columns.set(column, aclOfNewOwner(list, from, to));
}

export function applyGrant(rights: ObjectRights, change: GrantPrivileges): void {
  const { column, grantee, grantor, privileges } = change;
  const added = { grantee, grantor, privileges, grantable: change.grantOption ? privileges : 0 };
  const list = column === undefined ? rights.acl : getOrAdd(rights.columns, column, (): AclList => new Map());
  addToAcl(list, added);
}

/**
 * A REVOKE by `grantor`, who must have the grant options. On the whole relation it takes the same privileges from every
 * column (`ExecGrant_Relation`, src/backend/catalog/aclchk.c).
 * @returns whether grants of others went with it, so that CASCADE is needed
 */
export function applyRevoke(rights: ObjectRights, change: RevokePrivileges, hasPrivilegesOf: HasPrivilegesOf): boolean {
  const context = { owner: rights.owner, hasPrivilegesOf };
  const { grantee, grantor } = change;
  const taken = (mask: number) => ({
    grantee,
    grantor,
    privileges: change.grantOptionOnly ? 0 : mask,
    grantable: mask,
  });
  if (change.column !== undefined) {
    const list = rights.columns.get(change.column);
    if (list === undefined) return false;
    const cascaded = removeFromAcl(list, taken(change.privileges), context);
    if (list.size === 0) rights.columns.delete(change.column);
    return cascaded;
  }
  let cascaded = removeFromAcl(rights.acl, taken(change.privileges), context);
  const onColumns = change.privileges & COLUMN_MASK;
  if (onColumns === 0) return cascaded;
  for (const [column, list] of rights.columns) {
    if (removeFromAcl(list, taken(onColumns), context)) cascaded = true;
    if (list.size === 0) rights.columns.delete(column);
  }
  return cascaded;
}
