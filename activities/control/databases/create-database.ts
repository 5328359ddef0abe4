import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { parseMarker, temporaryDatabaseName } from '../../../domain/marker.ts';
import { createDatabase as createDatabaseSql, dropDatabase } from '../../../domain/sql/databases.ts';
import { SESSION_LOCK_SQL } from '../../../domain/sql/locks.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { performStep, type StepContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { findDatabases } from './find-databases.ts';

/**
 * Creates the database under `pgst_<task id>`: at every moment either that name or, later, the marker says whose it is.
 * Needs no role, so that it can run beside their creation; `adoptDatabase` gives it its owner and final name.
 */
export function createDatabase(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'createDatabase' }, (context) =>
    onEveryServer(deps, context.work, (server) =>
      server.onMaintenance(context.session(`creating database "${context.work.databaseName}"`), (client) =>
        createOnServer(client, context),
      ),
    ),
  );
}

async function createOnServer(client: pg.ClientBase, context: StepContext): Promise<void> {
  const { work } = context;
  const temporaryName = temporaryDatabaseName(work.taskId);
  await client.query(SESSION_LOCK_SQL, [`database:${work.databaseName}`]);
  const found = await findDatabases(client, [work.databaseName, temporaryName]);
  const existing = found.get(work.databaseName);
  if (existing !== undefined && parseMarker(existing.comment)?.taskId !== work.taskId) {
    throw new Failure('NameConflict', `database_name: database "${work.databaseName}" exists on the server already`);
  }
  if (existing !== undefined || found.has(temporaryName)) return;
  await client.query(createDatabaseSql(temporaryName));
  try {
    await context.assertHolds();
  } catch (error) {
    await client.query(dropDatabase(temporaryName));
    throw error;
  }
}
