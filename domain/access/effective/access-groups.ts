import { groupBy } from '../groups.ts';
import type { ObjectRef } from '../observed.ts';
import type { AccessChange } from '../plan.ts';
import { compareObjects, compareTexts } from '../privileges/contents-index.ts';
import type { PrivilegeName } from '../privileges.ts';
import type { Difference } from './compare-rights.ts';
import { SEVERAL_DATABASES, toAccessChange } from './sentences.ts';

/** Logins with a number: equal sets have the same. */
export interface LoginSet {
  id: number;
  names: readonly string[];
}

/** What changes for some logins on objects of a kind, wherever it does. */
export interface LoginChange extends Omit<Difference, 'logins' | 'privilege'> {
  /** ALL: superuser. */
  privilege: PrivilegeName | 'ALL';
  logins: LoginSet;
}

/** Objects of one kind on which the same changes for the same logins. */
export interface AccessGroup {
  change: LoginChange;
  database: string;
  objects: ObjectRef[];
}

/** Up to here every object of a group is told by itself. */
const MAX_SINGLE_OBJECTS = 3;
/** Up to here every schema of a group is told by itself, and every database. */
const MAX_SINGLE_PLACES = 5;

/** Collects what changes, object by object, in one database after the other. */
export interface AccessGroups {
  /** The change itself, or an equal one on objects of this kind that is known already. */
  known(change: LoginChange, kind: ObjectRef['kind']): LoginChange;
  /** Puts an object into the group of a known change in its schema; answers the group, for further objects of the schema. */
  add(change: LoginChange, object: ObjectRef, database: string): AccessGroup;
  /** Entries for people, the most far-reaching first: whole databases, schemas, then objects. */
  entries(direction: LoginChange['direction'], limit: number): { entries: AccessChange[]; more: number };
}

export function createAccessGroups(): AccessGroups {
  const changes = new Map<string, LoginChange>();
  const places = new Map<string, Map<LoginChange, AccessGroup>>();

  function placeOf(database: string, schema: string | null): Map<LoginChange, AccessGroup> {
    const key = `${database}\0${schema ?? ''}`;
    const groups = places.get(key) ?? new Map<LoginChange, AccessGroup>();
    places.set(key, groups);
    return groups;
  }

  return {
    known(change, kind) {
      const text = likeness(change, kind);
      const known = changes.get(text) ?? change;
      changes.set(text, known);
      return known;
    },

    add(change, object, database) {
      const groups = placeOf(database, object.schema);
      const group = groups.get(change) ?? { change, database, objects: [] };
      groups.set(change, group);
      group.objects.push(object);
      return group;
    },

    entries(direction, limit) {
      const all = [...places.values()].flatMap((groups) => [...groups.values()]);
      const wanted = all.filter(({ change }) => change.direction === direction);
      const merged = [...groupBy(wanted, ({ change }) => change).values()].flatMap(mergePlaces);
      const told = merged.flatMap((group) => (group.objects.length > MAX_SINGLE_OBJECTS ? [group] : singles(group)));
      const entries = told.sort(compareGroups).slice(0, limit).map(toAccessChange);
      return { entries, more: told.length - entries.length };
    },
  };
}

/** Text that is the same for what may be told in one entry. */
function likeness({ logins, ...change }: LoginChange, kind: ObjectRef['kind']): string {
  const { direction, privilege, columns, through, direct, bySetRole, staysBySetRole, columnsKept } = change;
  const names = [columns, through, columnsKept];
  return JSON.stringify([direction, privilege, logins.id, direct, bySetRole, staysBySetRole, kind, names]);
}

/** Databases' own rights over databases, all others over the schemas of one database. */
function mergePlaces(alike: readonly AccessGroup[]): AccessGroup[] {
  const [first] = alike;
  if (first?.objects[0]?.kind === 'database') {
    return alike.length > MAX_SINGLE_PLACES ? [{ ...merge(first, alike), database: SEVERAL_DATABASES }] : [...alike];
  }
  return [...groupBy(alike, ({ database }) => database).values()].flatMap((schemas) =>
    schemas[0] !== undefined && schemas.length > MAX_SINGLE_PLACES ? [merge(schemas[0], schemas)] : schemas,
  );
}

function merge(first: AccessGroup, groups: readonly AccessGroup[]): AccessGroup {
  return { ...first, objects: groups.flatMap(({ objects }) => objects) };
}

function singles({ change, database, objects }: AccessGroup): AccessGroup[] {
  return objects.map((object) => ({ change, database, objects: [object] }));
}

const RANKS: Partial<Record<ObjectRef['kind'], number>> = { database: 1, schema: 2 };

function rankOf({ change, objects }: AccessGroup): number {
  return change.privilege === 'ALL' ? 0 : (RANKS[objects[0]?.kind ?? 'table'] ?? 3);
}

function compareGroups(a: AccessGroup, b: AccessGroup): number {
  const [objectA, objectB] = [a.objects[0] as ObjectRef, b.objects[0] as ObjectRef];
  return (
    rankOf(a) - rankOf(b) ||
    compareTexts(a.database, b.database) ||
    compareObjects(objectA, objectB) ||
    compareTexts(a.change.privilege, b.change.privilege) ||
    compareTexts(a.change.columns.join(), b.change.columns.join()) ||
    a.change.logins.id - b.change.logins.id
  );
}
