import type { Queryable } from '../connection.ts';

/** Remembers who had an open session now. */
export async function recordSightings(
  db: Queryable,
  input: { serverName: string; roles: readonly string[] },
): Promise<void> {
  if (input.roles.length === 0) return;
  await db.query(
    `INSERT INTO login_sightings (server_name, role_name, seen_at) SELECT $1, role, now() FROM unnest($2::text[]) AS role
     ON CONFLICT (server_name, role_name) DO UPDATE SET seen_at = excluded.seen_at`,
    [input.serverName, input.roles],
  );
}

/** When logins of a server were last seen with an open session. */
export async function findSightings(db: Queryable, serverName: string): Promise<Map<string, Date>> {
  const { rows } = await db.query<{ role: string; seenAt: Date }>(
    'SELECT role_name AS role, seen_at AS "seenAt" FROM login_sightings WHERE server_name = $1',
    [serverName],
  );
  return new Map(rows.map(({ role, seenAt }) => [role, seenAt]));
}
