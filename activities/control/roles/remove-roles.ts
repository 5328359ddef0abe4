import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { listCredentials } from '../../../store/credentials.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { forgetPostInit } from '../spec-scripts/forget-post-init.ts';
import { performStep } from '../step.ts';
import { reportKept } from '../tasks/report.ts';
import type { TaskRef } from '../types.ts';
import { dropRoles } from './drop-roles.ts';
import { releaseReadOnlyRole } from './read-only-role.ts';

/**
 * Drops the roles recorded as made for the database. A recorded name that now carries another OID belongs to somebody
 * else and is not touched; an adopted role is never dropped (R10).
 */
export function removeRoles(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'removeRoles' }, async (context) => {
    const { work } = context;
    const credentials = await listCredentials(deps.db, work.databaseId);
    await onEveryServer(deps, work, async (server) => {
      const recorded = credentials.flatMap((c) =>
        c.serverName === server.name && c.origin !== 'adopted' && c.roleOid !== null
          ? [{ name: c.roleName, oid: c.roleOid }]
          : [],
      );
      const outcome = await server.inMaintenanceTransaction(
        context.session(`dropping roles on server ${server.name}`),
        async (client) => {
          await client.query(LOCK_SQL, [recorded.map((role) => `role:${role.name}`)]);
          await context.assertHolds();
          const { rows } = await client.query<{ name: string; oid: number }>(
            `SELECT rolname AS name, oid FROM pg_roles
             JOIN unnest($1::text[], $2::oid[]) AS recorded (name, role_oid) ON rolname = name AND oid = role_oid
             ORDER BY oid`,
            [recorded.map((role) => role.name), recorded.map((role) => role.oid)],
          );
          return dropRoles(client, rows);
        },
      );
      await releaseReadOnlyRole(deps, server, context);
      await forgetPostInit(deps, server, context);
      await reportKept(deps, { taskId: work.taskId, serverName: server.name, outcome });
    });
  });
}
