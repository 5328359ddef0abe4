import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from './quote.ts';

/**
 * What is there of the roles and groups that requests for leases name: `$1` names of logins, `$2` names of groups, `$3` names of
 * roles that could make them. Few rows by index, however many roles and memberships the server has: nothing here walks through what
 * the admin role is a member of.
 */
export const LEASE_LOOK_SQL = `
WITH RECURSIVE wanted AS MATERIALIZED (
  SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($2::name[])
), above (root, oid) AS (
  SELECT oid, oid FROM wanted
  UNION
  SELECT above.root, m.roleid FROM above JOIN pg_catalog.pg_auth_members m ON m.member = above.oid
)
SELECT json_build_object(
  'logins', (SELECT coalesce(json_agg(json_build_object('name', r.rolname, 'oid', r.oid::int8, 'login', r.rolcanlogin,
      'comment', shobj_description(r.oid, 'pg_authid'))), '[]')
    FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($1::name[])),
  'groups', (SELECT coalesce(json_agg(json_build_object('name', w.rolname, 'attributes', array_remove(ARRAY[
        CASE WHEN w.rolsuper THEN 'SUPERUSER' END, CASE WHEN w.rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN w.rolreplication THEN 'REPLICATION' END, CASE WHEN w.rolbypassrls THEN 'BYPASSRLS' END], NULL),
      'reaches', (SELECT coalesce(json_agg(x.rolname ORDER BY x.rolname), '[]')
        FROM above JOIN pg_catalog.pg_roles x ON x.oid = above.oid
        WHERE above.root = w.oid AND x.oid <> w.oid AND (x.rolsuper OR x.rolcreaterole OR x.rolreplication OR x.rolbypassrls
          OR x.rolname ~ '^pg_(execute_server_program|read_server_files|write_server_files|database_owner)$')),
      'givers', (SELECT coalesce(json_agg(DISTINCT pg_get_userbyid(m.member)), '[]')
        FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.member
        WHERE m.roleid = w.oid AND m.admin_option AND g.rolname = ANY ($3::name[])))), '[]')
    FROM wanted w),
  'issuers', (SELECT coalesce(json_agg(json_build_object('name', i.rolname,
      'comment', shobj_description(i.oid, 'pg_authid'))), '[]')
    FROM pg_catalog.pg_roles i WHERE i.rolname = ANY ($3::name[]))
) AS look`;

/** What {@link LEASE_LOOK_SQL} finds. */
export interface LeaseLook {
  logins: { name: string; oid: number; login: boolean; comment: string | null }[];
  groups: {
    name: string;
    attributes: string[];
    /** Roles above it that no lease is given. */
    reaches: string[];
    /** Of the roles asked for, those that may give it on. */
    givers: string[];
  }[];
  issuers: { name: string; comment: string | null }[];
}

/** Makes a login that can do nothing by itself. Holds the verifier. */
export function createLeaseLogin(of: { name: string; validUntil: string; verifier: string; comment: string }): string {
  const name = quoteIdentifier(of.name);
  return `CREATE ROLE ${name} WITH LOGIN INHERIT VALID UNTIL ${quoteLiteral(of.validUntil)} PASSWORD ${quoteLiteral(of.verifier)};
COMMENT ON ROLE ${name} IS ${quoteLiteral(of.comment)}`;
}

/** Memberships of logins in a group, each with its options where there are any. */
export function grantGroup(group: string, logins: readonly string[], withOptions: boolean): string {
  const options = withOptions ? ' WITH ADMIN FALSE, INHERIT TRUE, SET TRUE' : '';
  return `GRANT ${quoteIdentifier(group)} TO ${quoteIdentifiers(logins)}${options}`;
}

export function prolongLogin(name: string, validUntil: string): string {
  return `ALTER ROLE ${quoteIdentifier(name)} WITH VALID UNTIL ${quoteLiteral(validUntil)}`;
}

/** Makes a role that makes logins, and lets the admin role act as it, without its rights. From 16 on. */
export function createIssuer(of: { name: string; admin: string; comment: string }): string {
  const name = quoteIdentifier(of.name);
  return `CREATE ROLE ${name} WITH NOLOGIN CREATEROLE; COMMENT ON ROLE ${name} IS ${quoteLiteral(of.comment)};
GRANT ${name} TO ${quoteIdentifier(of.admin)} WITH INHERIT FALSE, SET TRUE`;
}

/** Lets an issuer give a group to its logins, and use nothing of it. */
export function letGive(group: string, issuer: string): string {
  return `GRANT ${quoteIdentifier(group)} TO ${quoteIdentifier(issuer)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`;
}

/** Lets the admin role act as a login that one of its issuers has made. */
export function handOver(login: string, admin: string): string {
  return `GRANT ${quoteIdentifier(login)} TO ${quoteIdentifier(admin)} WITH INHERIT TRUE, SET TRUE`;
}

export function dropLogins(names: readonly string[]): string {
  return `DROP ROLE ${quoteIdentifiers(names)}`;
}

/** Logins of leases by OID or by name, with what they are members of. `$1` OIDs, `$2` names. */
export const LEASE_SUBJECTS_SQL = `
SELECT r.rolname::text AS name, r.oid::int8 AS oid, shobj_description(r.oid, 'pg_authid') AS comment,
  ARRAY(SELECT pg_get_userbyid(m.roleid) || ' (granted by ' || pg_get_userbyid(m.grantor) || ')'
    FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid ORDER BY 1) AS memberships,
  EXISTS (SELECT FROM pg_catalog.pg_shdepend s
    WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = r.oid)
  OR EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts p WHERE p.owner = r.rolname) AS entangled
FROM pg_catalog.pg_roles r WHERE r.oid = ANY ($1::oid[]) OR r.rolname = ANY ($2::name[])`;

/** Tells every session of these roles to end, whatever role it has taken on. `$1` OIDs. */
export const END_SESSIONS_SQL = `SELECT usesysid::int8 AS oid, pid, pg_terminate_backend(pid)
FROM pg_catalog.pg_stat_activity WHERE usesysid = ANY ($1::oid[]) AND pid <> pg_backend_pid()`;

/** Roles that say in their comment that they are logins of leases. `$1` beginning of the comment. */
export const MARKED_LOGINS_SQL = `
SELECT r.rolname::text AS name, r.oid::int8 AS oid, d.description AS comment
FROM pg_catalog.pg_shdescription d JOIN pg_catalog.pg_roles r ON r.oid = d.objoid
WHERE d.classoid = 'pg_catalog.pg_authid'::regclass AND starts_with(d.description, $1) ORDER BY 1`;
