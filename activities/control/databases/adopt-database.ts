import { Failure } from '../../../domain/failures.ts';
import { parseMarker, renderMarker, temporaryDatabaseName } from '../../../domain/marker.ts';
import { ownerRole } from '../../../domain/roles/desired.ts';
import { adoptCreatedDatabase } from '../../../domain/sql/databases.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import type { TargetServer, TargetSession } from '../../../platform/target/target-server.ts';
import type { Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import { findDatabases } from './find-databases.ts';

/**
 * Gives the created database its owner, marker, connection rights and final name, in one transaction. Called by the
 * first step that works in the database, because roles and database are made side by side; done before, it does nothing.
 */
export async function adoptDatabase(
  deps: ControlDeps,
  server: TargetServer,
  context: { work: Work; session: (doing: string) => TargetSession },
): Promise<void> {
  const { work } = context;
  const temporaryName = temporaryDatabaseName(work.taskId);
  const session = context.session(`giving database "${work.databaseName}" its owner and name`);
  await server.inMaintenanceTransaction(session, async (client) => {
    await client.query(LOCK_SQL, [[`database:${work.databaseName}`]]);
    const found = await findDatabases(client, [work.databaseName, temporaryName]);
    if (parseMarker(found.get(work.databaseName)?.comment)?.taskId === work.taskId) return;
    if (!found.has(temporaryName)) {
      throw new Failure('StaleTask', `the database that task ${work.taskId} created is gone`);
    }
    await client.query(
      adoptCreatedDatabase({
        temporaryName,
        name: work.databaseName,
        owner: ownerRole(work.spec, work.databaseId),
        comment: renderMarker({
          installationId: deps.installationId,
          databaseId: work.databaseId,
          taskId: work.taskId,
        }),
        users: work.spec.users.map((user) => user.username),
      }),
    );
  });
}
