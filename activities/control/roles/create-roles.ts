import { renderMarker } from '../../../domain/marker.ts';
import { decideRoles } from '../../../domain/roles/decide.ts';
import { desiredRoles, usesReadOnlyRole } from '../../../domain/roles/desired.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { grantMembership } from '../../../domain/sql/roles.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { addSharedRoleUser, listCredentials, recordRoleOids } from '../../../store/credentials.ts';
import type { ControlDeps } from '../deps.ts';
import { openUserPasswords } from '../passwords.ts';
import { onEveryServer } from '../servers.ts';
import { performStep, type StepContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { inspectRoles } from './inspect.ts';
import { refuseProblems, roleOids, roleStatements, sharedRoleStatements, verifierMaker } from './role-statements.ts';

/** Creates the roles of the specification on each server, and the shared read-only role where a service uses it. */
export function createRoles(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'createRoles' }, async (context) => {
    const { work } = context;
    const passwords = await openUserPasswords(deps, work);
    const recorded = await listCredentials(deps.db, work.databaseId);
    await onEveryServer(deps, work, async (server) => {
      const shared = usesReadOnlyRole(work.spec);
      const madeByScript = new Set(
        recorded.filter((c) => c.origin === 'script' && c.serverName === server.name).map((c) => c.roleName),
      );
      const roles = await createOn(server, { deps, context, passwords, madeByScript, shared });
      await recordRoleOids(deps.db, { serverName: server.name, roles });
    });
  });
}

interface Inputs {
  deps: ControlDeps;
  context: StepContext;
  passwords: ReadonlyMap<string, string>;
  madeByScript: ReadonlySet<string>;
  shared: boolean;
}

/** One transaction: lock the names, look, decide, act, read the OIDs. */
function createOn(server: TargetServer, inputs: Inputs): Promise<{ roleName: string; oid: number }[]> {
  const { deps, context, shared } = inputs;
  const { work } = context;
  const desired = desiredRoles(work.spec, work.databaseId);
  const names = desired.map((role) => role.name);
  const lookedAt = [...names, ...desired.flatMap((role) => role.memberOf), ...(shared ? [DEFAULT_ANONYMOUS_ROLE] : [])];
  return server.inMaintenanceTransaction(context.session(`creating roles on server ${server.name}`), async (client) => {
    await client.query(LOCK_SQL, [
      [...names, ...(shared ? [DEFAULT_ANONYMOUS_ROLE] : [])].map((name) => `role:${name}`),
    ]);
    // Whoever takes the task back does so under the same locks: before this, and then it is refused, or after the commit.
    await context.assertHolds();
    if (shared) {
      // Before the role is made, and under its lock: a drop of the last other user then sees this one (R2).
      const use = { serverName: server.name, roleName: DEFAULT_ANONYMOUS_ROLE, databaseId: work.databaseId };
      await addSharedRoleUser(deps.db, use);
    }
    const { version, scramIterations, roles } = await inspectRoles(client, lookedAt);
    const decision = decideRoles(desired, roles, {
      taskId: work.taskId,
      madeByScript: inputs.madeByScript,
      allowed: deps.allowedRoles,
    });
    refuseProblems(decision);
    const comment = renderMarker({
      installationId: deps.installationId,
      databaseId: work.databaseId,
      taskId: work.taskId,
    });
    const statements = [
      ...(shared ? sharedRoleStatements(roles, deps.installationId) : []),
      ...(await roleStatements(decision, verifierMaker(inputs.passwords, scramIterations), comment)),
      ...decision.memberships.map((membership) => grantMembership({ ...membership, serverVersion: version })),
    ];
    if (statements.length > 0) await client.query(statements.join('; '));
    return roleOids(client, names);
  });
}
