import type { ObjectKind } from './objects.ts';

/** Catalogs of a database that say what is granted on what, each named after what it holds; `default` is for default privileges. */
export const CATALOGS = {
  schema: 'pg_namespace',
  table: 'pg_class',
  routine: 'pg_proc',
  type: 'pg_type',
  language: 'pg_language',
  foreign_data_wrapper: 'pg_foreign_data_wrapper',
  foreign_server: 'pg_foreign_server',
  default: 'pg_default_acl',
} as const;

export type Catalog = keyof typeof CATALOGS;
/** Catalogs of objects. */
export type ObjectCatalog = Exclude<Catalog, 'default'>;

const CATALOG_OF: Readonly<Record<ObjectKind, ObjectCatalog | undefined>> = {
  database: undefined,
  schema: 'schema',
  table: 'table',
  view: 'table',
  foreign_table: 'table',
  sequence: 'table',
  routine: 'routine',
  type: 'type',
  language: 'language',
  foreign_data_wrapper: 'foreign_data_wrapper',
  foreign_server: 'foreign_server',
};

/** The catalog that holds objects of a kind; undefined for databases, which lie in none. */
export function catalogOf(kind: ObjectKind): ObjectCatalog | undefined {
  return CATALOG_OF[kind];
}

/** What has a smaller OID was made by initdb (FirstNormalObjectId in src/include/access/transam.h). */
export const FIRST_NORMAL_OID = 16_384;
