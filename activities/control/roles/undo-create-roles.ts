import type pg from 'pg';
import { renderMarker } from '../../../domain/marker.ts';
import { desiredRoles } from '../../../domain/roles/desired.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { endTaskSessions } from '../sessions.ts';
import { performUndo, type UndoContext } from '../step.ts';
import { reportKept } from '../tasks/report.ts';
import type { TaskRef } from '../types.ts';
import { type DropOutcome, dropRoles } from './drop-roles.ts';
import { releaseReadOnlyRole } from './read-only-role.ts';

/** Drops the roles that this task made, by their marker; roles that others made are not touched (R10). */
export function undoCreateRoles(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'createRoles' }, async (context) => {
    const { work } = context;
    await onEveryServer(deps, work, async (server) => {
      await endTaskSessions(server, context.session('ending sessions of the task'), work.taskId);
      const outcome = await dropMarkedRoles(deps, server, context);
      await releaseReadOnlyRole(deps, server, context);
      await reportKept(deps, { taskId: work.taskId, serverName: server.name, outcome });
    });
  });
}

/** Drops those roles of the specification that carry this task's marker. */
export function dropMarkedRoles(deps: ControlDeps, server: TargetServer, context: UndoContext): Promise<DropOutcome> {
  const { work } = context;
  const names = desiredRoles(work.spec, work.databaseId).map((role) => role.name);
  const marker = renderMarker({
    installationId: deps.installationId,
    databaseId: work.databaseId,
    taskId: work.taskId,
  });
  return server.inMaintenanceTransaction(context.session(`dropping roles on server ${server.name}`), async (client) => {
    await client.query(LOCK_SQL, [names.map((name) => `role:${name}`)]);
    return dropRoles(client, await markedRoles(client, names, marker));
  });
}

async function markedRoles(
  client: pg.ClientBase,
  names: readonly string[],
  marker: string,
): Promise<{ name: string; oid: number }[]> {
  const { rows } = await client.query<{ name: string; oid: number }>(
    `SELECT rolname AS name, oid FROM pg_roles
     WHERE rolname = ANY ($1) AND shobj_description(oid, 'pg_authid') = $2 ORDER BY oid`,
    [names, marker],
  );
  return rows;
}
