import type pg from 'pg';
import { parseMarker, temporaryDatabaseName } from '../../../domain/marker.ts';
import { blockConnections, dropDatabase } from '../../../domain/sql/databases.ts';
import { SESSION_LOCK_SQL } from '../../../domain/sql/locks.ts';
import { appendLog, listTaskIds } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { endDatabaseSessions, endTaskSessions } from '../sessions.ts';
import { performStep, performUndo } from '../step.ts';
import type { TaskRef } from '../types.ts';

/** Drops what this task created, under its temporary or its final name; a database of the same name without this task's marker stays. */
export function undoCreateDatabase(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'createDatabase' }, async ({ work, session }) => {
    await onEveryServer(deps, work, async (server) => {
      await endTaskSessions(server, session('ending sessions of the task'), work.taskId);
      await server.onMaintenance(session(`dropping database "${work.databaseName}"`), async (client) => {
        await client.query(SESSION_LOCK_SQL, [`database:${work.databaseName}`]);
        await drop(client, temporaryDatabaseName(work.taskId));
        const comment = await databaseComment(client, work.databaseName);
        if (parseMarker(comment)?.taskId === work.taskId) await drop(client, work.databaseName);
      });
    });
  });
}

/**
 * Drops the database that was made for this id: connections blocked, sessions ended, then DROP DATABASE. A database of that
 * name that carries another marker or none was not made for it, stays, and is reported (R10).
 */
export function removeDatabase(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'removeDatabase' }, async ({ work, session, assertHolds }) => {
    await onEveryServer(deps, work, (server) =>
      server.onMaintenance(session(`dropping database "${work.databaseName}"`), async (client) => {
        await client.query(SESSION_LOCK_SQL, [`database:${work.databaseName}`]);
        // By now the name may belong to a later database of the same id.
        await assertHolds();
        await dropUnfinished(deps, client, work.databaseId);
        const comment = await databaseComment(client, work.databaseName);
        if (comment === undefined) return;
        const marker = parseMarker(comment);
        if (marker?.databaseId === work.databaseId && marker.installationId === deps.installationId) {
          await drop(client, work.databaseName);
          return;
        }
        await appendLog(deps.db, {
          taskId: work.taskId,
          entries: [
            {
              message: `database "${work.databaseName}" on server ${server.name} was not made for ${work.databaseId} and was left alone`,
              fields: { server: server.name },
            },
          ],
        });
      }),
    );
  });
}

/** Drops what creates of this database left under their temporary names: they are overtaken, and change nothing any more. */
async function dropUnfinished(deps: ControlDeps, client: pg.ClientBase, databaseId: string): Promise<void> {
  const names = (await listTaskIds(deps.db, databaseId)).map(temporaryDatabaseName);
  const { rows } = await client.query<{ name: string }>(
    'SELECT datname AS name FROM pg_database WHERE datname = ANY ($1)',
    [names],
  );
  for (const { name } of rows) await drop(client, name);
}

/** Blocks new sessions first: otherwise a client that reconnects in a loop holds the drop up. */
async function drop(client: pg.ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ usable: boolean }>(
    'SELECT datconnlimit <> $2 AS usable FROM pg_database WHERE datname = $1',
    [name, INVALID_DATABASE],
  );
  const [found] = rows;
  if (found === undefined) return;
  if (found.usable) {
    await client.query(blockConnections(name));
    await endDatabaseSessions(client, name);
  }
  await client.query(dropDatabase(name));
}

/** `datconnlimit` after an interrupted DROP DATABASE: nobody can connect, and DROP DATABASE is all that the server takes. */
const INVALID_DATABASE = -2;

/** The comment, null where there is none, undefined where there is no such database. */
async function databaseComment(client: pg.ClientBase, name: string): Promise<string | null | undefined> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
    [name],
  );
  const row = rows[0];
  return row === undefined ? undefined : row.comment;
}
