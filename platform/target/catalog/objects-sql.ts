import { CATALOGS, type ObjectCatalog } from '../../../domain/access/catalogs.ts';

/**
 * One row of {@link objectsSql}. `tag` is a catalog, `column` (an attribute that has a list of
 * its own: `oid` is its relation's) or `event_trigger`.
 */
export type ObjectRow = [
  tag: ObjectCatalog | 'column' | 'event_trigger',
  oid: number,
  name: string,
  /** Oid of the schema; 0 for kinds that lie in none. */
  namespace: number,
  owner: string | null,
  /** `array_to_string(acl, ',')`; null is the built-in default. */
  acl: string | null,
];

/** How a catalog's columns are named; objects of some lie in schemas. */
const COLUMNS = {
  schema: { prefix: 'nsp', inSchema: false },
  table: { prefix: 'rel', inSchema: true },
  routine: { prefix: 'pro', inSchema: true },
  type: { prefix: 'typ', inSchema: true },
  language: { prefix: 'lan', inSchema: false },
  foreign_data_wrapper: { prefix: 'fdw', inSchema: false },
  foreign_server: { prefix: 'srv', inSchema: false },
} as const satisfies Record<ObjectCatalog, { prefix: string; inSchema: boolean }>;

/** Event triggers that GRANT and REVOKE fire, and that may do anything. */
const EVENT_TRIGGERS = `SELECT 'event_trigger' AS tag, oid, evtname::text AS name, 0::oid AS namespace, NULL AS owner, NULL AS acl
  FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' AND evtevent LIKE 'ddl\\_command\\_%'`;

/**
 * Owners and lists of objects that are known already, and whether there are event triggers. Looked up by oid: a small part of
 * what finding them costs the server.
 * @param catalogs `$1` and so on: oids of objects in each of them
 */
export function objectsSql(catalogs: readonly ObjectCatalog[]): string {
  const parts = catalogs.flatMap((catalog, index) => {
    const { prefix, inSchema } = COLUMNS[catalog];
    const oids = `ANY($${index + 1}::oid[])`;
    const objects = `SELECT '${catalog}', oid, ${prefix}name::text, ${inSchema ? `${prefix}namespace` : '0'},
    pg_get_userbyid(${prefix}owner)::text, array_to_string(${prefix}acl, ',')
  FROM pg_catalog.${CATALOGS[catalog]} WHERE oid = ${oids}`;
    const columns = `SELECT 'column', attrelid, attname::text, 0, NULL, array_to_string(attacl, ',')
  FROM pg_catalog.pg_attribute WHERE attrelid = ${oids} AND attacl IS NOT NULL AND NOT attisdropped`;
    return catalog === 'table' ? [objects, columns] : [objects];
  });
  return [EVENT_TRIGGERS, ...parts].join('\nUNION ALL\n');
}
