import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import { taskApplicationName } from '../../domain/marker.ts';
import type { TargetServer, TargetSession } from '../../platform/target/target-server.ts';

/** A terminated backend is gone within milliseconds, unless it is in the middle of a checkpoint or a long fsync. */
const GONE_WITHIN_MS = 15_000;

/**
 * Ends what is left of a task's own sessions on a server, and waits until they are gone: an undo must not be overtaken
 * by the step that it takes back (R9).
 */
export async function endTaskSessions(server: TargetServer, session: TargetSession, taskId: string): Promise<void> {
  await server.onMaintenance(session, (client) =>
    endSessions(client, 'application_name = $1', [taskApplicationName(taskId)], `sessions of task ${taskId}`),
  );
}

/** Ends every session in a database and waits until they are gone. */
export function endDatabaseSessions(client: pg.ClientBase, database: string): Promise<void> {
  return endSessions(client, 'datname = $1', [database], `sessions in database "${database}"`);
}

/** Ends the sessions that one application has in a database. */
export function endApplicationSessions(
  client: pg.ClientBase,
  of: { database: string; applicationName: string },
): Promise<void> {
  const { database, applicationName } = of;
  const what = `sessions of ${applicationName}`;
  return endSessions(client, 'datname = $1 AND application_name = $2', [database, applicationName], what);
}

async function endSessions(client: pg.ClientBase, condition: string, values: string[], what: string): Promise<void> {
  const until = Date.now() + GONE_WITHIN_MS;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    const { rowCount } = await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${condition} AND pid <> pg_backend_pid()`,
      values,
    );
    if (rowCount === 0) return;
    if (Date.now() > until) throw new Failure('Contention', `${what} did not end`);
    await delay(pauseMs);
  }
}
