import type pg from 'pg';

/** `role` granted to `member`. */
export interface Membership {
  role: string;
  member: string;
}

/** Of the memberships `$1` (roles) and `$2` (members), those that nobody has granted, as `role` and `member`. */
export const MISSING_MEMBERSHIPS_SQL = `SELECT role, wanted.member
  FROM unnest($1::text[], $2::text[]) AS wanted (role, member) WHERE NOT EXISTS (
    SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles g ON g.oid = m.member
    WHERE r.rolname = role AND g.rolname = wanted.member)`;

/** Parameters of {@link MISSING_MEMBERSHIPS_SQL}. */
export function membershipParameters(memberships: readonly Membership[]): [roles: string[], members: string[]] {
  return [memberships.map(({ role }) => role), memberships.map(({ member }) => member)];
}

/** Of these memberships, those that nobody has granted. */
export async function missingMemberships(
  client: pg.ClientBase,
  memberships: readonly Membership[],
): Promise<Membership[]> {
  if (memberships.length === 0) return [];
  const { rows } = await client.query<Membership>(MISSING_MEMBERSHIPS_SQL, membershipParameters(memberships));
  return rows;
}
