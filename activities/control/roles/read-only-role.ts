import { renderSharedMarker } from '../../../domain/marker.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import type { TargetServer, TargetSession } from '../../../platform/target/target-server.ts';
import { removeSharedRoleUser } from '../../../store/credentials.ts';
import type { Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import { dropRoles } from './drop-roles.ts';

/**
 * Ends a database's use of the shared read-only role, whether or not its specification still names it, and drops the role with its last user, under its lock (R2). A role
 * of that name that this installation did not make stays.
 */
export async function releaseReadOnlyRole(
  deps: ControlDeps,
  server: TargetServer,
  context: { work: Work; session: (doing: string) => TargetSession },
): Promise<void> {
  const { work } = context;
  await server.inMaintenanceTransaction(context.session(`releasing role ${DEFAULT_ANONYMOUS_ROLE}`), async (client) => {
    await client.query(LOCK_SQL, [[`role:${DEFAULT_ANONYMOUS_ROLE}`]]);
    const left = await removeSharedRoleUser(deps.db, {
      serverName: server.name,
      roleName: DEFAULT_ANONYMOUS_ROLE,
      databaseId: work.databaseId,
    });
    if (left > 0) return;
    const { rows } = await client.query<{ name: string; oid: number }>(
      `SELECT rolname AS name, oid FROM pg_roles WHERE rolname = $1 AND shobj_description(oid, 'pg_authid') = $2`,
      [DEFAULT_ANONYMOUS_ROLE, renderSharedMarker(deps.installationId)],
    );
    // Rights that somebody gave it elsewhere keep it: dropRoles leaves such a role, and it cannot log in anyway.
    await dropRoles(client, rows);
  });
}
