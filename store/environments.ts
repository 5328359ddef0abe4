import type { Queryable } from './connection.ts';

/**
 * Environment of what a row of the audit log is about, as an SQL expression: that of a policy or an entry of the registry, or the
 * label `environment` of the server that it is on.
 * @param resource expression of a resource, such as `server/reporting/role/app` or `database/storefront`
 */
function environmentOf(resource: string): string {
  const part = (index: number) => `split_part(${resource}, '/', ${index})`;
  const labelOf = (server: string) => `(SELECT labels ->> 'environment' FROM servers WHERE name = ${server})`;
  return `CASE ${part(1)}
    WHEN 'policy' THEN nullif(${part(2)}, '')
    WHEN 'registry' THEN (SELECT env FROM registry WHERE id = substring(${part(2)} FROM '^[0-9]{1,9}$')::int)
    WHEN 'server' THEN ${labelOf(part(2))}
    WHEN 'database' THEN ${labelOf(`(SELECT min(server_name) FROM database_servers WHERE database_id = ${part(2)})`)}
    WHEN 'host' THEN ${labelOf(`(SELECT server_name FROM hosts WHERE id = ${part(2)})`)} END`;
}

/** What says in a detail to which environment something belongs, the surest first: what has gone is known only from there. */
const IN_DETAIL = ['{env}', '{after,env}', '{before,env}', '{after,labels,environment}', '{before,labels,environment}'];

/** Environment of a row of `audit_log`, as an SQL expression. */
export const AUDITED_ENVIRONMENT = `coalesce(${IN_DETAIL.map((path) => `detail #>> '${path}'`).join(', ')},
  ${environmentOf('resource')})`;

/** Environment of a resource that is about to go, for the detail of its audit row. */
export async function environmentDetail(db: Queryable, resource: string): Promise<{ env?: string }> {
  const { rows } = await db.query<{ env: string | null }>(`SELECT ${environmentOf('$1::text')} AS env`, [resource]);
  const env = rows[0]?.env;
  return env == null ? {} : { env };
}
