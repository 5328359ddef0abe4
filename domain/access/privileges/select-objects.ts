import { type Problem, quoted } from '../../spec/problems.ts';
import type { Selector } from '../document.ts';
import { OBJECT_KINDS, type ObjectKind, RELATION_KINDS } from '../objects.ts';
import type { DatabaseContents, ObservedDatabase, ObservedObject } from '../observed.ts';
import { type ContentsIndex, databaseObject, indexOfContents } from './contents-index.ts';
import { normalArguments, parseRoutineName, unqualifiedArguments } from './routine-names.ts';

/** Selects objects of one database. */
export interface Selection {
  database: ObservedDatabase;
  selector: Selector;
  /** Path of the selector in the request. */
  at: string;
}

/**
 * Objects that a selector stands for now, each once, in the order of their names for `all` and in the given order otherwise.
 * What is not there is a problem with its path.
 */
export function selectObjects({ database, selector, at }: Selection, problems: Problem[]): readonly ObservedObject[] {
  if (selector.kind === 'database') return [databaseObject(database)];
  const { contents } = database;
  if (contents === undefined) {
    problems.push({ path: at, message: unreadContents(database.name) });
    return [];
  }
  const index = indexOfContents(contents);
  const place = placeOf(selector, index, database.name);
  if (typeof place === 'object' && place !== null) {
    problems.push({ path: `${at}.schema`, message: place.problem });
    return [];
  }
  if (selector.names === 'all') {
    const all = index.ofKind(selector.kind, place);
    return selector.kind === 'schema' ? all.filter(({ name }) => !isSystemSchema(name)) : all;
  }
  const found = new Set<ObservedObject>();
  selector.names.forEach((name, position) => {
    const match = matchName(index, selector.kind, place, name);
    if (typeof match === 'object') found.add(match);
    else {
      const where = place === null ? '' : ` in schema ${quoted(place)}`;
      const message = match === 'missing' ? missing(index, selector.kind, place, name) : ambiguous(name);
      problems.push({ path: `${at}.names[${position}]`, message: `${message}${where} of database ${database.name}` });
    }
  });
  return [...found];
}

/** Why nothing can be said about objects of a database whose contents are unknown. */
export function unreadContents(database: string): string {
  return `the contents of database ${quoted(database)} were not read: it does not allow connections`;
}

/** Schemas of the server itself, where rights are those of initdb unless somebody changed them. */
export function isSystemSchema(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema';
}

/** Whether a schema is there. */
export function hasSchema(contents: DatabaseContents, schema: string): boolean {
  return indexOfContents(contents).named('schema', null, schema).length > 0;
}

/** For people: `foreign table`. */
export function kindLabel(kind: ObjectKind): string {
  return kind.replaceAll('_', ' ');
}

/** The schema to look in; null for kinds that lie in none. */
function placeOf(
  { kind, schema }: Selector,
  index: ContentsIndex,
  database: string,
): string | null | { problem: string } {
  if (!OBJECT_KINDS[kind].inSchema) return null;
  if (schema === null) return { problem: `a ${kindLabel(kind)} lies in a schema: name it` };
  if (index.named('schema', null, schema).length > 0) return schema;
  return { problem: `there is no schema ${quoted(schema)} in database ${quoted(database)}` };
}

function matchName(
  index: ContentsIndex,
  kind: ObjectKind,
  schema: string | null,
  text: string,
): ObservedObject | 'missing' | 'ambiguous' {
  if (kind !== 'routine') return index.named(kind, schema, text)[0] ?? 'missing';
  const { name, args } = parseRoutineName(text);
  const named = index.named('routine', schema, name);
  if (args === undefined) return only(named);
  const normal = named.map((routine) => ({ routine, args: normalArguments(routine.args ?? '') }));
  const exact = normal.find((candidate) => candidate.args === args);
  if (exact !== undefined) return exact.routine;
  // The catalog writes types with their schemas; people leave them out.
  const loose = unqualifiedArguments(args);
  return only(
    normal
      .filter((candidate) => loose === args && unqualifiedArguments(candidate.args) === loose)
      .map(({ routine }) => routine),
  );
}

function only(objects: readonly ObservedObject[]): ObservedObject | 'missing' | 'ambiguous' {
  const [first] = objects;
  if (first === undefined) return 'missing';
  return objects.length === 1 ? first : 'ambiguous';
}

function ambiguous(name: string): string {
  return `several routines are called ${quoted(name)}: name the argument types with their schemas; it is ambiguous`;
}

function missing(index: ContentsIndex, kind: ObjectKind, schema: string | null, name: string): string {
  if (RELATION_KINDS.has(kind)) {
    for (const other of RELATION_KINDS) {
      if (index.named(other, schema, name).length > 0)
        return `${quoted(name)} is a ${kindLabel(other)}, no ${kindLabel(kind)},`;
    }
  }
  return `there is no ${kindLabel(kind)} ${quoted(name)}`;
}
