import type pg from 'pg';

/** Why an object keeps a role from being dropped, by `pg_shdepend.deptype`. */
const DEPENDENCY_KINDS = {
  o: 'owner',
  a: 'acl',
  i: 'init_acl',
  r: 'policy',
  t: 'tablespace',
  p: 'pin',
} as const satisfies Record<string, string>;

export type DependencyKind = (typeof DEPENDENCY_KINDS)[keyof typeof DEPENDENCY_KINDS];

/** What depends on a role in one database, for one reason. */
export interface Dependents {
  /** Null: objects of the whole server, such as databases and, from 16 on, memberships. */
  database: string | null;
  kind: DependencyKind;
  /** By system catalog, such as `pg_class`. */
  classes: { catalog: string; count: number }[];
}

/** Later servers may have further letters; they are left out rather than misnamed. */
const DEPENDENTS_SQL = `
SELECT d.datname AS database, g.deptype AS letter,
       json_agg(json_build_object('catalog', g.classid::regclass::text, 'count', g.count) ORDER BY g.classid) AS classes
FROM (SELECT s.dbid, s.deptype, s.classid, count(*) FROM pg_catalog.pg_shdepend s
      WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = $1 AND s.deptype = ANY($2::"char"[])
      GROUP BY s.dbid, s.deptype, s.classid) g
LEFT JOIN pg_catalog.pg_database d ON d.oid = g.dbid
GROUP BY d.datname, g.deptype ORDER BY d.datname NULLS FIRST, g.deptype`;

/**
 * What keeps a role from being dropped, in all databases, as counts: names of objects can be had only within their
 * database. The connection's search_path is `pg_catalog`.
 */
export async function listDependents(client: pg.ClientBase, roleOid: number): Promise<Dependents[]> {
  const { rows } = await client.query<{
    database: string | null;
    letter: keyof typeof DEPENDENCY_KINDS;
    classes: Dependents['classes'];
  }>(DEPENDENTS_SQL, [roleOid, Object.keys(DEPENDENCY_KINDS)]);
  return rows.map(({ database, letter, classes }) => ({ database, kind: DEPENDENCY_KINDS[letter], classes }));
}

/** Code that runs with rights of the object's owner, or of whoever uses the object. */
export type CodeKind = 'function' | 'trigger' | 'rule' | 'view' | 'policy' | 'index' | 'event_trigger';

/** An object that the role owns. */
export interface OwnedObject {
  /** As `pg_describe_object` says: `table app.orders`. */
  description: string;
  code: CodeKind[];
}

/** Answer of {@link describeOwned}. */
export interface OwnedObjects {
  /** How many there are, listed or not. */
  total: number;
  /** How many of them bear code. */
  withCode: number;
  /** Those with code first. */
  objects: OwnedObject[];
}

/** Each kind of code with the condition on `o`, a row of pg_shdepend, that finds it. */
const CODE: Record<CodeKind, string> = {
  function: `o.classid = 'pg_catalog.pg_proc'::regclass`,
  event_trigger: `o.classid = 'pg_catalog.pg_event_trigger'::regclass`,
  trigger: relationHas('pg_trigger x ON x.tgrelid = c.oid AND NOT x.tgisinternal'),
  // A view is a relation whose SELECT rule is its definition; it counts as a view, not as a rule.
  rule: relationHas(`pg_rewrite x ON x.ev_class = c.oid AND x.ev_type <> '1'`),
  view: relationHas(`pg_rewrite x ON x.ev_class = c.oid AND x.ev_type = '1'`),
  policy: relationHas('pg_policy x ON x.polrelid = c.oid'),
  // Expressions of indexes run as the table's owner whenever the index is built or the table analyzed.
  index: relationHas('pg_index x ON x.indrelid = c.oid AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)'),
};

function relationHas(join: string): string {
  return `o.classid = 'pg_catalog.pg_class'::regclass
    AND EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.${join} WHERE c.oid = o.objid)`;
}

const CODE_ARRAY = Object.entries(CODE)
  .map(([kind, condition]) => `CASE WHEN ${condition} THEN '${kind}' END`)
  .join(',\n    ');

/** Descriptions are made for the listed objects only: each costs several look-ups. */
const OWNED_SQL = `
WITH owned AS (
  SELECT o.classid, o.objid, o.objsubid, array_remove(ARRAY[
    ${CODE_ARRAY}], NULL) AS code
  FROM pg_catalog.pg_shdepend o
  WHERE o.refclassid = 'pg_catalog.pg_authid'::regclass AND o.refobjid = $1 AND o.deptype = 'o'
    AND o.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
), listed AS (
  SELECT * FROM owned ORDER BY code = '{}', classid, objid LIMIT $2
)
SELECT (SELECT count(*) FROM owned)::int4 AS total,
  (SELECT count(*) FROM owned WHERE code <> '{}')::int4 AS "withCode",
  (SELECT coalesce(json_agg(json_build_object(
      'description', pg_describe_object(classid, objid, objsubid), 'code', code) ORDER BY code = '{}', classid, objid), '[]')
    FROM listed) AS objects`;

/**
 * What a role owns in the connection's database, and where code is: it would run for a new owner. The connection's search_path
 * is `pg_catalog`, so that descriptions carry schemas.
 * @param limit longest list
 */
export async function describeOwned(client: pg.ClientBase, roleOid: number, limit: number): Promise<OwnedObjects> {
  const { rows } = await client.query<OwnedObjects>(OWNED_SQL, [roleOid, limit]);
  return rows[0] ?? { total: 0, withCode: 0, objects: [] };
}
