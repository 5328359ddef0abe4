import type pg from 'pg';
import { CATALOGS, type Catalog, FIRST_NORMAL_OID } from '../../../domain/access/catalogs.ts';
import { getOrAdd } from '../../../domain/access/groups.ts';
import { PUBLIC } from '../../../domain/access/observed.ts';

/**
 * pg_shdepend has a row for everything that a role is granted something on, and for everybody who grants, in all databases at
 * once; not for owners, PUBLIC and roles that initdb makes (`updateAclDependencies` in src/backend/catalog/pg_shdepend.c).
 */
const HELD_SQL = `
WITH grantees AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY($1::text[]))
SELECT (SELECT coalesce(bool_or(oid < ${FIRST_NORMAL_OID}), false) FROM grantees) AS "isPinned",
  (SELECT coalesce(json_agg(json_build_array(datname, classid::regclass::text)), '[]') FROM (
    SELECT DISTINCT d.datname, s.classid FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
    WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN (SELECT oid FROM grantees) AND s.deptype = 'a'
  ) AS held) AS held`;

const CATALOG_OF_TABLE = new Map<string, Catalog>(
  (Object.keys(CATALOGS) as Catalog[]).map((catalog) => [CATALOGS[catalog], catalog]),
);

/**
 * Catalogs in which roles are granted something that they do not own, by database. The connection's search_path is `pg_catalog`.
 * @returns undefined where the server keeps no record of that: PUBLIC or a role of its own is among them
 */
export async function heldCatalogs(
  client: pg.ClientBase,
  roles: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<Catalog>> | undefined> {
  if (roles.includes(PUBLIC)) return undefined;
  if (roles.length === 0) return new Map();
  const { rows } = await client.query<{ isPinned: boolean; held: [database: string, table: string][] }>(HELD_SQL, [
    roles,
  ]);
  const [row] = rows;
  if (row === undefined || row.isPinned) return undefined;
  const held = new Map<string, Set<Catalog>>();
  for (const [database, table] of row.held) {
    const catalog = CATALOG_OF_TABLE.get(table);
    if (catalog !== undefined) getOrAdd(held, database, () => new Set()).add(catalog);
  }
  return held;
}
