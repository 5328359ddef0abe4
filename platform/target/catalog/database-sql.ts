import type { Catalog } from '../../../domain/access/catalogs.ts';
import type { ObjectKind } from '../../../domain/access/objects.ts';

/**
 * One row of {@link databaseSql}. `tag` says what it is: an {@link ObjectKind}, `column` (an attribute that has a list of its
 * own: `oid` is its relation's), `owned` (a sequence that follows the table whose oid is in `name`), `names` (the relation's
 * column names as JSON, in `name`) or `default` followed by the letter of pg_default_acl (`name` is empty, `owner` the
 * creator).
 */
export type CatalogRow = [
  tag: ObjectKind | 'column' | 'owned' | 'names' | `default ${string}`,
  oid: number,
  schema: string | null,
  name: string,
  /** Input types of routines. */
  args: string | null,
  owner: string | null,
  /** `array_to_string(acl, ',')`; null is the built-in default. */
  acl: string | null,
  /** Of relations; null for other kinds. */
  rowSecurity: boolean | null,
  /** All types of procedures, those of OUT arguments with them; null for other kinds. */
  allTypes: string | null,
];

/** Variants of {@link databaseSql}. */
interface QueryOptions {
  /** Only the schemas of `$2`. */
  some: boolean;
  /** With rows tagged `names`. */
  columnNames: boolean;
  /** With rows tagged `owned`. */
  ownedSequences: boolean;
  /** Only these, beside schemas; undefined: all. */
  catalogs: ReadonlySet<Catalog> | undefined;
}

/** SQL of the members of a {@link CatalogRow}; NULL where there is none. */
interface RowSql {
  tag: string;
  oid: string;
  schema?: string;
  name: string;
  args?: string;
  owner?: string;
  acl?: string;
  rowSecurity?: string;
  allTypes?: string;
}

function select(row: RowSql): string {
  const { tag, oid, schema = 'NULL', name, args = 'NULL', rowSecurity = 'NULL', allTypes = 'NULL' } = row;
  const owner = row.owner === undefined ? 'NULL' : `pg_get_userbyid(${row.owner})`;
  const acl = row.acl === undefined ? 'NULL' : `array_to_string(${row.acl}, ',')`;
  return `SELECT ${[tag, oid, schema, name, args, owner, acl, rowSecurity, allTypes].join(', ')}`;
}

/** What comes and goes with sessions; nothing granted there lasts. */
const IS_PASSING_SCHEMA = `n.nspname ~ '^pg_(toast|temp_|toast_temp_)'`;
const IS_SYSTEM_SCHEMA = `n.nspname ~ '^pg_' OR n.nspname = 'information_schema'`;
/** `pg_class.relkind` of tables, views and foreign tables, which have columns to grant on. */
const RELATIONS = `('r', 'p', 'v', 'm', 'f')`;

/**
 * Whether a list differs from the one that the information schema's script leaves, and initdb on pg_catalog: the built-in one
 * and one privilege for PUBLIC. initdb fills pg_init_privs before that.
 */
function isNotPublished(acl: string, owner: string, letter: string, privilege: string): string {
  return `${acl} <> acldefault('${letter}', ${owner}) || makeaclitem(0, ${owner}, '${privilege}', false)`;
}

/**
 * Whether rights differ from those that initdb or an extension's script left. NOT IN, since that is always a hash table: the
 * estimates of other forms grow with the catalog until the server compiles the query (`jit_above_cost`), which takes longer
 * than the read.
 */
function isChanged(catalog: string, alias: string, acl: string): string {
  return `(${acl} IS NOT NULL AND (${alias}.oid, ${acl}) NOT IN (
    SELECT objoid, initprivs FROM pg_catalog.pg_init_privs
    WHERE classoid = 'pg_catalog.${catalog}'::regclass AND objsubid = 0))`;
}

