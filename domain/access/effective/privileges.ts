import { groupBy } from '../groups.ts';
import type { ObjectKind } from '../objects.ts';
import { type AclEntry, type ObservedDatabase, type ObservedObject, type ObservedServer, PUBLIC } from '../observed.ts';
import { databaseObject } from '../privileges/contents-index.ts';
import { describeObjects } from '../privileges/describe.ts';
import { maskOf, namesOf, type PrivilegeMask, type PrivilegeName } from '../privileges.ts';
import { createMembershipGraph } from './closure.ts';
import { type Grant, grantsOn, type RightsContext, superuserOnly } from './rights.ts';
import { setRolesOf, type Via, viaOf } from './ways.ts';

/** What is listed; a member left out does not restrict. */
export interface PrivilegeFilter {
  database?: string;
  schema?: string;
  kind?: ObjectKind;
  privilege?: PrivilegeName;
  /** Without what everybody has. */
  withoutPublic?: boolean;
}

/** What a role can do in the same way on one object, or on all objects of a kind in a schema for which that is so. */
export interface PrivilegeRow {
  database: string;
  /** `table app.orders`, `240 tables of schema app`, `everything in database shop`. */
  object: string;
  kind: ObjectKind;
  schema: string | null;
  /** Number of objects. */
  count: number;
  /** Names of the first ones, routines with argument types. */
  names: string[];
  /** Only this column. */
  column?: string;
  /** All of them, in this row's way; for superusers every privilege there is: empty. */
  privileges: PrivilegeName[];
  withGrantOption: boolean;
  /** Empty for superusers and predefined roles. */
  grantors: string[];
  via: Via;
  /** From the role to the one that holds the privileges. */
  path: string[];
  /** The role of `path` to SET ROLE to, for `via: 'set_role'`. */
  setRole?: string;
}

/** Everything that a role can do, as far as it was read. */
export interface PrivilegeList {
  rows: PrivilegeRow[];
  /** How many more rows there are. */
  more: number;
}

/** Rows of one answer: enough for a person and for a table of a page. */
const MAX_ROWS = 1_000;
/** Objects that one row names. */
const MAX_NAMES = 10;

/** A role whose grants count, and how. */
interface Holder {
  name: string;
  path: readonly string[];
  setRole?: string;
}

/** The way of one grantee's privileges on one object, before objects are put together. */
type Right = Pick<PrivilegeRow, 'withGrantOption' | 'grantors' | 'via' | 'path' | 'setRole' | 'column'> & {
  mask: PrivilegeMask;
};

/**
 * Everything that a role can do in the databases whose contents were read, by whatever way: rights on databases themselves are
 * there for all. A privilege that comes by several ways has a row for each. Of superusers, and of SET ROLE to one, only that is told.
 * @param role a role's name, or `PUBLIC` of `observed.ts`
 */
export function listPrivileges(observed: ObservedServer, role: string, filter: PrivilegeFilter = {}): PrivilegeList {
  const context = { server: observed, graph: createMembershipGraph(observed) };
  const rows: PrivilegeRow[] = [];
  for (const database of observed.databases.values()) {
    if (filter.database === undefined || filter.database === database.name)
      rows.push(...rowsOf(context, role, database, filter));
  }
  return { rows: rows.slice(0, MAX_ROWS), more: Math.max(0, rows.length - MAX_ROWS) };
}

function rowsOf(
  context: RightsContext,
  role: string,
  database: ObservedDatabase,
  filter: PrivilegeFilter,
): PrivilegeRow[] {
  const superuser = superuserRows(context, role, database);
  if (context.graph.isSuperuser(role)) return superuser;
  const holders = holdersFor(context, role, database, filter);
  const wanted = objectsOf(database).filter(
    ({ kind, schema, name }) =>
      (filter.kind ?? kind) === kind &&
      (filter.schema === undefined || filter.schema === (kind === 'schema' ? name : schema)),
  );
  const rights = createRightsReader(context, holders, filter);
  const groups = new Map<string, { right: Right; objects: ObservedObject[] }>();
  for (const object of wanted) {
    for (const { key, right } of rights(object)) {
      const place = `${object.kind}\0${object.schema}\0${key}`;
      const group = groups.get(place);
      if (group === undefined) groups.set(place, { right, objects: [object] });
      else group.objects.push(object);
    }
  }
  return [...superuser, ...[...groups.values()].map(({ right, objects }) => toRow(database, right, objects))];
}

function objectsOf(database: ObservedDatabase): ObservedObject[] {
  const kinds = groupBy(database.contents?.objects ?? [], ({ kind }) => kind);
  const schemas = kinds.get('schema') ?? [];
  kinds.delete('schema');
  return [databaseObject(database), ...schemas, ...[...kinds.values()].flat()];
}

