import type { Change, GrantDefault, GrantPrivileges, RevokeDefault, RevokePrivileges } from '../changes.ts';
import { addToGroup, getOrAdd } from '../groups.ts';
import { RELATION_KINDS } from '../objects.ts';
import type { DatabaseContents, ObservedDatabase, ObservedObject, ObservedServer } from '../observed.ts';
import { refKey } from '../refs.ts';
import { addToAcl, type HasPrivilegesOf, removeFromAcl } from './acl-list.ts';
import { databaseObject } from './contents-index.ts';
import { type DefaultAcls, defaultAclsOf } from './default-acls.ts';
import { applyGrant, applyRevoke, changeOwner, type ObjectRights, rightsOf } from './object-rights.ts';
import { privilegeReach } from './role-reach.ts';

type OwnObject = Extract<Change, { type: 'own_object' }>;
type OwnDatabase = Extract<Change, { type: 'own_database' }>;
type RightsChange = OwnObject | OwnDatabase | GrantPrivileges | RevokePrivileges | GrantDefault | RevokeDefault;

/**
 * The server after these changes of owners, privileges and default privileges, in their order, as PostgreSQL carries them out;
 * other changes are left out. What was given is not changed, and what the changes do not touch is shared with the answer.
 * Memberships count, because a role that reaches a grant option through one keeps what it granted.
 * @throws Error when a change names something that was not observed
 */
export function simulatePrivileges(observed: ObservedServer, changes: readonly Change[]): ObservedServer {
  const byDatabase = new Map<string, RightsChange[]>();
  for (const change of changes) {
    if (!isRightsChange(change)) continue;
    addToGroup(byDatabase, change.database, change);
  }
  if (byDatabase.size === 0) return observed;
  const databases = new Map(observed.databases);
  for (const [name, list] of byDatabase) {
    const database = databases.get(name);
    if (database === undefined) throw new Error(`database ${name} was not observed`);
    databases.set(name, simulateDatabase(observed, database, list));
  }
  return { ...observed, databases };
}

const RIGHTS_CHANGES: ReadonlySet<Change['type']> = new Set<RightsChange['type']>([
  'own_object',
  'own_database',
  'grant',
  'revoke',
  'grant_default',
  'revoke_default',
]);

function isRightsChange(change: Change): change is RightsChange {
  return RIGHTS_CHANGES.has(change.type);
}

function simulateDatabase(
  server: ObservedServer,
  database: ObservedDatabase,
  changes: readonly RightsChange[],
): ObservedDatabase {
  const reach = privilegeReach(server, database.owner);
  const itself = rightsOf(databaseObject(database));
  const objects = touchedObjects(database, changes);
  const defaults = defaultAclsOf(database.contents?.defaults ?? [], server);
  let touchesDefaults = false;
  for (const change of changes) {
    switch (change.type) {
      case 'own_database':
        changeOwner(itself, change.owner);
        break;
      case 'own_object':
        changeOwnerOf(objects, change);
        break;
      case 'grant_default':
      case 'revoke_default':
        touchesDefaults = true;
        applyDefault(defaults, change, reach);
        break;
      default:
        applyToObject(change.object.kind === 'database' ? itself : objects.rightsOf(change), change, reach);
    }
  }
  const after = { ...database, owner: itself.owner, acl: [...itself.acl.values()] };
  if (database.contents === undefined) return after;
  return { ...after, contents: contentsAfter(database.contents, objects, touchesDefaults ? defaults : undefined) };
}

function applyToObject(
  rights: ObjectRights,
  change: GrantPrivileges | RevokePrivileges,
  hasPrivilegesOf: HasPrivilegesOf,
): void {
  if (change.type === 'grant') applyGrant(rights, change);
  else applyRevoke(rights, change, hasPrivilegesOf);
}

/** Objects of a database that changes name, by position in its contents. */
interface TouchedObjects {
  rightsOf(change: { object: OwnObject['object'] }): ObjectRights;
  /** Sequences that belong to columns of a table, and have its owner. */
  sequencesOf(table: OwnObject['object']): ObjectRights[];
  rightsAt(position: number): ObjectRights | undefined;
}

function touchedObjects(database: ObservedDatabase, changes: readonly RightsChange[]): TouchedObjects {
  const objects = database.contents?.objects ?? [];
  const names = new Set<string>();
  let changesOwners = false;
  for (const change of changes) {
    if ('object' in change) names.add(change.object.name);
    if (change.type === 'own_object') changesOwners = true;
  }
  const positions = new Map<string, number>();
  const owned = new Map<number, number[]>();
  objects.forEach((object, position) => {
    if (names.has(object.name)) positions.set(refKey(object), position);
    if (!changesOwners || object.ownedBy === undefined) return;
    addToGroup(owned, object.ownedBy, position);
  });
  const touched = new Map<number, ObjectRights>();

  function touch(position: number): ObjectRights {
    return getOrAdd(touched, position, () => rightsOf(objects[position] as ObservedObject));
  }

  function positionOf(object: OwnObject['object']): number {
    const position = positions.get(refKey(object));
    if (position === undefined) throw new Error(`${object.kind} ${object.name} was not observed in ${database.name}`);
    return position;
  }

  return {
    rightsOf: ({ object }) => touch(positionOf(object)),
    sequencesOf: (table) => (owned.get((objects[positionOf(table)] as ObservedObject).oid) ?? []).map(touch),
    rightsAt: (position) => touched.get(position),
  };
}

/** ALTER … OWNER of a table takes the sequences of its columns along (`change_owner_recurse_to_sequences`). */
function changeOwnerOf(objects: TouchedObjects, change: OwnObject): void {
  changeOwner(objects.rightsOf(change), change.owner);
  if (!RELATION_KINDS.has(change.object.kind)) return;
  for (const sequence of objects.sequencesOf(change.object)) changeOwner(sequence, change.owner);
}

function applyDefault(
  defaults: DefaultAcls,
  change: GrantDefault | RevokeDefault,
  hasPrivilegesOf: HasPrivilegesOf,
): void {
  const { creator, grantee, privileges } = change;
  const list = defaults.listOf(change);
  const entry = (rights: number, grantable: number) => ({ grantee, grantor: creator, privileges: rights, grantable });
  if (change.type === 'grant_default') addToAcl(list, entry(privileges, change.grantOption ? privileges : 0));
  else
    removeFromAcl(list, entry(change.grantOptionOnly ? 0 : privileges, privileges), {
      owner: creator,
      hasPrivilegesOf,
    });
}

function contentsAfter(
  contents: DatabaseContents,
  touched: TouchedObjects,
  defaults: DefaultAcls | undefined,
): DatabaseContents {
  return {
    objects: contents.objects.map((object, position) => {
      const rights = touched.rightsAt(position);
      return rights === undefined ? object : objectAfter(object, rights);
    }),
    defaults: defaults?.rows() ?? contents.defaults,
  };
}

function objectAfter({ columns: _, ...object }: ObservedObject, { owner, acl, columns }: ObjectRights): ObservedObject {
  const after: ObservedObject = { ...object, owner, acl: [...acl.values()] };
  if (columns.size === 0) return after;
  after.columns = new Map([...columns].map(([column, list]) => [column, [...list.values()]]));
  return after;
}