/**
 * Types of a procedure's arguments, those of OUT arguments with them, as `oidvectortypes` writes the input types; see
 * `tellProceduresApart`.
 */
const ALL_TYPES = `CASE WHEN p.prokind = 'p'
  THEN oidvectortypes(coalesce(array_to_string(p.proallargtypes, ' ')::oidvector, p.proargtypes)) END`;

/** Thousands of routines come with the server: what nobody asks for is told by looking at each row alone. */
const IS_BUILT_IN = `p.proacl IS NULL AND p.pronamespace = 'pg_catalog'::regnamespace AND 'pg_catalog' <> ALL($1::text[])`;

/** Objects of one catalog, or other facts. */
interface Part {
  row: RowSql;
  from: string;
  /** Which of them are read. */
  where?: string;
}

const SCHEMAS: Part = {
  // The first part gives the members their types.
  row: {
    tag: `'schema' AS tag`,
    oid: 'n.oid',
    schema: 'NULL::text AS schema',
    name: 'n.name::text AS name',
    args: 'NULL::text AS args',
    owner: 'n.owner',
    acl: 'n.acl',
    rowSecurity: 'NULL::bool',
    allTypes: 'NULL::text',
  },
  from: 'schemas n',
  where: `n.whole OR ${isNotPublished('n.acl', 'n.owner', 'n', 'USAGE')}`,
};

const PARTS = {
  table: {
    row: {
      tag: `CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign_table'
      WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END`,
      oid: 'c.oid',
      schema: 'n.name',
      name: 'c.relname',
      owner: 'c.relowner',
      acl: 'c.relacl',
      rowSecurity: 'c.relrowsecurity',
    },
    from: 'pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace',
    where: `(c.relkind IN ${RELATIONS} OR c.relkind = 'S') AND (n.whole
    OR ${isChanged('pg_class', 'c', 'c.relacl')}
      AND (n.name <> 'information_schema' OR ${isNotPublished('c.relacl', 'c.relowner', 'r', 'SELECT')})
    OR c.oid IN (SELECT oid FROM columns WHERE changed))`,
  },
  routine: {
    row: {
      tag: `'routine'`,
      oid: 'p.oid',
      schema: 'n.name',
      name: 'p.proname',
      args: 'oidvectortypes(p.proargtypes)',
      owner: 'p.proowner',
      acl: 'p.proacl',
      allTypes: ALL_TYPES,
    },
    from: 'pg_catalog.pg_proc p JOIN schemas n ON n.oid = p.pronamespace',
    where: `NOT (${IS_BUILT_IN}) AND (n.whole OR ${isChanged('pg_proc', 'p', 'p.proacl')})`,
  },
  // Array types follow their element type, multiranges their range; a table's row type has no rights of its own. System types
  // and languages have no list until somebody grants something; untrusted languages can have none (ExecGrant_Language).
  type: {
    row: { tag: `'type'`, oid: 't.oid', schema: 'n.name', name: 't.typname', owner: 't.typowner', acl: 't.typacl' },
    from: `pg_catalog.pg_type t JOIN schemas n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'`,
    where: `t.typisdefined AND t.typinput <> 'pg_catalog.array_in'::regproc
    AND (t.typtype IN ('b', 'd', 'e', 'r') OR c.oid IS NOT NULL) AND (n.whole OR t.typacl IS NOT NULL)`,
  },
  language: {
    row: { tag: `'language'`, oid: 'l.oid', name: 'l.lanname', owner: 'l.lanowner', acl: 'l.lanacl' },
    from: 'pg_catalog.pg_language l',
    where: 'l.lanpltrusted AND (l.lanispl OR l.lanacl IS NOT NULL)',
  },
  foreign_data_wrapper: {
    row: { tag: `'foreign_data_wrapper'`, oid: 'w.oid', name: 'w.fdwname', owner: 'w.fdwowner', acl: 'w.fdwacl' },
    from: 'pg_catalog.pg_foreign_data_wrapper w',
  },
  foreign_server: {
    row: { tag: `'foreign_server'`, oid: 's.oid', name: 's.srvname', owner: 's.srvowner', acl: 's.srvacl' },
    from: 'pg_catalog.pg_foreign_server s',
  },
  default: {
    row: {
      tag: `'default ' || d.defaclobjtype::text`,
      oid: 'd.oid',
      schema: 'n.name',
      name: `''`,
      owner: 'd.defaclrole',
      acl: 'd.defaclacl',
    },
    from: 'pg_catalog.pg_default_acl d LEFT JOIN schemas n ON n.oid = d.defaclnamespace',
    where: 'd.defaclnamespace = 0 OR n.oid IS NOT NULL',
  },
} as const satisfies Record<Exclude<Catalog, 'schema'>, Part>;

