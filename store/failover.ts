import type { ReplicationEndpoint } from '../domain/replication/endpoints.ts';
import type { SeenPrimary } from '../domain/replication/judge.ts';
import type { Queryable } from './connection.ts';

/** A server with several endpoints, with what was last seen of its primary. */
export interface WatchedServer {
  name: string;
  seen: SeenPrimary | null;
  /** Former primary whose sessions are still to be ended. */
  former: ReplicationEndpoint | null;
  /** Hosts whose services are still to be told of the new primary. */
  pendingHosts: string[];
  problem: string | null;
}

/** Every server with several endpoints. */
export async function listWatchedServers(db: Queryable): Promise<WatchedServer[]> {
  const { rows } = await db.query<WatchedServer>(
    `SELECT s.name, p.former, coalesce(p.pending_hosts, '{}') AS "pendingHosts", p.problem,
       CASE WHEN p.timeline IS NOT NULL THEN jsonb_build_object('timeline', p.timeline,
         'endpoint', jsonb_build_object('address', p.address, 'port', p.port)) END AS seen
     FROM servers s LEFT JOIN server_primaries p ON p.server_name = s.name
     WHERE jsonb_array_length(s.endpoints) > 1 ORDER BY s.name`,
  );
  return rows;
}

/**
 * Remembers the primary of a server. After a promotion the hosts with services of its databases are to be told, and the sessions on
 * the former primary to be ended.
 */
export async function recordPrimary(
  db: Queryable,
  input: { serverName: string; primary: SeenPrimary; former?: ReplicationEndpoint },
): Promise<void> {
  const { serverName, primary, former } = input;
  await db.query(
    `INSERT INTO server_primaries (server_name, address, port, timeline, former, pending_hosts)
     VALUES ($1, $2, $3, $4, $5, CASE WHEN $5::jsonb IS NULL THEN '{}' ELSE ARRAY(
       SELECT DISTINCT i.host_id FROM service_instances i JOIN database_servers d USING (database_id)
       WHERE d.server_name = $1 AND i.state = 'running') END)
     ON CONFLICT (server_name) DO UPDATE SET address = $2, port = $3, timeline = $4, seen_at = now(), problem = NULL,
       former = coalesce(excluded.former, server_primaries.former),
       pending_hosts = CASE WHEN $5::jsonb IS NULL THEN server_primaries.pending_hosts ELSE excluded.pending_hosts END`,
    [
      serverName,
      primary.endpoint.address,
      primary.endpoint.port,
      primary.timeline,
      former === undefined ? null : JSON.stringify(former),
    ],
  );
}

/** Keeps why nothing is changed on a server; null once that is over. */
export async function recordProblem(
  db: Queryable,
  input: { serverName: string; problem: string | null },
): Promise<void> {
  await db.query(
    `INSERT INTO server_primaries (server_name, problem) VALUES ($1, $2)
     ON CONFLICT (server_name) DO UPDATE SET problem = $2`,
    [input.serverName, input.problem],
  );
}

/** The sessions on the former primary have been ended, or there are none left. */
export async function recordFormerLeft(
  db: Queryable,
  input: { serverName: string; former: ReplicationEndpoint },
): Promise<void> {
  await db.query('UPDATE server_primaries SET former = NULL WHERE server_name = $1 AND former = $2', [
    input.serverName,
    JSON.stringify(input.former),
  ]);
}

/** The services of a host know the new primary. A later promotion is not meant. */
export async function recordHostTold(
  db: Queryable,
  input: { serverName: string; hostId: string; timeline: number },
): Promise<void> {
  await db.query(
    `UPDATE server_primaries SET pending_hosts = array_remove(pending_hosts, $2) WHERE server_name = $1 AND timeline = $3`,
    [input.serverName, input.hostId, input.timeline],
  );
}

/** Running instances of services of a server's databases, by host. */
export async function instancesOfServer(
  db: Queryable,
  serverName: string,
): Promise<{ hostId: string; instanceIds: string[] }[]> {
  const { rows } = await db.query<{ hostId: string; instanceIds: string[] }>(
    `SELECT i.host_id AS "hostId", array_agg(DISTINCT i.id) AS "instanceIds"
     FROM service_instances i JOIN database_servers d USING (database_id)
     WHERE d.server_name = $1 AND i.state = 'running' GROUP BY i.host_id ORDER BY i.host_id`,
    [serverName],
  );
  return rows;
}

/** Names of the managed databases on a server. */
export async function databaseNamesOf(db: Queryable, serverName: string): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    'SELECT database_name AS name FROM database_servers WHERE server_name = $1 ORDER BY 1',
    [serverName],
  );
  return rows.map(({ name }) => name);
}
