import type pg from 'pg';

/** Of the named databases, those that exist, with their comments. */
export async function findDatabases(
  client: pg.ClientBase,
  names: readonly string[],
): Promise<Map<string, { comment: string | null }>> {
  const { rows } = await client.query<{ name: string; comment: string | null }>(
    `SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = ANY ($1)`,
    [names],
  );
  return new Map(rows.map((row) => [row.name, row]));
}
