import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { parseMarker, renderMarker, temporaryDatabaseName } from '../../../domain/marker.ts';
import { ownerRole } from '../../../domain/roles/desired.ts';
import {
  adoptCreatedDatabase,
  createDatabase as createDatabaseSql,
  dropDatabase,
} from '../../../domain/sql/databases.ts';
import { SESSION_LOCK_SQL } from '../../../domain/sql/locks.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { performStep, type StepContext } from '../step.ts';
import type { TaskRef } from '../types.ts';

/**
 * Creates the database under `pgst_<task id>`, then gives it owner, marker, connection rights and final name in one
 * transaction: at every moment either the temporary name or the marker says whose it is.
 */
export function createDatabase(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'createDatabase' }, (context) =>
    onEveryServer(deps, context.work, (server) =>
      server.onMaintenance(context.session(`creating database "${context.work.databaseName}"`), (client) =>
        createOnServer(client, deps, context),
      ),
    ),
  );
}

async function createOnServer(client: pg.ClientBase, deps: ControlDeps, context: StepContext): Promise<void> {
  const { work } = context;
  const temporaryName = temporaryDatabaseName(work.taskId);
  await client.query(SESSION_LOCK_SQL, [`database:${work.databaseName}`]);
  const found = await findDatabases(client, [work.databaseName, temporaryName]);
  const existing = found.get(work.databaseName);
  if (existing !== undefined) {
    if (parseMarker(existing.comment)?.taskId === work.taskId) return;
    throw new Failure('NameConflict', `database_name: database "${work.databaseName}" exists on the server already`);
  }
  if (!found.has(temporaryName)) await client.query(createDatabaseSql(temporaryName));
  try {
    await context.assertHolds();
  } catch (error) {
    await client.query(dropDatabase(temporaryName));
    throw error;
  }
  await client.query(
    `BEGIN; ${adoptCreatedDatabase({
      temporaryName,
      name: work.databaseName,
      owner: ownerRole(work.spec, work.databaseId),
      comment: renderMarker({ installationId: deps.installationId, databaseId: work.databaseId, taskId: work.taskId }),
      users: work.spec.users.map((user) => user.username),
    })}; COMMIT`,
  );
}

async function findDatabases(
  client: pg.ClientBase,
  names: readonly string[],
): Promise<Map<string, { comment: string | null }>> {
  const { rows } = await client.query<{ name: string; comment: string | null }>(
    `SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = ANY ($1)`,
    [names],
  );
  return new Map(rows.map((row) => [row.name, row]));
}
