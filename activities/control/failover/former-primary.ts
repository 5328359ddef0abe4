import { cancellationSignal } from '@temporalio/activity';
import type pg from 'pg';
import { isSame, label, type ReplicationEndpoint } from '../../../domain/replication/endpoints.ts';
import { fenceDatabases } from '../../../domain/sql/fence.ts';
import { askReplication } from '../../../platform/target/replication.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { databaseNamesOf, recordFormerLeft } from '../../../store/failover.ts';
import type { ControlDeps } from '../deps.ts';
import { endDatabaseSessions } from '../sessions.ts';
import type { FormerPrimary } from '../types.ts';

const ASK_TIMEOUT_MS = 2_000;

/**
 * Ends the sessions of managed databases on a former primary, so that clients find the new one (R20): among them the LISTEN
 * connection of PostgREST, which survives SIGUSR1. A server that has become a standby was restarted, and its sessions are newer;
 * one that does not answer is met again by {@link fenceFormer} should it come back.
 */
export async function leaveFormer(deps: ControlDeps, input: FormerPrimary): Promise<{ ended: boolean }> {
  const { serverName, endpoint } = input;
  const ended = await onFormer(deps, input, 'ending sessions', async (client, databases) => {
    for (const database of databases) await endDatabaseSessions(client, database);
  });
  await recordFormerLeft(deps.db, { serverName, former: endpoint });
  return { ended };
}

/**
 * Fences a former primary that takes changes again. Its managed databases become read-only by default and lose all sessions: libpq
 * with `target_session_attrs=read-write` then passes it by. (ALLOW_CONNECTIONS false would be stricter, and is an outage: libpq
 * gives up at the first server that refuses a login; measured, PostgREST then answers 503 for as long as that server is there.) Last comes the admin role itself, by which the server is seen as read-only
 * from now on; all in one transaction. A server that is rebuilt as a standby loses the fence with its catalogs.
 */
export async function fenceFormer(deps: ControlDeps, input: FormerPrimary): Promise<{ fenced: boolean }> {
  const fenced = await onFormer(deps, input, 'fencing', async (client, databases) => {
    await client.query(fenceDatabases(databases));
    for (const database of databases) await endDatabaseSessions(client, database);
  });
  if (fenced) deps.log.warn({ server: input.serverName, ...input }, 'a former primary was fenced');
  return { fenced };
}

/** Runs `act` on the endpoint while it is what it was taken for: no standby, and of an older timeline. */
async function onFormer(
  deps: ControlDeps,
  { serverName, endpoint, timeline }: FormerPrimary,
  doing: string,
  act: (client: pg.ClientBase, databases: readonly string[]) => Promise<void>,
): Promise<boolean> {
  const server = await deps.targets.get(serverName);
  if (!(await answers(server, endpoint))) return false;
  const managed = await databaseNamesOf(deps.db, serverName);
  const session = {
    applicationName: 'pgsteward:failover',
    doing: `${doing} on ${label(endpoint)} of server ${serverName}`,
    signal: cancellationSignal(),
  };
  return server.onEndpoint(endpoint, session, async (client) => {
    const { rows } = await client.query<{ writable: boolean; cluster: string; existing: string[] }>(
      `SELECT NOT pg_is_in_recovery() AS writable, (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
         ARRAY(SELECT datname::text FROM pg_database WHERE datname = ANY ($1)) AS existing`,
      [managed],
    );
    const position = await askReplication(client, ASK_TIMEOUT_MS);
    const [said] = rows;
    if (said?.writable !== true || said.cluster !== server.address.systemIdentifier) return false;
    if (position === undefined || position.timeline >= timeline) return false;
    await act(client, said.existing);
    return true;
  });
}

async function answers(server: TargetServer, wanted: ReplicationEndpoint): Promise<boolean> {
  const found = await server.askEndpoints({
    applicationName: 'pgsteward:failover',
    doing: `looking at the endpoints of server ${server.name}`,
    signal: cancellationSignal(),
  });
  const answer = found.find(({ endpoint }) => isSame(endpoint, wanted));
  return answer !== undefined && answer.state !== 'unreachable';
}
