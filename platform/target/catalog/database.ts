import pg from 'pg';
import { DEFAULT_KINDS, type DefaultKind, OBJECT_KINDS, type ObjectKind } from '../../../domain/access/objects.ts';
import {
  type AclEntry,
  builtinAcl,
  type DatabaseContents,
  type ObservedObject,
  type ObservedServer,
} from '../../../domain/access/observed.ts';
import { type AclReader, createAclReader } from './acl-text.ts';
import { type CatalogRow, databaseSql, objectsSql } from './database-sql.ts';

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
}

type Builtins = Pick<ObservedServer, 'builtinAcls'>;

/**
 * Reads the objects of the connection's database with their owners and access control lists, and its default privileges, in
 * one statement whose rows are taken as they arrive: memory is what the answer takes. The order is the catalogs'. The
 * connection's search_path is `pg_catalog`, so that argument types are written with their schemas.
 *
 * Lists are shared between objects, and frozen.
 */
export async function inspectDatabase(client: pg.ClientBase, input: DatabaseInput): Promise<DatabaseContents> {
  const { cluster, schemas, systemSchemas = schemas ?? [], columnNames = false } = input;
  const text = databaseSql({ some: schemas !== undefined, columnNames });
  const fold = createFold();
  const values = schemas === undefined ? [systemSchemas] : [systemSchemas, schemas];
  await eachRow(client, { text, values }, fold.add);
  return fold.contents(await cluster);
}

/** Single objects of the connection's database, with the schemas named, and whether event triggers hear of GRANT. */
export async function inspectObjects(
  client: pg.ClientBase,
  input: Pick<DatabaseInput, 'cluster' | 'columnNames'> & {
    kinds: readonly ObjectKind[];
    schemas: readonly string[];
    names: readonly string[];
  },
): Promise<{ contents: DatabaseContents; eventTriggers: boolean }> {
  const { cluster, kinds, schemas, names, columnNames = false } = input;
  const fold = createFold();
  let eventTriggers = false;
  const text = objectsSql(kinds, { columnNames });
  await eachRow(client, { text, values: [schemas, names] }, (row) => {
    if (row[0] === 'event_trigger') eventTriggers = true;
    else fold.add(row);
  });
  return { contents: fold.contents(await cluster), eventTriggers };
}

/**
 * Runs a query and hands over each row as it arrives, in one round trip; none is kept.
 * @throws what the server or `take` says first, after the query's end: the connection can be used again.
 */
function eachRow(
  client: pg.ClientBase,
  query: { text: string; values: unknown[] },
  take: (row: CatalogRow) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: { reason: unknown } | undefined;
    const config: pg.QueryArrayConfig = { ...query, rowMode: 'array' };
    const running = client.query(new pg.Query<CatalogRow>(config));
    running.on('row', (row: CatalogRow) => {
      if (failure !== undefined) return;
      // An exception here would go to the connection's socket, and end the process.
      try {
        take(row);
      } catch (reason) {
        failure = { reason };
      }
    });
    running.on('error', reject);
    running.on('end', () => (failure === undefined ? resolve() : reject(failure.reason)));
  });
}

/** Takes rows in any order. */
function createFold(): { add(row: CatalogRow): void; contents(cluster: Builtins): DatabaseContents } {
  const acls = createAclReader();
  const objects: ObservedObject[] = [];
  const defaults: DatabaseContents['defaults'] = [];
  const columns = new Map<number, Map<string, readonly AclEntry[]>>();
  const columnNames = new Map<number, string[]>();
  const followed = new Map<number, number>();

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
      else if (tag !== 'event_trigger') objects.push(toObject(tag, row, acls));
    },

    contents(cluster) {
      const builtins = createBuiltins(cluster);
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

/** One list for each kind and owner. */
function createBuiltins(cluster: Builtins): (kind: ObjectKind, owner: string) => readonly AclEntry[] {
  const lists = new Map<string, readonly AclEntry[]>();
  return (kind, owner) => {
    const { aclKind } = OBJECT_KINDS[kind];
    const key = `${aclKind}${owner}`;
    const known = lists.get(key);
    if (known !== undefined) return known;
    const list = Object.freeze(builtinAcl(cluster, aclKind, owner).map((entry) => Object.freeze(entry)));
    lists.set(key, list);
    return list;
  };
}
