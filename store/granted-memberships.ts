import type { Queryable } from './connection.ts';
import { HOLD_TASK } from './journal.ts';

/** A membership that was granted so that a service can switch roles. */
export interface GrantedMembership {
  serverName: string;
  role: string;
  member: string;
}

/**
 * Records memberships as granted for a database, before they are granted: only these are revoked later. What others have granted
 * is not recorded, so nobody else's grant is ever taken away. The undo of the task finds the record, or nothing is recorded.
 * @returns false when the task no longer holds: nothing may be granted
 */
export async function recordGrantedMemberships(
  db: Queryable,
  input: { databaseId: string; taskId: string; epoch: number; memberships: readonly GrantedMembership[] },
): Promise<boolean> {
  const { memberships } = input;
  const { rows } = await db.query<{ held: boolean }>(
    `WITH holds AS (${HOLD_TASK}), record AS (
       INSERT INTO granted_memberships (database_id, task_id, server_name, role_name, member_name)
       SELECT $3, $1, g.* FROM holds, unnest($4::text[], $5::text[], $6::text[]) AS g ON CONFLICT DO NOTHING
     )
     SELECT EXISTS (SELECT FROM holds) AS held`,
    [
      input.taskId,
      input.epoch,
      input.databaseId,
      memberships.map(({ serverName }) => serverName),
      memberships.map(({ role }) => role),
      memberships.map(({ member }) => member),
    ],
  );
  return rows[0]?.held ?? false;
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
