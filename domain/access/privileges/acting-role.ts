import type { Change, GrantPrivileges, RevokePrivileges } from '../changes.ts';
import { getOrAdd } from '../groups.ts';
import type { ObjectRef, ObservedObject, ObservedServer } from '../observed.ts';
import { refKey } from '../refs.ts';
import { databaseObject, indexOfContents } from './contents-index.ts';
import { simulatePrivileges } from './simulate.ts';

/**
 * Which role must carry out a GRANT or REVOKE so that the grantor is the right one; undefined: the admin role itself.
 *
 * The server takes the owner as grantor where the current role is a superuser, and otherwise the nearest role with the needed
 * grant options whose rights the current role has (`select_best_grantor`, src/backend/utils/adt/acl.c). An admin that is no
 * superuser therefore acts as the owner itself wherever somebody else has a grant option. GRANTED BY is no way: it takes the
 * current role only.
 */
export type ActingRole = (change: GrantPrivileges | RevokePrivileges) => string | undefined;

export function actingRoles(changes: readonly Change[], observed: ObservedServer): ActingRole {
  const owned = simulatePrivileges(
    observed,
    changes.filter(({ type }) => type === 'own_object' || type === 'own_database'),
  );
  const { admin } = observed;
  const newlyGrantable = new Set<string>();
  for (const change of changes) if (change.type === 'grant' && change.grantOption) newlyGrantable.add(keyOf(change));

  // Thousands of changes name the same objects.
  const found = new Map<string, Map<ObjectRef, ObservedObject>>();
  const objectOf = ({ database, object }: GrantPrivileges | RevokePrivileges) => {
    const ofDatabase = getOrAdd(found, database, () => new Map<ObjectRef, ObservedObject>());
    return getOrAdd(ofDatabase, object, () => observedObject(owned, database, object));
  };
  return (change) => {
    const object = objectOf(change);
    if (change.grantor !== object.owner) return change.grantor;
    if (admin.superuser || admin.name === object.owner) return undefined;
    return hasOtherGrantors(object) || newlyGrantable.has(keyOf(change)) ? object.owner : undefined;
  };
}

function keyOf({ database, object }: GrantPrivileges | RevokePrivileges): string {
  return `${database}\0${refKey(object)}`;
}

function hasOtherGrantors({ acl, columns, owner }: ObservedObject): boolean {
  const isOther = ({ grantee, grantable }: { grantee: string; grantable: number }) =>
    grantable !== 0 && grantee !== owner;
  if (acl.some(isOther)) return true;
  for (const list of columns?.values() ?? []) if (list.some(isOther)) return true;
  return false;
}

/**
 * The object that a change names.
 * @throws Error when it was not observed
 */
export function observedObject(server: ObservedServer, databaseName: string, ref: ObjectRef): ObservedObject {
  const database = server.databases.get(databaseName);
  if (database !== undefined && ref.kind === 'database') return databaseObject(database);
  const named = database?.contents && indexOfContents(database.contents).named(ref.kind, ref.schema, ref.name);
  const object = named?.find(({ args }) => args === ref.args);
  if (object === undefined) throw new Error(`${ref.kind} ${ref.name} was not observed in ${databaseName}`);
  return object;
}
