import type { AccessOptions } from '../../domain/access/request-options.ts';
import type { Queryable } from '../connection.ts';

/** A request that may have changed something on a server, and is under way or ended lately. */
export interface RecentRequest {
  taskId: string;
  scope: 'database' | 'server';
  type: string;
  /** Of a request about a database. */
  databaseId: string | null;
  underWay: boolean;
  endedAt: Date | null;
  /** Of a request about a server; null otherwise. */
  document: unknown;
  options: AccessOptions | null;
}

const OPEN = `t.status IN ('pending', 'running', 'canceling')`;
const OF_SERVER = `((t.scope = 'server' AND t.entity_id = $1 AND t.type <> 'check_drift') OR (t.scope = 'database'
  AND t.entity_id IN (SELECT database_id FROM credentials WHERE server_name = $1 UNION
                      SELECT database_id FROM database_servers WHERE server_name = $1)))`;

/** Requests on a server that are open, or ended after a time, or are named; repairs left out, which bring back what was. */
export async function recentRequests(
  db: Queryable,
  of: { serverName: string; since: Date | null; also: readonly string[] },
): Promise<RecentRequest[]> {
  const { rows } = await db.query<RecentRequest>(
    `SELECT t.id AS "taskId", t.scope, t.type, t.database_id AS "databaseId", ${OPEN} AS "underWay", t.completed_at AS "endedAt",
       r.document, r.options
     FROM tasks t LEFT JOIN access_requests r ON r.task_id = t.id
     WHERE ${OF_SERVER} AND (${OPEN} OR $2::timestamptz IS NULL OR t.completed_at > $2 OR t.id = ANY ($3)) AND r.options -> 'repairs' IS NULL
     ORDER BY t.id`,
    [of.serverName, of.since, of.also],
  );
  return rows;
}

/** Hash of all that a server is held against; another one asks for an inspection. */
export async function driftBasis(db: Queryable, serverName: string): Promise<string> {
  const { rows } = await db.query<{ basis: string }>(
    `SELECT md5(concat_ws('/',
       (SELECT string_agg(concat_ws(' ', role_name, role_oid, version, owner, secret_id, disabled_at), ',' ORDER BY role_name)
         FROM credentials WHERE server_name = $1),
       (SELECT string_agg(concat_ws(' ', name, role_oid, secret_version, changing_task, in_doubt), ',' ORDER BY name)
         FROM cluster_roles WHERE server_name = $1 AND deleted_at IS NULL),
       (SELECT string_agg(source || recorded_at, ',' ORDER BY source) FROM managed_documents WHERE server_name = $1),
       (SELECT updated_at FROM drift_policies WHERE server_name = $1),
       (SELECT since || coalesce(until::text, '') FROM server_maintenance WHERE server_name = $1 AND (until IS NULL OR until > now())),
       (SELECT max(completed_at)::text FROM tasks t WHERE ${OF_SERVER}),
       (SELECT count(*) FROM tasks t WHERE ${OPEN} AND ${OF_SERVER}))) AS basis`,
    [serverName],
  );
  return rows[0]?.basis ?? '';
}
