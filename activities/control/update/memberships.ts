import type pg from 'pg';

/** `role` granted to `member`. */
export interface Membership {
  role: string;
  member: string;
}

/** Of these memberships, those that nobody has granted. Roles that do not exist are members of nothing. */
export async function missingMemberships(
  client: pg.ClientBase,
  memberships: readonly Membership[],
): Promise<Membership[]> {
  if (memberships.length === 0) return [];
  const { rows } = await client.query<Membership>(
    `SELECT role, member FROM unnest($1::text[], $2::text[]) AS wanted (role, member)
     WHERE NOT EXISTS (
       SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles g ON g.oid = m.member
       WHERE r.rolname = role AND g.rolname = wanted.member)`,
    [memberships.map(({ role }) => role), memberships.map(({ member }) => member)],
  );
  return rows.map(({ role, member }) => ({ role, member }));
}
