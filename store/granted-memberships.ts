import type { Queryable } from './connection.ts';

/** A membership that was granted so that a service can switch roles. */
export interface GrantedMembership {
  serverName: string;
  role: string;
  member: string;
}

/**
 * Records memberships as granted for a database, before they are granted: only these are revoked later. What others have granted
 * is not recorded, so nobody else's grant is ever taken away.
 */
export async function recordGrantedMemberships(
  db: Queryable,
  input: { databaseId: string; taskId: string; memberships: readonly GrantedMembership[] },
): Promise<void> {
  const { memberships } = input;
  if (memberships.length === 0) return;
  await db.query(
    `INSERT INTO granted_memberships (database_id, task_id, server_name, role_name, member_name)
     SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING`,
    [
      input.databaseId,
      input.taskId,
      memberships.map(({ serverName }) => serverName),
      memberships.map(({ role }) => role),
      memberships.map(({ member }) => member),
    ],
  );
}

/** Memberships granted for a database, or only those that one task granted. */
export async function listGrantedMemberships(
  db: Queryable,
  of: { databaseId: string; taskId?: string },
): Promise<GrantedMembership[]> {
  const { rows } = await db.query<GrantedMembership>(
    `SELECT server_name AS "serverName", role_name AS role, member_name AS member FROM granted_memberships
     WHERE database_id = $1 AND ($2::uuid IS NULL OR task_id = $2) ORDER BY server_name, role_name, member_name`,
    [of.databaseId, of.taskId ?? null],
  );
  return rows;
}

export async function forgetGrantedMemberships(
  db: Queryable,
  input: { databaseId: string; memberships: readonly GrantedMembership[] },
): Promise<void> {
  const { memberships } = input;
  await db.query(
    `DELETE FROM granted_memberships g USING unnest($2::text[], $3::text[], $4::text[]) AS gone (server, role, member)
     WHERE g.database_id = $1 AND g.server_name = gone.server AND g.role_name = gone.role AND g.member_name = gone.member`,
    [
      input.databaseId,
      memberships.map(({ serverName }) => serverName),
      memberships.map(({ role }) => role),
      memberships.map(({ member }) => member),
    ],
  );
}
