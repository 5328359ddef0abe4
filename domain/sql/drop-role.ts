import { quoteIdentifier, quoteLiteral } from './quote.ts';

/**
 * Everything about a role that can be read from any database, as one JSON value in column `facts` (`DropFacts`). `$1`: name of the
 * role; `$2`: its OID, or null to go by the name; `$3`: name of the heir, or null for `pgst_heir_<oid>`.
 *
 * Options of memberships are read through JSON: before 16 there are no such columns, and a query that named them would fail.
 */
export const DROP_FACTS_SQL = `
WITH target AS MATERIALIZED (
  SELECT r.* FROM pg_catalog.pg_roles r WHERE CASE WHEN $2::oid IS NULL THEN r.rolname = $1 ELSE r.oid = $2 END
), heir AS MATERIALIZED (
  SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname = coalesce($3, 'pgst_heir_' || (SELECT oid FROM target))
)
SELECT json_build_object(
  'versionNum', current_setting('server_version_num')::int4,
  'bootstrap', pg_get_userbyid(10),
  'admin', (SELECT json_build_object('name', r.rolname, 'superuser', r.rolsuper, 'createrole', r.rolcreaterole,
      'inherit', r.rolinherit, 'signalsBackends', r.rolsuper OR pg_has_role(r.oid, 'pg_signal_backend', 'USAGE'))
    FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
  'role', (SELECT json_build_object('oid', t.oid::int8, 'name', t.rolname, 'login', t.rolcanlogin, 'superuser', t.rolsuper,
      'createrole', t.rolcreaterole, 'replication', t.rolreplication, 'bypassrls', t.rolbypassrls,
      'connectionLimit', t.rolconnlimit, 'comment', shobj_description(t.oid, 'pg_authid'),
      'administered', pg_has_role(current_user, t.oid, 'MEMBER WITH ADMIN OPTION'))
    FROM target t),
  'heir', (SELECT json_build_object('oid', h.oid::int8, 'name', h.rolname, 'login', h.rolcanlogin,
      'attributes', array_remove(ARRAY[
        CASE WHEN h.rolsuper THEN 'SUPERUSER' END, CASE WHEN h.rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN h.rolcreatedb THEN 'CREATEDB' END, CASE WHEN h.rolreplication THEN 'REPLICATION' END,
        CASE WHEN h.rolbypassrls THEN 'BYPASSRLS' END], NULL),
      'comment', shobj_description(h.oid, 'pg_authid'),
      'memberOf', (SELECT coalesce(json_agg(DISTINCT pg_get_userbyid(m.roleid)), '[]')
        FROM pg_catalog.pg_auth_members m WHERE m.member = h.oid),
      'reaches', (SELECT coalesce(json_agg(x.rolname ORDER BY x.rolname), '[]') FROM pg_catalog.pg_roles x
        WHERE x.oid <> h.oid AND (x.rolsuper OR x.rolname ~ '^pg_') AND pg_has_role(h.oid, x.oid, 'MEMBER')),
      'administered', pg_has_role(current_user, h.oid, 'MEMBER WITH ADMIN OPTION'))
    FROM heir h),
  'memberships', (SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(m.roleid), 'member', u.rolname,
      'grantor', pg_get_userbyid(m.grantor), 'admin', m.admin_option,
      'inherit', coalesce((to_jsonb(m) ->> 'inherit_option')::bool, u.rolinherit),
      'set', coalesce((to_jsonb(m) ->> 'set_option')::bool, true)) ORDER BY m.roleid, m.member, m.grantor), '[]')
    FROM target t
    JOIN pg_catalog.pg_auth_members m ON t.oid IN (m.roleid, m.member, m.grantor) OR EXISTS (
      SELECT FROM pg_catalog.pg_auth_members g WHERE (g.roleid, g.member, g.grantor) = (m.roleid, m.member, t.oid))
    JOIN pg_catalog.pg_roles u ON u.oid = m.member),
  'sessions', (SELECT coalesce(json_agg(json_build_object('database', a.datname, 'application', a.application_name,
      'kind', a.backend_type, 'count', a.count)), '[]')
    FROM (SELECT s.datname, s.application_name, s.backend_type, count(*)
      FROM pg_catalog.pg_stat_activity s JOIN target t ON t.oid = s.usesysid
      WHERE s.pid <> pg_backend_pid() GROUP BY 1, 2, 3 ORDER BY 1, 2, 3) a),
  'closedDatabases', (SELECT coalesce(json_agg(d.datname ORDER BY d.datname), '[]') FROM pg_catalog.pg_database d
    -- -2 marks one whose DROP DATABASE was interrupted: nobody can enter it.
    WHERE NOT (d.datallowconn AND d.datconnlimit <> -2) AND d.oid IN (
      SELECT s.dbid FROM pg_catalog.pg_shdepend s JOIN target t ON t.oid = s.refobjid
      WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass)),
  'preparedTransactions', (SELECT count(*) FROM pg_catalog.pg_prepared_xacts p JOIN target t ON t.rolname = p.owner)
) AS facts`;

