import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { revokeMembership } from '../../../domain/sql/roles.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import {
  forgetGrantedMemberships,
  type GrantedMembership,
  listGrantedMemberships,
} from '../../../store/granted-memberships.ts';
import type { ControlDeps } from '../deps.ts';
import { inspectRoles } from '../roles/inspect.ts';
import { onEveryServer } from '../servers.ts';
import { endTaskSessions } from '../sessions.ts';
import type { UndoContext } from '../step.ts';

/** Takes back every membership that the task granted to logins of services. */
export async function revokeGranted(deps: ControlDeps, context: UndoContext): Promise<void> {
  const { work, session } = context;
  // Whatever the step recorded was recorded before undo began; what it granted since then ends with its sessions.
  const granted = await listGrantedMemberships(deps.db, work);
  await onEveryServer(deps, work, async (server) => {
    await endTaskSessions(server, session('ending sessions of the task'), work.taskId);
    const here = granted.filter(({ serverName }) => serverName === server.name);
    await revokeMemberships(server, here, context);
  });
  await forgetGrantedMemberships(deps.db, { databaseId: work.databaseId, memberships: granted });
}

/** Revokes memberships of roles that still exist, in one transaction under the members' locks. */
export async function revokeMemberships(
  server: TargetServer,
  memberships: readonly GrantedMembership[],
  { session }: Pick<UndoContext, 'session'>,
): Promise<void> {
  if (memberships.length === 0) return;
  await server.inMaintenanceTransaction(session('revoking memberships'), async (client) => {
    await client.query(LOCK_SQL, [[...new Set(memberships.map(({ member }) => `role:${member}`))]]);
    const { roles } = await inspectRoles(
      client,
      memberships.flatMap(({ role, member }) => [role, member]),
    );
    const there = new Set(roles.map(({ name }) => name));
    const statements = memberships
      .filter(({ role, member }) => there.has(role) && there.has(member))
      .map(({ role, member }) => revokeMembership(role, member));
    if (statements.length > 0) await client.query(statements.join('; '));
  });
}
