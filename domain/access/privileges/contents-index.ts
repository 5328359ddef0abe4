import { addToGroup, getOrAdd } from '../groups.ts';
import type { ObjectKind } from '../objects.ts';
import type { DatabaseContents, ObjectRef, ObservedDatabase, ObservedObject } from '../observed.ts';

/** Finds objects of a database by where they lie. */
export interface ContentsIndex {
  /** Objects of a kind in a schema, in the order of their names; null for kinds that lie in none. */
  ofKind(kind: ObjectKind, schema: string | null): readonly ObservedObject[];
  /** Objects of a kind with this name; several only where routines share it. */
  named(kind: ObjectKind, schema: string | null, name: string): readonly ObservedObject[];
}

const NONE: readonly ObservedObject[] = [];

/** Contents are never changed once they are read, so that an index of them holds as long as they do. */
const indexes = new WeakMap<DatabaseContents, ContentsIndex>();

/** The index of these contents; made once, and sorted only where something is asked for. */
export function indexOfContents(contents: DatabaseContents): ContentsIndex {
  const known = indexes.get(contents);
  if (known !== undefined) return known;
  const index = createIndex(contents);
  indexes.set(contents, index);
  return index;
}

function createIndex({ objects }: DatabaseContents): ContentsIndex {
  const bySchema = new Map<string | null, Map<ObjectKind, ObservedObject[]>>();
  for (const object of objects) {
    const kinds = getOrAdd(bySchema, object.schema, () => new Map<ObjectKind, ObservedObject[]>());
    addToGroup(kinds, object.kind, object);
  }
  const sorted = new Map<readonly ObservedObject[], readonly ObservedObject[]>();
  const names = new Map<readonly ObservedObject[], Map<string, ObservedObject[]>>();
  const listOf = (kind: ObjectKind, schema: string | null) => bySchema.get(schema)?.get(kind) ?? NONE;
  return {
    ofKind(kind, schema) {
      const list = listOf(kind, schema);
      return getOrAdd(sorted, list, () => list.toSorted(compareObjects));
    },
    named(kind, schema, name) {
      const list = listOf(kind, schema);
      return getOrAdd(names, list, () => groupByName(list)).get(name) ?? NONE;
    },
  };
}

function groupByName(objects: readonly ObservedObject[]): Map<string, ObservedObject[]> {
  const groups = new Map<string, ObservedObject[]>();
  for (const object of objects) addToGroup(groups, object.name, object);
  return groups;
}

/** Order of texts that does not depend on a locale. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Order by schema, name, argument types and kind. */
export function compareObjects(a: ObjectRef, b: ObjectRef): number {
  return (
    compareTexts(a.schema ?? '', b.schema ?? '') ||
    compareTexts(a.name, b.name) ||
    compareTexts(a.args ?? '', b.args ?? '') ||
    compareTexts(a.kind, b.kind)
  );
}

const databaseObjects = new WeakMap<ObservedDatabase, ObservedObject>();

/** A database as an object whose rights are managed like those of the others; the same one for the same database. */
export function databaseObject(database: ObservedDatabase): ObservedObject {
  const known = databaseObjects.get(database);
  if (known !== undefined) return known;
  const { name, oid, owner, acl } = database;
  const object: ObservedObject = { kind: 'database', schema: null, name, oid, owner, acl };
  databaseObjects.set(database, object);
  return object;
}

/** Only what names the object. */
export function refOf({ kind, schema, name, args }: ObjectRef): ObjectRef {
  return args === undefined ? { kind, schema, name } : { kind, schema, name, args };
}
