import { listed } from '../../spec/problems.ts';
import type { ObjectRef } from '../observed.ts';
import type { AccessChange } from '../plan.ts';
import { compareObjects, compareTexts } from '../privileges/contents-index.ts';
import { describeObjects } from '../privileges/describe.ts';
import type { PrivilegeName } from '../privileges.ts';
import { groupBy } from '../roles/group-by.ts';
import type { Difference } from './compare-rights.ts';
import { ability, columnList, joined, logins } from './words.ts';

/** Logins with a number: equal sets have the same. */
export interface LoginSet {
  id: number;
  names: readonly string[];
}

/** What changes in the same way for the same logins, on one object or on many of a kind. */
export interface AccessGroup extends Omit<Difference, 'logins' | 'privilege'> {
  database: string;
  /** ALL: superuser. */
  privilege: PrivilegeName | 'ALL';
  logins: LoginSet;
  objects: ObjectRef[];
  /** The same for groups that differ only in where they are. */
  likeness: number;
}

/** Up to here every object of a group is told by itself. */
const MAX_SINGLE_OBJECTS = 3;
/** Up to here every schema of a group is told by itself, and every database. */
const MAX_SINGLE_PLACES = 5;
/** Logins that one entry names. */
const MAX_LOGINS = 50;

/** Stands for several databases in {@link AccessChange.database}. */
const SEVERAL_DATABASES = '*';

/** What changes for some logins, wherever it does. */
export type AccessKind = Omit<AccessGroup, 'objects' | 'database'>;

/** Collects what changes, object by object, in one database after the other. */
export interface AccessGroups {
  /** What is to be told of objects of a kind. */
  kindOf(change: Omit<AccessKind, 'likeness'>, objectKind: ObjectRef['kind']): AccessKind;
  /** Puts an object into the group of those with the same change in the same schema; answers the group, for further ones. */
  add(change: AccessKind, object: ObjectRef, database: string): AccessGroup;
  /** Entries for people, the most far-reaching first: whole databases, schemas, then objects. */
  entries(direction: AccessGroup['direction'], limit: number): { entries: AccessChange[]; more: number };
}

export function createAccessGroups(): AccessGroups {
  const groups = new Map<string, AccessGroup>();
  const likenesses = new Map<string, number>();
  return {
    kindOf(change, objectKind) {
      const text = likenessOf(change, objectKind);
      const likeness = likenesses.get(text) ?? likenesses.size;
      likenesses.set(text, likeness);
      return { ...change, likeness };
    },

    add(change, object, database) {
      const key = `${change.likeness} ${database}\0${object.schema}`;
      const known = groups.get(key);
      if (known !== undefined) {
        known.objects.push(object);
        return known;
      }
      const group = { ...change, database, objects: [object] };
      groups.set(key, group);
      return group;
    },

    entries(direction, limit) {
      const wanted = [...groups.values()].filter((group) => group.direction === direction);
      const merged = [...groupBy(wanted, ({ likeness }) => likeness).values()].flatMap(mergePlaces);
      const told = merged.flatMap((group) => (group.objects.length > MAX_SINGLE_OBJECTS ? [group] : singles(group)));
      const entries = told.sort(compareGroups).slice(0, limit).map(toAccessChange);
      return { entries, more: told.length - entries.length };
    },
  };
}

/** Text that is the same for what may be told in one entry, wherever it happens. */
function likenessOf(change: Omit<AccessKind, 'likeness'>, objectKind: ObjectRef['kind']): string {
  const { direction, privilege, columns, through, direct, bySetRole, staysBySetRole, columnsKept } = change;
  const names = [columns, through, columnsKept];
  return JSON.stringify([direction, privilege, change.logins.id, direct, bySetRole, staysBySetRole, objectKind, names]);
}

/** Databases' own rights over databases, all others over the schemas of one database. */
function mergePlaces(alike: readonly AccessGroup[]): AccessGroup[] {
  if (alike[0]?.objects[0]?.kind === 'database') {
    return alike.length > MAX_SINGLE_PLACES ? [{ ...merge(alike), database: SEVERAL_DATABASES }] : [...alike];
  }
  return [...groupBy(alike, ({ database }) => database).values()].flatMap((schemas) =>
    schemas.length > MAX_SINGLE_PLACES ? [merge(schemas)] : schemas,
  );
}

