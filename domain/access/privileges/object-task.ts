import type { GrantPrivileges, RevokePrivileges } from '../changes.ts';
import type { AclEntry, ObjectRef, ObservedObject } from '../observed.ts';
import { type AclList, type HasPrivilegesOf, type Held, NOTHING_HELD } from './acl-list.ts';
import type { Place, RightsByPlace } from './desired-rights.ts';
import { COLUMN_MASK, type ObjectRights } from './object-rights.ts';

/** What is asked of one object, and what the server is like around it. */
export interface ObjectTask {
  database: string;
  /** With the owner that it is to have. */
  object: ObservedObject;
  /** Names it. */
  ref: ObjectRef;
  granted: RightsByPlace;
  revoked: RightsByPlace;
  /** Whose rights are exactly `granted`. */
  exact: ReadonlySet<string>;
  hasPrivilegesOf: HasPrivilegesOf;
  /** Whether REVOKE works after SET ROLE to this role, if it has the grant option. */
  canRevokeAs: (role: string) => boolean;
}

/** What makes one object's rights those that are asked for. */
export interface ObjectPlan {
  /** Grants that need not wait for the revokes; see {@link planSchema}. */
  first: GrantPrivileges[];
  /** Up to the last REVOKE; few of them are grants, which make a later REVOKE possible. */
  revokes: (RevokePrivileges | GrantPrivileges)[];
  /** By the owner. */
  grants: GrantPrivileges[];
  /** Who keeps, from the owner, what a revoked grant option had given. */
  restored: string[];
  /** What was to go from a grantee but PUBLIC has as well. */
  keptByPublic: { grantee: string; privileges: number }[];
  /** Entries that no REVOKE reaches. */
  unreachable: AclEntry[];
  /** Length of the object's own list afterwards. */
  entries: number;
}

/** Lists of an object by place, the whole object first. */
export function* placesOf({ acl, columns }: ObservedObject): Generator<[Place, readonly AclEntry[]]> {
  yield [undefined, acl];
  if (columns !== undefined) yield* columns;
}

/** The list of a place as it stands. */
export function listAt({ acl, columns }: ObjectRights, place: Place): AclList | undefined {
  return place === undefined ? acl : columns.get(place);
}

/** What a grantee is not to have at a place. */
export function removalOf(task: ObjectTask, place: Place, grantee: string): Held {
  if (grantee === task.object.owner) return NOTHING_HELD;
  const granted = task.granted.get(place)?.get(grantee) ?? NOTHING_HELD;
  if (task.exact.has(grantee)) return { privileges: ~granted.privileges, grantable: ~granted.grantable };
  const here = task.revoked.get(place)?.get(grantee) ?? NOTHING_HELD;
  if (place === undefined) return here;
  // As in SQL, what is revoked on the whole relation is revoked on its columns, except where they are granted by name.
  const whole = task.revoked.get(undefined)?.get(grantee) ?? NOTHING_HELD;
  return {
    privileges: here.privileges | (whole.privileges & COLUMN_MASK & ~granted.privileges),
    grantable: here.grantable | (whole.grantable & COLUMN_MASK & ~granted.grantable),
  };
}

/** A grant by the owner; written out, because most of a large plan is made here. */
export function grantOf(
  { database, ref, object }: ObjectTask,
  place: Place,
  grantee: string,
  privileges: number,
  grantOption: boolean,
): GrantPrivileges {
  const grantor = object.owner;
  if (place === undefined) return { type: 'grant', database, object: ref, grantee, grantor, privileges, grantOption };
  return { type: 'grant', database, object: ref, column: place, grantee, grantor, privileges, grantOption };
}
