import type { ObjectKind } from '../../../domain/access/objects.ts';

/**
 * One row of {@link databaseSql}. `tag` says what it is: an {@link ObjectKind}, `column` (an attribute that has a list of its
 * own: `oid` is its relation's), `owned` (a sequence that follows the table whose oid is in `name`), `names` (the relation's
 * column names as JSON, in `name`) or `default` followed by the letter of pg_default_acl (`name` is empty, `owner` the
 * creator), or `event_trigger`.
 */
export type CatalogRow = [
  tag: ObjectKind | 'column' | 'owned' | 'names' | 'event_trigger' | `default ${string}`,
  oid: number,
  schema: string | null,
  name: string,
  /** Of routines. */
  args: string | null,
  owner: string | null,
  /** `array_to_string(acl, ',')`; null is the built-in default. */
  acl: string | null,
  /** Of relations; null for other kinds. */
  rowSecurity: boolean | null,
];

/** Variants of {@link databaseSql}. */
interface QueryOptions {
  /** Only the schemas of `$2`. */
  some: boolean;
  /** With rows tagged `names`. */
  columnNames: boolean;
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
 * Input types, by which GRANT … ON ROUTINE finds a routine. From 14 on it compares the same list with all arguments of
 * procedures, OUT ones included, and refuses what it then finds twice; naming the mode settles that (`LookupFuncWithArgs` in
 * src/backend/parser/parse_func.c).
 */
const ROUTINE_ARGS = `
  CASE WHEN p.prokind = 'p' AND (p.pronamespace, p.proname, p.proargtypes::text) IN (
      SELECT o.pronamespace, o.proname, array_to_string(o.proallargtypes, ' ')
      FROM pg_catalog.pg_proc o WHERE o.prokind = 'p' AND 'o' = ANY(o.proargmodes))
    THEN (SELECT string_agg('IN ' || format_type(u.type, NULL), ', ' ORDER BY u.place)
      FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (type, place))
    ELSE oidvectortypes(p.proargtypes) END`;

/** Objects of one catalog. */
interface Part {
  select: string;
  /** What they are, whatever is read of them. */
  condition: string;
  /** Which of them are read along with whole schemas. */
  wanted: string;
  name: string;
}

const SCHEMAS: Part = {
  select: `SELECT 'schema' AS tag, n.oid, NULL::text AS schema, n.name::text AS name, NULL::text AS args,
    pg_get_userbyid(n.owner)::text AS owner, array_to_string(n.acl, ',') AS acl, NULL::bool AS rowsecurity
  FROM schemas n`,
  condition: 'true',
  wanted: `n.whole OR ${isNotPublished('n.acl', 'n.owner', 'n', 'USAGE')}`,
  name: 'n.name',
};

const CATALOGS = {
  table: {
    select: `SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign_table'
      WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END,
    c.oid, n.name, c.relname, NULL, pg_get_userbyid(c.relowner), array_to_string(c.relacl, ','), c.relrowsecurity
  FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace`,
    condition: `(c.relkind IN ${RELATIONS} OR c.relkind = 'S')`,
    wanted: `n.whole
    OR ${isChanged('pg_class', 'c', 'c.relacl')}
      AND (n.name <> 'information_schema' OR ${isNotPublished('c.relacl', 'c.relowner', 'r', 'SELECT')})
    OR c.oid IN (SELECT oid FROM columns WHERE changed)`,
    name: 'c.relname',
  },
  routine: {
    select: `SELECT 'routine', p.oid, n.name, p.proname, ${ROUTINE_ARGS}, pg_get_userbyid(p.proowner),
    array_to_string(p.proacl, ','), NULL
  FROM pg_catalog.pg_proc p JOIN schemas n ON n.oid = p.pronamespace`,
    condition: 'true',
    wanted: `n.whole OR ${isChanged('pg_proc', 'p', 'p.proacl')}`,
    name: 'p.proname',
  },
  // Array types follow their element type, multiranges their range; a table's row type has no rights of its own. System types
  // and languages have no list until somebody grants something; untrusted languages can have none (ExecGrant_Language).
  type: {
    select: `SELECT 'type', t.oid, n.name, t.typname, NULL, pg_get_userbyid(t.typowner), array_to_string(t.typacl, ','), NULL
  FROM pg_catalog.pg_type t JOIN schemas n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'`,
    condition: `t.typisdefined AND t.typinput <> 'pg_catalog.array_in'::regproc
    AND (t.typtype IN ('b', 'd', 'e', 'r') OR c.oid IS NOT NULL)`,
    wanted: 'n.whole OR t.typacl IS NOT NULL',
    name: 't.typname',
  },
  language: {
    select: `SELECT 'language', l.oid, NULL, l.lanname, NULL, pg_get_userbyid(l.lanowner), array_to_string(l.lanacl, ','), NULL
  FROM pg_catalog.pg_language l`,
    condition: 'l.lanpltrusted',
    wanted: 'l.lanispl OR l.lanacl IS NOT NULL',
    name: 'l.lanname',
  },
  foreign_data_wrapper: {
    select: `SELECT 'foreign_data_wrapper', w.oid, NULL, w.fdwname, NULL, pg_get_userbyid(w.fdwowner),
    array_to_string(w.fdwacl, ','), NULL
  FROM pg_catalog.pg_foreign_data_wrapper w`,
    condition: 'true',
    wanted: 'true',
    name: 'w.fdwname',
  },
  foreign_server: {
    select: `SELECT 'foreign_server', s.oid, NULL, s.srvname, NULL, pg_get_userbyid(s.srvowner),
    array_to_string(s.srvacl, ','), NULL
  FROM pg_catalog.pg_foreign_server s`,
    condition: 'true',
    wanted: 'true',
    name: 's.srvname',
  },
} as const satisfies Partial<Record<ObjectKind, Part>>;

const OTHERS = [
  // Sequences of serial and identity columns.
  `SELECT 'owned', d.objid, NULL, d.refobjid::text, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN schemas n ON n.oid = c.relnamespace
  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.objsubid = 0 AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')`,
  `SELECT 'default ' || d.defaclobjtype::text, d.oid, n.name, '', NULL, pg_get_userbyid(d.defaclrole),
    array_to_string(d.defaclacl, ','), NULL
  FROM pg_catalog.pg_default_acl d LEFT JOIN schemas n ON n.oid = d.defaclnamespace
  WHERE d.defaclnamespace = 0 OR n.oid IS NOT NULL`,
];

const COLUMNS = `SELECT 'column', oid, NULL, name, NULL, NULL, array_to_string(acl, ','), NULL FROM columns`;

/** Also of system relations that the answer leaves out. */
const COLUMN_NAMES = `SELECT 'names', c.oid, NULL,
    (SELECT json_agg(a.attname ORDER BY a.attnum)::text FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace
  WHERE c.relkind IN ${RELATIONS} AND (n.whole OR c.relacl IS NOT NULL OR c.oid IN (SELECT oid FROM columns))`;

/**
 * Objects of every kind with owner and access control list, and default privileges, as one query.
 * `$1`: system schemas that are read whole; of the others only objects whose rights were changed come along.
 */
export function databaseSql({ some, columnNames }: QueryOptions): string {
  const ofSchemas = 'SELECT c.oid FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace';
  const parts = [SCHEMAS, ...Object.values(CATALOGS)].map(
    ({ select, condition, wanted }) => `${select} WHERE ${condition} AND (${wanted})`,
  );
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
${[...parts, ...OTHERS, COLUMNS, ...(columnNames ? [COLUMN_NAMES] : [])].join('\nUNION ALL\n')}`;
}

/** Event triggers that GRANT and REVOKE fire, and that may do anything. */
const EVENT_TRIGGERS = `SELECT 'event_trigger', e.oid, NULL, e.evtname, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D' AND e.evtevent LIKE 'ddl\\_command\\_%'`;

/**
 * The same of single objects, and whether there are event triggers. `$1`: schemas, which come along; `$2`: names of objects of
 * these kinds, in these schemas or in none.
 */
export function objectsSql(kinds: readonly ObjectKind[], { columnNames }: { columnNames: boolean }): string {
  const relations = kinds.includes('table');
  const parts = kinds.flatMap((kind) => {
    const part = kind in CATALOGS ? CATALOGS[kind as keyof typeof CATALOGS] : undefined;
    return part === undefined ? [] : `${part.select} WHERE ${part.condition} AND ${part.name} = ANY($2::name[])`;
  });
  const ofColumns = relations ? [COLUMNS, ...(columnNames ? [COLUMN_NAMES] : [])] : [];
  return `
WITH schemas AS MATERIALIZED (
  SELECT n.oid, n.nspname AS name, n.nspowner AS owner, n.nspacl AS acl, true AS whole
  -- Says what $2 is where nothing else does.
  FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY($1::name[]) AND $2::name[] IS NOT NULL
)${
    relations
      ? `, columns AS MATERIALIZED (
  SELECT a.attrelid AS oid, a.attname AS name, a.attacl AS acl FROM pg_catalog.pg_attribute a
  WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND a.attrelid IN (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace WHERE c.relname = ANY($2::name[]))
)`
      : ''
  }
${[SCHEMAS.select, ...parts, EVENT_TRIGGERS, ...ofColumns].join('\nUNION ALL\n')}`;
}