function merge(groups: readonly AccessGroup[]): AccessGroup {
  return { ...(groups[0] as AccessGroup), objects: groups.flatMap(({ objects }) => objects) };
}

function singles(group: AccessGroup): AccessGroup[] {
  return group.objects.map((object) => ({ ...group, objects: [object] }));
}

const RANKS: Partial<Record<ObjectRef['kind'], number>> = { database: 1, schema: 2 };

function rankOf({ privilege, objects }: AccessGroup): number {
  return privilege === 'ALL' ? 0 : (RANKS[objects[0]?.kind ?? 'table'] ?? 3);
}

function compareGroups(a: AccessGroup, b: AccessGroup): number {
  const [objectA, objectB] = [a.objects[0] as ObjectRef, b.objects[0] as ObjectRef];
  return (
    rankOf(a) - rankOf(b) ||
    compareTexts(a.database, b.database) ||
    compareObjects(objectA, objectB) ||
    compareTexts(a.privilege, b.privilege) ||
    compareTexts(a.columns.join(), b.columns.join()) ||
    a.likeness - b.likeness
  );
}

function toAccessChange(group: AccessGroup): AccessChange {
  const { database, privilege, columns, objects, through } = group;
  const { names } = group.logins;
  const change: AccessChange = {
    database,
    object: describeObjects(objects),
    privilege: columns.length === 0 ? privilege : `${privilege} ${columnList(columns)}`,
    logins: names.slice(0, MAX_LOGINS),
    through: [...through],
    sentence: sentenceOf(group),
  };
  if (names.length > MAX_LOGINS) change.moreLogins = names.length - MAX_LOGINS;
  if (group.bySetRole) change.bySetRole = true;
  return change;
}

function labelOf({ database, objects }: AccessGroup): string {
  const label = describeObjects(objects);
  return database === SEVERAL_DATABASES ? `${label} (${listed(objects.map(({ name }) => name).toSorted())})` : label;
}

/** Without a full stop. */
function sentenceOf(group: AccessGroup): string {
  const { direction, privilege, columns } = group;
  const object = labelOf(group);
  const does = privilege === 'ALL' ? `do everything in ${object}` : ability(privilege, object, columns);
  const count = group.logins.names.length;
  const how = howOf(group);
  if (direction === 'gained') return `${logins(count, 'more ')} can ${does}${consequence(group)}${how}`;
  return `${logins(count)} can no longer ${does}${consequence(group)}${how}${remainder(group)}`;
}

/** What hangs on the right to get in. */
function consequence({ direction, privilege, objects }: AccessGroup): string {
  const isDoor = privilege === 'CONNECT' || (privilege === 'USAGE' && objects[0]?.kind === 'schema');
  if (!isDoor) return '';
  return direction === 'gained' ? ' and reach there what they have rights on' : ', nor anything in it';
}

function howOf({ direction, through, direct, bySetRole, privilege }: AccessGroup): string {
  const soFar = direction === 'gained' ? '' : 'so far ';
  if (bySetRole) return `, ${direction === 'gained' ? 'but ' : soFar}only after SET ROLE ${listed(through)}`;
  if (privilege === 'ALL') return `, ${soFar}as superuser`;
  const groups = through.filter((name) => name !== 'PUBLIC' && name !== 'ownership');
  const parts: string[] = [];
  if (groups.length > 0) parts.push(`through ${groups.length === 1 ? 'group' : 'groups'} ${listed(groups)}`);
  if (through.includes('PUBLIC')) parts.push('through PUBLIC');
  if (through.includes('ownership')) parts.push('as owner');
  if (direct) parts.push('by a direct grant');
  return parts.length === 0 ? '' : `, ${soFar}${joined(parts)}`;
}

function remainder({ staysBySetRole, columnsKept }: AccessGroup): string {
  const parts: string[] = [];
  if (columnsKept.length > 0) parts.push(`columns ${columnList(columnsKept)} stay`);
  if (staysBySetRole) parts.push('SET ROLE still leads there');
  return parts.map((part) => `; ${part}`).join('');
}