/** Sequences of serial and identity columns. */
const OWNED: Part = {
  row: { tag: `'owned'`, oid: 'd.objid', name: 'd.refobjid::text' },
  from: `pg_catalog.pg_depend d
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN schemas n ON n.oid = c.relnamespace`,
  where: `d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.objsubid = 0 AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')`,
};

const COLUMNS: Part = { row: { tag: `'column'`, oid: 'oid', name: 'name', acl: 'acl' }, from: 'columns' };

/** Also of system relations that the answer leaves out. */
const COLUMN_NAMES: Part = {
  row: {
    tag: `'names'`,
    oid: 'c.oid',
    name: `(SELECT json_agg(a.attname ORDER BY a.attnum)::text FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)`,
  },
  from: 'pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace',
  where: `c.relkind IN ${RELATIONS} AND (n.whole OR c.relacl IS NOT NULL OR c.oid IN (SELECT oid FROM columns))`,
};

/**
 * Objects of every kind with owner and access control list, and default privileges, as one query.
 * `$1`: system schemas that are read whole; of the others only objects whose rights were changed come along.
 */
export function databaseSql({ some, columnNames, ownedSequences, catalogs }: QueryOptions): string {
  const ofSchemas = 'SELECT c.oid FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace';
  const isWanted = (catalog: Catalog) => catalogs === undefined || catalogs.has(catalog);
  const wanted = Object.keys(PARTS).filter((catalog) => isWanted(catalog as Catalog)) as (keyof typeof PARTS)[];
  const parts: Part[] = [SCHEMAS, ...wanted.map((catalog) => PARTS[catalog])];
  if (isWanted('table'))
    parts.push(COLUMNS, ...(ownedSequences ? [OWNED] : []), ...(columnNames ? [COLUMN_NAMES] : []));
  return `
WITH schemas AS MATERIALIZED (
  SELECT n.oid, n.nspname AS name, n.nspowner AS owner, n.nspacl AS acl,
    NOT (${IS_SYSTEM_SCHEMA}) OR n.nspname = ANY($1::text[]) AS whole
  FROM pg_catalog.pg_namespace n WHERE NOT ${IS_PASSING_SCHEMA} ${some ? 'AND n.nspname = ANY($2::text[])' : ''}
), columns AS MATERIALIZED (
  -- Those that have a list of their own; initdb grants some of pg_subscription's.
  SELECT a.attrelid AS oid, a.attname AS name, a.attacl AS acl, (a.attrelid, a.attnum, a.attacl) NOT IN (
    SELECT objoid, objsubid, initprivs FROM pg_catalog.pg_init_privs
    WHERE classoid = 'pg_catalog.pg_class'::regclass) AS changed
  FROM pg_catalog.pg_attribute a
  WHERE a.attacl IS NOT NULL AND NOT a.attisdropped ${some ? `AND a.attrelid IN (${ofSchemas})` : ''}
)
${parts.map(({ row, from, where = 'true' }) => `${select(row)}\n  FROM ${from}\n  WHERE ${where}`).join('\nUNION ALL\n')}`;
}
