import { quoteIdentifier, quoteIdentifiers } from '../../domain/sql/quote.ts';
import { type Entry, entriesOf, type Right } from './workload.ts';

/** Roles and memberships of the server, of those named. */
export const ROLES_SQL = `
SELECT r.rolname AS name, r.rolcanlogin AS login, array_remove(array_agg(g.rolname::text), NULL) AS groups
FROM pg_authid r LEFT JOIN pg_auth_members m ON m.member = r.oid LEFT JOIN pg_authid g ON g.oid = m.roleid
WHERE r.rolname = ANY($1) GROUP BY r.rolname, r.rolcanlogin`;

/** Every privilege of the named roles in a database, whatever it is on: one read, with the built-in lists where there are none. */
export const RIGHTS_SQL = `
SELECT o.kind, o.schema, o.name, r.rolname AS grantee, array_agg(x.privilege_type ORDER BY x.privilege_type) AS privileges
FROM (
  SELECT 'database' AS kind, NULL AS schema, datname::text AS name, coalesce(datacl, acldefault('d', datdba)) AS acl
    FROM pg_database WHERE datname = current_database()
  UNION ALL
  SELECT 'schema', NULL, nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, n.nspname, c.relname,
      coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT 'routine', n.nspname, p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  UNION ALL
  SELECT 'type', n.nspname, t.typname, coalesce(t.typacl, acldefault('T', t.typowner))
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  UNION ALL
  SELECT 'language', NULL, lanname, coalesce(lanacl, acldefault('l', lanowner)) FROM pg_language
  UNION ALL
  SELECT 'foreign server', NULL, srvname, coalesce(srvacl, acldefault('S', srvowner)) FROM pg_foreign_server
  UNION ALL
  SELECT 'default ' || d.defaclobjtype::text, n.nspname, d.defaclrole::regrole::text, d.defaclacl
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
) o, aclexplode(o.acl) x JOIN pg_authid r ON r.oid = x.grantee
WHERE r.rolname = ANY($1)
GROUP BY o.kind, o.schema, o.name, r.rolname`;

/** Statements that give and take rights, batched: many objects and grantees in each. */
export function rightsSql(change: { give: readonly Right[]; take: readonly Right[] }): string[] {
  return [
    ...entriesOf(change.take).map((entry) => `REVOKE ${target(entry)} FROM ${quoteIdentifiers(entry.grantees)}`),
    ...entriesOf(change.give).map((entry) => `GRANT ${target(entry)} TO ${quoteIdentifiers(entry.grantees)}`),
  ];
}

function target({ kind, schema, names, privileges }: Entry): string {
  const objects = names.map((name) =>
    schema === null ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
  );
  return `${privileges.join(', ')} ON ${kind.toUpperCase()} ${objects.join(', ')}`;
}