/** Stands for everything that depends on a role, in every database: `digest` is another one when something comes or goes. `$1`: its OID. */
export const DEPENDENCE_SQL = `
SELECT md5(coalesce(string_agg(concat_ws(':', s.dbid, s.classid, s.objid, s.objsubid, s.deptype), ','
    ORDER BY s.dbid, s.classid, s.objid, s.objsubid, s.deptype), '')) AS digest
FROM pg_catalog.pg_shdepend s WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = $1`;

/** Name of the role that has an OID. `$1`: the OID. */
export const ROLE_NAME_SQL = 'SELECT rolname AS name FROM pg_catalog.pg_roles WHERE oid = $1';
/** OID of the role that has a name. `$1`: the name. */
export const ROLE_OID_SQL = 'SELECT oid::int8 AS oid FROM pg_catalog.pg_roles WHERE rolname = $1';

/** Where access control lists are: catalog, keyword of GRANT, columns of list and owner. */
const ACL_CATALOGS: readonly {
  catalog: string;
  keyword: string;
  acl: string;
  owner: string;
  classid?: string;
  since?: number;
}[] = [
  {
    catalog: 'pg_class',
    keyword: `CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END`,
    acl: 'relacl',
    owner: 'relowner',
  },
  { catalog: 'pg_proc', keyword: `'ROUTINE'`, acl: 'proacl', owner: 'proowner' },
  { catalog: 'pg_type', keyword: `'TYPE'`, acl: 'typacl', owner: 'typowner' },
  { catalog: 'pg_namespace', keyword: `'SCHEMA'`, acl: 'nspacl', owner: 'nspowner' },
  { catalog: 'pg_language', keyword: `'LANGUAGE'`, acl: 'lanacl', owner: 'lanowner' },
  { catalog: 'pg_foreign_data_wrapper', keyword: `'FOREIGN DATA WRAPPER'`, acl: 'fdwacl', owner: 'fdwowner' },
  { catalog: 'pg_foreign_server', keyword: `'FOREIGN SERVER'`, acl: 'srvacl', owner: 'srvowner' },
  // Dependencies name the catalog of the contents, which has no row per object.
  {
    catalog: 'pg_largeobject_metadata',
    classid: 'pg_largeobject',
    keyword: `'LARGE OBJECT'`,
    acl: 'lomacl',
    owner: 'lomowner',
  },
  { catalog: 'pg_database', keyword: `'DATABASE'`, acl: 'datacl', owner: 'datdba' },
  { catalog: 'pg_tablespace', keyword: `'TABLESPACE'`, acl: 'spcacl', owner: 'spcowner' },
  // Parameters belong to the bootstrap superuser (ExecGrant_Parameter in src/backend/catalog/aclchk.c).
  { catalog: 'pg_parameter_acl', keyword: `'PARAMETER'`, acl: 'paracl', owner: '10::oid', since: 15 },
];

