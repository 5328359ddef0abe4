import type { ObjectKind } from '../../../domain/access/objects.ts';

/**
 * One row of {@link objectsSql}. `tag` is a catalog, named after its kind of objects, `column` (an attribute that has a list of
 * its own: `oid` is its relation's) or `event_trigger`.
 */
export type ObjectRow = [
  tag: Catalog | 'column' | 'event_trigger',
  oid: number,
  name: string,
  /** Oid of the schema; 0 for kinds that lie in none. */
  namespace: number,
  owner: string | null,
  /** `array_to_string(acl, ',')`; null is the built-in default. */
  acl: string | null,
];

/** Catalogs by what they hold; `table` stands for all of pg_class. */
const CATALOGS = {
  schema: { from: 'pg_namespace', prefix: 'nsp', inSchema: false },
  table: { from: 'pg_class', prefix: 'rel', inSchema: true },
  routine: { from: 'pg_proc', prefix: 'pro', inSchema: true },
  type: { from: 'pg_type', prefix: 'typ', inSchema: true },
  language: { from: 'pg_language', prefix: 'lan', inSchema: false },
  foreign_data_wrapper: { from: 'pg_foreign_data_wrapper', prefix: 'fdw', inSchema: false },
  foreign_server: { from: 'pg_foreign_server', prefix: 'srv', inSchema: false },
} as const satisfies Partial<Record<ObjectKind, { from: string; prefix: string; inSchema: boolean }>>;

export type Catalog = keyof typeof CATALOGS;

/** The catalog that objects of a kind are in; undefined for databases, which no database holds. */
export function catalogOf(kind: ObjectKind): Catalog | undefined {
  if (kind === 'database') return undefined;
  return kind in CATALOGS ? (kind as Catalog) : 'table';
}

/** Event triggers that GRANT and REVOKE fire, and that may do anything. */
const EVENT_TRIGGERS = `SELECT 'event_trigger' AS tag, oid, evtname::text AS name, 0::oid AS namespace, NULL AS owner, NULL AS acl
  FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' AND evtevent LIKE 'ddl\\_command\\_%'`;

/**
 * Owners and lists of objects that are known already, and whether there are event triggers. Looked up by oid: a small part of
 * what finding them costs the server.
 * @param catalogs `$1` and so on: oids of objects in each of them
 */
export function objectsSql(catalogs: readonly Catalog[]): string {
  const parts = catalogs.flatMap((catalog, index) => {
    const { from, prefix, inSchema } = CATALOGS[catalog];
    const oids = `ANY($${index + 1}::oid[])`;
    const objects = `SELECT '${catalog}', oid, ${prefix}name::text, ${inSchema ? `${prefix}namespace` : '0'},
    pg_get_userbyid(${prefix}owner)::text, array_to_string(${prefix}acl, ',')
  FROM pg_catalog.${from} WHERE oid = ${oids}`;
    const columns = `SELECT 'column', attrelid, attname::text, 0, NULL, array_to_string(attacl, ',')
  FROM pg_catalog.pg_attribute WHERE attrelid = ${oids} AND attacl IS NOT NULL AND NOT attisdropped`;
    return catalog === 'table' ? [objects, columns] : [objects];
  });
  return [EVENT_TRIGGERS, ...parts].join('\nUNION ALL\n');
}
