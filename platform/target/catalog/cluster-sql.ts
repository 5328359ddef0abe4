/** Letters of `acldefault()`: every kind that a list of access rights exists for on all supported versions. */
export const ACL_LETTERS = ['c', 'd', 'f', 'F', 'l', 'L', 'n', 'r', 's', 'S', 't', 'T'] as const;

/**
 * What the main query depends on. A query that names a column of `pg_authid` fails for whoever may not read it, even where it
 * is not reached.
 */
export const PROBE_SQL = `
SELECT current_setting('server_version_num')::int4 AS "versionNum",
       current_setting('scram_iterations', true)::int4 AS "scramIterations",
       has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS "readsPasswords",
       r.rolname AS name, r.rolsuper AS superuser, r.rolcreaterole AS createrole, r.rolcreatedb AS createdb,
       r.rolreplication AS replication, r.rolbypassrls AS bypassrls
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`;

/** Kind of a stored password, as `get_password_type` in src/backend/libpq/crypt.c tells them apart. */
const PASSWORD_KIND = `
CASE WHEN r.rolpassword IS NULL THEN 'none' WHEN r.rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram'
     WHEN r.rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5' ELSE 'unknown' END`;

/** Independent of TimeZone and DateStyle; microseconds only where there are any. */
const VALID_UNTIL = `
CASE WHEN r.rolvaliduntil IS NULL THEN 'infinity' WHEN NOT isfinite(r.rolvaliduntil) THEN r.rolvaliduntil::text
     ELSE replace(to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z') END`;

/** Parts of a server's state as JSON; every row an array, in the order that `cluster.ts` takes it apart in. */
export interface ClusterRow {
  roles: [
    name: string,
    oid: number,
    ...attributes: [boolean, boolean, boolean, boolean, boolean, boolean, boolean, number],
    validUntil: string,
    comment: string | null,
    password: 'none' | 'scram' | 'md5' | 'unknown',
  ][];
  memberships: [role: string, member: string, grantor: string, admin: boolean, inherit: boolean, set: boolean][];
  settings: [role: string, database: string | null, entries: string[]][];
  databases: [name: string, oid: number, owner: string, acl: string, allowConnections: boolean, isTemplate: boolean][];
  /** By letter of `acldefault()`, for the bootstrap superuser as owner. */
  builtins: Record<string, string>;
  bootstrap: string;
  parameters: [name: string, context: string][];
  granted: string[];
}

/**
 * One query for the whole state of a server outside of its databases, so that all of it is of one moment. Where `some` is true,
 * `$1` names the roles to read and `$2` those of them whose members are all wanted; there are no parameters otherwise.
 */
export function clusterSql(of: {
  versionNum: number;
  readsPasswords: boolean;
  some: boolean;
  parameters: boolean;
}): string {
  const perGrantor = of.versionNum >= 160_000;
  const chosen = of.some ? 'WHERE r.oid IN (SELECT oid FROM reached)' : '';
  const among = (column: string, oids: string) => `${column} = ANY(ARRAY(SELECT oid FROM ${oids}))`;
  const where = (condition: string) => (of.some ? `WHERE ${condition}` : '');
  return `
WITH RECURSIVE ${of.some ? REACHED : ''} chosen AS MATERIALIZED (
  SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r ${chosen}
)
SELECT
  (SELECT coalesce(json_agg(json_build_array(
      r.rolname, r.oid::int8, r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolinherit, r.rolreplication,
      r.rolbypassrls, r.rolconnlimit, ${VALID_UNTIL}, d.description,
      ${of.readsPasswords ? PASSWORD_KIND : "'unknown'"})), '[]')
    FROM pg_catalog.${of.readsPasswords ? 'pg_authid' : 'pg_roles'} r
    LEFT JOIN pg_catalog.pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::regclass
    ${chosen}) AS roles,
  (SELECT coalesce(json_agg(json_build_array(
      pg_get_userbyid(m.roleid), member.rolname, pg_get_userbyid(m.grantor), m.admin_option,
      ${perGrantor ? 'm.inherit_option, m.set_option' : 'member.rolinherit, true'})), '[]')
    FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles member ON member.oid = m.member
    ${where(`${among('m.member', 'chosen')} OR ${among('m.grantor', 'named')} OR ${among('m.roleid', 'wanted_groups')}`)}) AS memberships,
  (SELECT coalesce(json_agg(json_build_array(r.rolname, d.datname, s.setconfig)), '[]')
    FROM pg_catalog.pg_db_role_setting s
    JOIN chosen r ON r.oid = s.setrole
    LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase) AS settings,
  (SELECT coalesce(json_agg(json_build_array(
      d.datname, d.oid::int8, pg_get_userbyid(d.datdba),
      array_to_string(coalesce(d.datacl, acldefault('d', d.datdba)), ','),
      -- -2 marks one whose DROP DATABASE was interrupted: nobody can enter it.
      d.datallowconn AND d.datconnlimit <> -2, d.datistemplate)), '[]')
    FROM pg_catalog.pg_database d) AS databases,
  (SELECT json_object_agg(letter, array_to_string(acldefault(letter::"char", 10), ','))
    FROM unnest('{${ACL_LETTERS.join(',')}}'::text[]) AS letter) AS builtins,
  pg_get_userbyid(10) AS bootstrap,
  ${of.parameters ? '(SELECT json_agg(json_build_array(lower(name), context)) FROM pg_catalog.pg_settings)' : "'[]'::json"} AS parameters,
  ${of.versionNum >= 150_000 ? GRANTED_PARAMETERS : "'[]'::json"} AS granted`;
}

/** Every group that a named role is in, directly or not; the admin role and the bootstrap superuser, who grant, are among them. */
const REACHED = `
named AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY($1::text[])),
wanted_groups AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY($2::text[])),
reached AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE oid IN (SELECT oid FROM named) OR oid = 10 OR rolname = current_user
  UNION
  SELECT m.roleid FROM reached JOIN pg_catalog.pg_auth_members m ON m.member = reached.oid
),`;

/** Parameters that somebody was granted something on, and that the admin role may set. */
const GRANTED_PARAMETERS = `
  (SELECT coalesce(json_agg(parname), '[]') FROM pg_catalog.pg_parameter_acl
    WHERE has_parameter_privilege(parname, 'SET'))`;