const THIS_DATABASE = '(SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())';
const OF_ROLE = `s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = $1`;
const HERE = `${OF_ROLE} AND s.dbid IN (0, ${THIS_DATABASE})`;

/**
 * Every entry of an access control list that names a role as grantee or as grantor, in the connection's database and on objects
 * of the whole server; objects that the role owns are left out. Rows: `RightRow`. `$1`: the role's OID.
 */
export function rightsSql(major: number): string {
  const lists = ACL_CATALOGS.filter(({ since = 0 }) => major >= since).map(({ catalog, classid = catalog, ...of }) => {
    const owner = of.owner.includes('::') ? of.owner : `c.${of.owner}`;
    return `SELECT s.classid, s.objid, NULL::text AS attribute, ${of.keyword} AS keyword, ${owner} AS owner, c.${of.acl} AS acl
      FROM pg_catalog.pg_shdepend s JOIN pg_catalog.${catalog} c ON c.oid = s.objid
      WHERE ${HERE} AND s.deptype = 'a' AND s.objsubid = 0 AND s.classid = 'pg_catalog.${classid}'::regclass`;
  });
  const columns = `SELECT s.classid, s.objid, a.attname::text, 'TABLE', c.relowner, a.attacl
      FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_class c ON c.oid = s.objid
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = s.objsubid
      WHERE ${HERE} AND s.deptype = 'a' AND s.objsubid <> 0 AND s.classid = 'pg_catalog.pg_class'::regclass`;
  return `
WITH lists AS (
  ${[...lists, columns].join('\n  UNION ALL\n  ')}
)
SELECT l.keyword, i.identity AS object, l.attribute AS "column", pg_get_userbyid(l.owner)::text AS owner,
  pg_get_userbyid(e.grantor)::text AS grantor, CASE WHEN e.grantee <> 0 THEN pg_get_userbyid(e.grantee)::text END AS grantee,
  e.is_grantable AS grantable, array_agg(e.privilege_type ORDER BY e.privilege_type) AS privileges
FROM lists l
CROSS JOIN LATERAL aclexplode(l.acl) e
CROSS JOIN LATERAL pg_identify_object(l.classid, l.objid, 0) i
WHERE l.owner <> $1 AND $1 IN (e.grantee, e.grantor)
GROUP BY l.keyword, i.identity, l.attribute, l.owner, e.grantor, e.grantee, e.is_grantable
ORDER BY l.keyword, i.identity, l.attribute`;
}

/** Owner of the connection's database: whoever may act as `pg_database_owner` there. */
export const DATABASE_OWNER_SQL = `SELECT pg_get_userbyid(datdba)::text AS owner FROM pg_catalog.pg_database
  WHERE datname = current_database()`;

/**
 * What of a role is in the connection's database, or belongs to the whole server: kind of dependency, catalog, number, and the
 * first few by name. Memberships are left out. `$1`: the role's OID.
 */
export const REMAINS_SQL = `
SELECT s.deptype::text AS letter, s.classid::regclass::text AS catalog, count(*)::int4 AS count,
  (array_agg(pg_describe_object(s.classid, s.objid, s.objsubid)))[1:5] AS examples
FROM (SELECT * FROM pg_catalog.pg_shdepend s
  WHERE ${HERE} AND s.classid <> 'pg_catalog.pg_auth_members'::regclass ORDER BY s.classid, s.objid) s
GROUP BY s.deptype, s.classid ORDER BY s.deptype, s.classid`;

/** Schemas that a role owns in the connection's database. `$1`: the role's OID. */
export const OWNED_SCHEMAS_SQL = `SELECT nspname AS name FROM pg_catalog.pg_namespace WHERE nspowner = $1 ORDER BY nspname`;

