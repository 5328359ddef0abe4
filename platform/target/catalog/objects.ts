import type pg from 'pg';
import { catalogOf, type ObjectCatalog } from '../../../domain/access/catalogs.ts';
import { getOrAdd } from '../../../domain/access/groups.ts';
import type { AclEntry, DatabaseContents, ObservedObject } from '../../../domain/access/observed.ts';
import { createAclReader } from './acl-text.ts';
import { type Builtins, builtinLists } from './builtin-lists.ts';
import { eachRow } from './each-row.ts';
import { type ObjectRow, objectsSql } from './objects-sql.ts';

/**
 * Reads objects of the connection's database again, whose owners and lists may have changed since.
 * @param input.objects those of one database, with the schemas that they lie in
 * @returns the objects as they are now, in their order; undefined where one of them is gone or has another name or schema, and
 * where event triggers may hear of GRANT
 */
export async function inspectAgain(
  client: pg.ClientBase,
  input: { cluster: Builtins | Promise<Builtins>; objects: readonly ObservedObject[] },
): Promise<DatabaseContents | undefined> {
  const oids = oidsByCatalog(input.objects);
  const acls = createAclReader();
  const found = new Map<string, ObjectRow>();
  const columns = new Map<number, Map<string, readonly AclEntry[]>>();
  let eventTriggers = false;
  const query = { text: objectsSql([...oids.keys()]), values: [...oids.values()] };
  await eachRow<ObjectRow>(client, query, (row) => {
    const [tag, oid, name, , , acl] = row;
    if (tag === 'event_trigger') eventTriggers = true;
    else if (tag === 'column') getOrAdd(columns, oid, () => new Map()).set(name, acls.read(acl ?? ''));
    else found.set(keyOf(tag, oid), row);
  });
  if (eventTriggers) return undefined;
  const builtins = builtinLists(await input.cluster);
  const schemas = new Map(input.objects.flatMap(({ kind, name, oid }) => (kind === 'schema' ? [[name, oid]] : [])));
  const objects: ObservedObject[] = [];
  for (const { columns: _, ...before } of input.objects) {
    const { kind, schema, name, oid } = before;
    const row = found.get(keyOf(catalogOf(kind), oid));
    const namespace = schema === null ? 0 : schemas.get(schema);
    if (row?.[2] !== name || row[3] !== namespace) return undefined;
    const [, , , , ownerText, aclText] = row;
    const owner = acls.intern(ownerText ?? '');
    const acl = aclText === null ? builtins(kind, owner) : acls.read(aclText);
    const lists = catalogOf(kind) === 'table' ? columns.get(oid) : undefined;
    objects.push(lists === undefined ? { ...before, owner, acl } : { ...before, owner, acl, columns: lists });
  }
  return { objects, defaults: [] };
}

function keyOf(catalog: ObjectCatalog | undefined, oid: number): string {
  return `${catalog} ${oid}`;
}

function oidsByCatalog(objects: readonly ObservedObject[]): Map<ObjectCatalog, number[]> {
  const oids = new Map<ObjectCatalog, number[]>();
  for (const { kind, oid } of objects) {
    const catalog = catalogOf(kind);
    if (catalog !== undefined) getOrAdd(oids, catalog, () => []).push(oid);
  }
  return oids;
}
