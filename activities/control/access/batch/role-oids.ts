import type pg from 'pg';

/** OIDs of roles by name; those that are not there are missing. */
export async function roleOids(client: pg.ClientBase, names: Iterable<string>): Promise<ReadonlyMap<string, number>> {
  const wanted = [...names];
  if (wanted.length === 0) return new Map();
  const { rows } = await client.query<{ name: string; oid: string }>(
    'SELECT rolname AS name, oid::text FROM pg_catalog.pg_roles WHERE rolname = ANY ($1)',
    [wanted],
  );
  return new Map(rows.map(({ name, oid }) => [name, Number(oid)]));
}
