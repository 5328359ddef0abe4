import type { Queryable } from './connection.ts';

/**
 * Environment of what an audit row is about, as an SQL expression: the label `environment` of the server that it is on.
 * @param resource expression of a resource, such as `server/reporting/role/app` or `database/storefront`
 */
export function environmentSql(resource: string): string {
  const part = (index: number) => `split_part(${resource}, '/', ${index})`;
  return `(SELECT labels ->> 'environment' FROM servers WHERE name = CASE ${part(1)}
    WHEN 'server' THEN ${part(2)}
    WHEN 'database' THEN (SELECT min(server_name) FROM database_servers WHERE database_id = ${part(2)})
    WHEN 'host' THEN (SELECT server_name FROM hosts WHERE id = ${part(2)}) END)`;
}

/** Environment of a resource that is about to go: afterwards nobody could tell. For an audit row's detail. */
export async function environmentDetail(db: Queryable, resource: string): Promise<{ env?: string }> {
  const { rows } = await db.query<{ env: string | null }>(`SELECT ${environmentSql('$1::text')} AS env`, [resource]);
  const env = rows[0]?.env;
  return env == null ? {} : { env };
}
