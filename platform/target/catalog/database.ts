import type pg from 'pg';
import type { Catalog } from '../../../domain/access/catalogs.ts';
import { DEFAULT_KINDS, type DefaultKind, type ObjectKind } from '../../../domain/access/objects.ts';
import type { AclEntry, DatabaseContents, ObservedObject } from '../../../domain/access/observed.ts';
import { type AclReader, createAclReader } from './acl-text.ts';
import { type Builtins, builtinLists } from './builtin-lists.ts';
import { type CatalogRow, databaseSql } from './database-sql.ts';
import { eachRow } from './each-row.ts';
import { type ReadProcedure, tellProceduresApart } from './procedure-args.ts';

const DEFAULT_KIND_OF_LETTER: ReadonlyMap<string, DefaultKind> = new Map(
  (Object.keys(DEFAULT_KINDS) as DefaultKind[]).map((kind) => [DEFAULT_KINDS[kind].letter, kind]),
);

/** What {@link inspectDatabase} reads. */
export interface DatabaseInput {
  /** May still be on its way while the database is read. */
  cluster: Builtins | Promise<Builtins>;
  /** Only these schemas, and what lies in none; all schemas unless given. */
  schemas?: readonly string[];
  /**
   * System schemas of which every object is read, those of `schemas` unless given; of the others only objects whose rights
   * differ from what initdb left.
   */
  systemSchemas?: readonly string[];
  /** With the column names of relations. */
  columnNames?: boolean;
  /** False leaves out which tables sequences follow: what becomes of their owners cannot be told then. */
  ownedSequences?: boolean;
  /** Only what is in these catalogs, beside schemas; all unless given. */
  catalogs?: ReadonlySet<Catalog> | undefined;
}

/**
 * Reads the objects of the connection's database with their owners and access control lists, and its default privileges, in
 * one statement whose rows are taken as they arrive: memory is what the answer takes. The order is the catalogs'. The
 * connection's search_path is `pg_catalog`, so that argument types are written with their schemas.
 *
 * Lists are shared between objects, and frozen.
 */
export async function inspectDatabase(client: pg.ClientBase, input: DatabaseInput): Promise<DatabaseContents> {
  const { cluster, schemas, systemSchemas = schemas ?? [] } = input;
  const { columnNames = false, ownedSequences = true, catalogs } = input;
  const text = databaseSql({ some: schemas !== undefined, columnNames, ownedSequences, catalogs });
  const fold = createFold();
  const values = schemas === undefined ? [systemSchemas] : [systemSchemas, schemas];
  await eachRow<CatalogRow>(client, { text, values }, fold.add);
  return fold.contents(await cluster);
}

/** Takes rows in any order. */
function createFold(): { add(row: CatalogRow): void; contents(cluster: Builtins): DatabaseContents } {
  const acls = createAclReader();
  const objects: ObservedObject[] = [];
  const defaults: DatabaseContents['defaults'] = [];
  const columns = new Map<number, Map<string, readonly AclEntry[]>>();
  const columnNames = new Map<number, string[]>();
  const followed = new Map<number, number>();
  const procedures: ReadProcedure[] = [];

  function addObject(kind: ObjectKind, row: CatalogRow): void {
    const object = toObject(kind, row, acls);
    objects.push(object);
    const [, , , , , , , , allTypes] = row;
    if (allTypes !== null) procedures.push({ object, allTypes });
  }

  function addDefault(kind: DefaultKind | undefined, [, , schema, , , owner, acl]: CatalogRow): void {
    // Kinds that the engine does not manage, such as large objects of 18.
    if (kind === undefined) return;
    defaults.push({ creator: owner ?? '', schema, on: kind, acl: acls.read(acl ?? '') });
  }

  return {
    add(row) {
      const [tag, oid, , name, , , acl] = row;
      if (tag === 'column') {
        const lists = columns.get(oid) ?? new Map<string, readonly AclEntry[]>();
        columns.set(oid, lists.set(name, acls.read(acl ?? '')));
      } else if (tag === 'owned') followed.set(oid, Number(name));
      else if (tag === 'names') columnNames.set(oid, JSON.parse(name ?? '[]'));
      else if (isDefault(tag)) addDefault(DEFAULT_KIND_OF_LETTER.get(tag.slice(-1)), row);
      else addObject(tag, row);
    },

    contents(cluster) {
      const builtins = builtinLists(cluster);
      tellProceduresApart(procedures);
      for (const object of objects) {
        if (object.acl === BUILTIN) object.acl = builtins(object.kind, object.owner);
        const table = object.kind === 'sequence' ? followed.get(object.oid) : undefined;
        if (table !== undefined) object.ownedBy = table;
        if (object.rowSecurity === undefined) continue;
        const lists = columns.get(object.oid);
        const names = columnNames.get(object.oid);
        if (lists !== undefined) object.columns = lists;
        if (names !== undefined) object.columnNames = names;
      }
      return { objects, defaults };
    },
  };
}

function isDefault(tag: CatalogRow[0]): tag is `default ${string}` {
  return tag.startsWith('default ');
}

/** Stands for the built-in list until all rows are there. */
const BUILTIN: readonly AclEntry[] = [];

function toObject(kind: ObjectKind, row: CatalogRow, acls: AclReader): ObservedObject {
  const [, oid, schema, name, args, ownerText, acl, rowSecurity] = row;
  const owner = acls.intern(ownerText ?? '');
  const object: ObservedObject = {
    kind,
    schema: schema === null ? null : acls.intern(schema),
    name,
    oid,
    owner,
    acl: acl === null ? BUILTIN : acls.read(acl),
  };
  if (kind === 'routine') object.args = acls.intern(args ?? '');
  if (rowSecurity !== null) object.rowSecurity = rowSecurity;
  return object;
}
