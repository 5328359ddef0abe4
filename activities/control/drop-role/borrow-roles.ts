import type pg from 'pg';
import type { DropAdmin } from '../../../domain/access/drop/facts.ts';
import { quoteIdentifier } from '../../../domain/sql/quote.ts';

interface OwnRow {
  role: string;
  grantor: string;
  admin: boolean;
  inherit: boolean;
  set: boolean;
}

const OWN_ROWS_SQL = `
SELECT pg_get_userbyid(m.roleid)::text AS role, pg_get_userbyid(m.grantor)::text AS grantor, m.admin_option AS admin,
  coalesce((to_jsonb(m) ->> 'inherit_option')::bool, true) AS inherit,
  coalesce((to_jsonb(m) ->> 'set_option')::bool, true) AS set
FROM pg_catalog.pg_auth_members m
WHERE m.member = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)
  AND pg_get_userbyid(m.roleid) = ANY ($1)`;

/** Of the given roles, those that current_user cannot act for yet. */
const LACKING_SQL = (major: number) => `
SELECT r.rolname AS role FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($1) AND r.rolname <> current_user
  AND NOT (pg_has_role(current_user, r.oid, 'USAGE') AND pg_has_role(current_user, r.oid, '${major >= 16 ? 'SET' : 'MEMBER'}'))
ORDER BY r.rolname`;

/**
 * Gives the admin role the rights of other roles, and leave to act as them, for the transaction that is open. A superuser needs
 * nothing of it.
 * @returns takes back exactly what was given, before the commit
 */
export async function borrowRoles(
  client: pg.ClientBase,
  of: { admin: DropAdmin; major: number; roles: readonly string[] },
): Promise<() => Promise<void>> {
  const { admin, major, roles } = of;
  if (admin.superuser) return async () => undefined;
  const me = quoteIdentifier(admin.name);
  const lacking = await client.query<{ role: string }>(LACKING_SQL(major), [roles]);
  if (lacking.rows.length === 0) return async () => undefined;
  const names = lacking.rows.map(({ role }) => role);
  const before = await ownRows(client, names);
  for (const name of names) {
    const options = major >= 16 ? ' WITH INHERIT TRUE, SET TRUE' : '';
    await client.query(`GRANT ${quoteIdentifier(name)} TO ${me}${options}`);
  }
  return async () => {
    for (const row of await ownRows(client, names)) {
      const earlier = before.find(({ role, grantor }) => role === row.role && grantor === row.grantor);
      const by = major >= 16 ? ` GRANTED BY ${quoteIdentifier(row.grantor)}` : '';
      if (earlier === undefined) {
        await client.query(`REVOKE ${quoteIdentifier(row.role)} FROM ${me}${by}`);
      } else if (earlier.inherit !== row.inherit || earlier.set !== row.set) {
        const options = `INHERIT ${earlier.inherit ? 'TRUE' : 'FALSE'}, SET ${earlier.set ? 'TRUE' : 'FALSE'}`;
        await client.query(`GRANT ${quoteIdentifier(row.role)} TO ${me} WITH ${options}${by}`);
      }
    }
  };
}

async function ownRows(client: pg.ClientBase, names: readonly string[]): Promise<OwnRow[]> {
  const { rows } = await client.query<OwnRow>(OWN_ROWS_SQL, [names]);
  return rows;
}