function superuserRows({ graph }: RightsContext, role: string, database: ObservedDatabase): PrivilegeRow[] {
  const everything = {
    database: database.name,
    object: `everything in database ${database.name}`,
    kind: 'database' as const,
    schema: null,
    count: 1,
    names: [database.name],
    privileges: [],
    withGrantOption: true,
    grantors: [],
  };
  if (graph.isSuperuser(role)) return [{ ...everything, via: 'superuser', path: [role] }];
  const reach = graph.reach('set', role, database.owner);
  const targets = [...reach.roles()].filter((target) => graph.isSuperuser(target));
  return targets.map((target) => ({
    ...everything,
    via: 'set_role',
    path: [...(reach.pathTo(target) ?? [])],
    setRole: target,
  }));
}

/** Grantees whose rights the role has, nearest first, and those that it has only after SET ROLE, by the shortest way to each. */
function holdersFor(
  context: RightsContext,
  role: string,
  database: ObservedDatabase,
  filter: PrivilegeFilter,
): ReadonlyMap<string, Holder> {
  const { graph } = context;
  const holders = new Map<string, Holder>();
  const inherited = graph.reach('inherit', role, database.owner);
  for (const name of inherited.roles()) holders.set(name, { name, path: inherited.pathTo(name) ?? [] });
  if (role !== PUBLIC && filter.withoutPublic !== true) holders.set(PUBLIC, { name: PUBLIC, path: [role] });
  const settable = graph.reach('set', role, database.owner);
  for (const setRole of setRolesOf(context, role, database.owner)) {
    const onward = graph.reach('inherit', setRole, database.owner);
    for (const name of onward.roles()) {
      const path = [...(settable.pathTo(setRole) ?? []), ...(onward.pathTo(name) ?? []).slice(1)];
      const known = holders.get(name);
      if (known === undefined || (known.setRole !== undefined && known.path.length > path.length)) {
        holders.set(name, { name, path, setRole });
      }
    }
  }
  return holders;
}

/** Reads the rights on objects; those of equal lists and owners are worked out once. */
function createRightsReader(
  context: RightsContext,
  holders: ReadonlyMap<string, Holder>,
  filter: PrivilegeFilter,
): (object: ObservedObject) => readonly { key: string; right: Right }[] {
  const known = new Map<readonly AclEntry[], Map<string, readonly { key: string; right: Right }[]>>();

  function read(object: ObservedObject, column?: string): { key: string; right: Right }[] {
    const grants = grantsOn(context.server, object, column).filter(({ grantee }) => holders.has(grantee));
    return [...groupBy(grants, ({ grantee }) => grantee)].flatMap(([grantee, entries]) =>
      rightsOf(holders.get(grantee) as Holder, object.owner, entries, filter.privilege, column).map((right) => ({
        key: JSON.stringify(right),
        right,
      })),
    );
  }

  return (object) => {
    const columns = [...(object.columns?.keys() ?? [])].flatMap((column) => read(object, column));
    const byPlace = known.get(object.acl) ?? new Map<string, readonly { key: string; right: Right }[]>();
    known.set(object.acl, byPlace);
    const place = `${object.kind} ${superuserOnly(object)} ${object.owner}`;
    const whole = byPlace.get(place) ?? read(object);
    byPlace.set(place, whole);
    return [...whole, ...columns];
  };
}

/** Privileges of one grantee; those with the same grantors and grant option are together. */
function rightsOf(
  { name, path, setRole }: Holder,
  owner: string,
  grants: readonly Grant[],
  only: PrivilegeName | undefined,
  column: string | undefined,
): Right[] {
  const all = grants.reduce((mask, { privileges }) => mask | privileges, 0);
  const described = namesOf(all)
    .filter((privilege) => only === undefined || privilege === only)
    .map((privilege) => describeRight(privilege, grants));
  return [...groupBy(described, ({ key }) => key).values()].map((alike) => ({
    mask: alike.reduce((mask, { bit }) => mask | bit, 0),
    withGrantOption: alike[0]?.withGrantOption ?? false,
    grantors: alike[0]?.grantors ?? [],
    via: setRole === undefined ? viaOf(name, { owner, pathLength: path.length }) : 'set_role',
    path: [...path],
    ...(setRole === undefined ? {} : { setRole }),
    ...(column === undefined ? {} : { column }),
  }));
}

function describeRight(privilege: PrivilegeName, grants: readonly Grant[]) {
  const bit = maskOf([privilege]);
  const giving = grants.filter(({ privileges }) => (privileges & bit) !== 0);
  const grantors = [...new Set(giving.flatMap(({ grantor }) => grantor ?? []))].toSorted();
  const withGrantOption = giving.some(({ grantable }) => (grantable & bit) !== 0);
  return { key: JSON.stringify([withGrantOption, grantors]), bit, grantors, withGrantOption };
}

function toRow(
  database: ObservedDatabase,
  { mask, ...right }: Right,
  objects: readonly ObservedObject[],
): PrivilegeRow {
  const [first] = objects;
  return {
    database: database.name,
    object: describeObjects(objects),
    kind: first?.kind ?? 'database',
    schema: first?.schema ?? null,
    count: objects.length,
    names: objects.slice(0, MAX_NAMES).map(({ name, args }) => (args === undefined ? name : `${name}(${args})`)),
    privileges: namesOf(mask),
    ...right,
  };
}