/**
 * Schemas of others where the role owns what cannot be handed on unless the new owner may create there, and may not. Relations and
 * types are not among it: REASSIGN OWNED moves them without that check (`ATExecChangeOwner` with `recursing`,
 * `AlterTypeOwner_oid`). `$1`: the role's OID; `$2`: name of the heir, who need not exist yet.
 */
export const FOREIGN_SCHEMAS_SQL = `
SELECT DISTINCT n.nspname AS name, pg_get_userbyid(n.nspowner)::text AS owner
FROM pg_catalog.pg_shdepend s
CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, 0) i
JOIN pg_catalog.pg_namespace n ON quote_ident(n.nspname) = i.schema
WHERE ${OF_ROLE} AND s.deptype = 'o' AND s.dbid = ${THIS_DATABASE} AND n.nspowner <> $1
  AND s.classid NOT IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_type'::regclass)
  AND NOT has_schema_privilege(
    coalesce((SELECT h.rolname FROM pg_catalog.pg_roles h WHERE h.rolname = $2), 'public'), n.oid, 'CREATE')
ORDER BY 1`;

/** Owners of the tables whose policies name a role. `$1`: the role's OID. */
export const POLICY_OWNERS_SQL = `
SELECT DISTINCT pg_get_userbyid(c.relowner)::text AS owner
FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_policy p ON p.oid = s.objid JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
WHERE ${OF_ROLE} AND s.deptype = 'r' AND s.dbid = ${THIS_DATABASE}`;

/** Of the given roles, those whose rights the admin role can take on: now, or by granting itself the membership. */
export function reachableRolesSql(major: number): string {
  const reach =
    major >= 16
      ? `pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION')
         OR (pg_has_role(current_user, r.oid, 'USAGE') AND pg_has_role(current_user, r.oid, 'SET'))`
      : `NOT r.rolsuper`;
  return `SELECT r.rolname AS name FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($1) AND (${reach})`;
}

/** Takes login, password and connections from a role. */
export function lockOut(role: string): string {
  return `ALTER ROLE ${quoteIdentifier(role)} WITH NOLOGIN PASSWORD NULL CONNECTION LIMIT 0`;
}

/** Makes the role that is to inherit: it cannot log in, and has no rights but those of what it gets. */
export function createHeir(heir: { name: string; comment: string }): string {
  const name = quoteIdentifier(heir.name);
  return `CREATE ROLE ${name} WITH NOLOGIN; COMMENT ON ROLE ${name} IS ${quoteLiteral(heir.comment)}`;
}

export function reassignOwned(role: string, heir: string): string {
  return `REASSIGN OWNED BY ${quoteIdentifier(role)} TO ${quoteIdentifier(heir)}`;
}

/** Ends rights, default privileges, policies and user mappings of a role in the connection's database; only where it owns nothing. */
export function dropOwned(role: string): string {
  return `DROP OWNED BY ${quoteIdentifier(role)}`;
}

export function dropRole(role: string): string {
  return `DROP ROLE ${quoteIdentifier(role)}`;
}

/** From here on with the rights of a role, until {@link ACT_AS_MYSELF} or the end of the transaction. */
export function actAs(role: string): string {
  return `SET LOCAL ROLE ${quoteIdentifier(role)}`;
}

export const ACT_AS_MYSELF = 'SET LOCAL ROLE NONE';

export function ownSchema(schema: string, owner: string): string {
  return `ALTER SCHEMA ${quoteIdentifier(schema)} OWNER TO ${quoteIdentifier(owner)}`;
}

/** The right to create in a schema or database, for a moment; `on` is keyword and name. */
export function grantCreate(on: 'SCHEMA' | 'DATABASE', name: string, to: string): string {
  return `GRANT CREATE ON ${on} ${quoteIdentifier(name)} TO ${quoteIdentifier(to)}`;
}

export function revokeCreate(on: 'SCHEMA' | 'DATABASE', name: string, from: string): string {
  return `REVOKE CREATE ON ${on} ${quoteIdentifier(name)} FROM ${quoteIdentifier(from)}`;
}
