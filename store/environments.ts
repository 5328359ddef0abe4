import type { Queryable } from './connection.ts';

/**
 * Environment of what a row of the audit log is about, as an SQL expression: that of a user, a policy or an entry of the registry, or
 * the label `environment` of the server that it is on.
 * @param resource expression of a resource, such as `server/reporting/role/app` or `database/storefront`
 */
function environmentOf(resource: string): string {
  const part = (index: number) => `split_part(${resource}, '/', ${index})`;
  const labelOf = (server: string) => `(SELECT labels ->> 'environment' FROM servers WHERE name = ${server})`;
  return `CASE ${part(1)}
    WHEN 'user' THEN nullif(nullif(${part(2)}, ''), '-')
    WHEN 'policy' THEN nullif(${part(2)}, '')
    WHEN 'registry' THEN (SELECT env FROM registry WHERE id = substring(${part(2)} FROM '^[0-9]{1,9}$')::int)
    WHEN 'server' THEN ${labelOf(part(2))}
    WHEN 'database' THEN ${labelOf(`(SELECT min(server_name) FROM database_servers WHERE database_id = ${part(2)})`)}
    WHEN 'host' THEN ${labelOf(`(SELECT server_name FROM hosts WHERE id = ${part(2)})`)} END`;
}

/** What says in a detail to which environment something belongs, the surest first. */
const IN_DETAIL = ['{env}', '{after,env}', '{before,env}', '{after,labels,environment}', '{before,labels,environment}'];

const inDetailOf = (row: string) => `coalesce(${IN_DETAIL.map((path) => `${row}.detail #>> '${path}'`).join(', ')})`;
/** The thing itself, where a resource is a part of it. */
const wholeOf = (row: string) => `split_part(${row}.resource, '/', 1), split_part(${row}.resource, '/', 2)`;

/** Rows of the audit log that say that something has gone, after an id; for a common table expression, looked up once. */
export const goneAfter = (id: string): string => `SELECT id, resource, detail FROM audit_log
  WHERE action IN ('database.delete', 'server.delete', 'registry.delete') AND kind = 'outcome' AND outcome = 'completed' AND id > ${id}`;

/**
 * Environment of a row `audited` of the audit log, as an SQL expression. What has gone since is known only from the row that says so,
 * one of `gone`.
 */
export const AUDITED_ENVIRONMENT = `coalesce(${inDetailOf('audited')}, ${environmentOf('audited.resource')},
  (SELECT ${inDetailOf('gone')} FROM gone WHERE gone.id > audited.id AND (${wholeOf('gone')}) = (${wholeOf('audited')})
   ORDER BY gone.id LIMIT 1))`;

/** Environment of a resource that is about to go, for the detail of its audit row. */
export async function environmentDetail(db: Queryable, resource: string): Promise<{ env?: string }> {
  const { rows } = await db.query<{ env: string | null }>(`SELECT ${environmentOf('$1::text')} AS env`, [resource]);
  const env = rows[0]?.env;
  return env == null ? {} : { env };
}
