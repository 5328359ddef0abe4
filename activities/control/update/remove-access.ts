import { ownerRole } from '../../../domain/roles/desired.ts';
import { reassignAndDropOwned, requireAudience } from '../../../domain/sql/access.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { type CredentialRecord, deleteCredentials, listCredentials } from '../../../store/credentials.ts';
import { forgetGrantedMemberships, listGrantedMemberships } from '../../../store/granted-memberships.ts';
import { revokeMemberships } from '../databases/revoke-granted.ts';
import { audienceRoles, wantedMemberships } from '../databases/service-access.ts';
import type { ControlDeps } from '../deps.ts';
import { type DropOutcome, dropRoles } from '../roles/drop-roles.ts';
import { onEveryServer } from '../servers.ts';
import { performStep, type StepContext } from '../step.ts';
import { reportKept } from '../tasks/report.ts';
import type { TaskRef } from '../types.ts';
import { type ChangeWork, changeWork } from './change-of.ts';

/**
 * Takes away what only the previous specification needed: memberships that this control plane granted, and users that were dropped
 * from it, where it says so. What others granted is not touched.
 */
export function removeAccess(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'removeAccess' }, async (context) => {
    const work = changeWork(context.work);
    const [granted, credentials] = await Promise.all([
      listGrantedMemberships(deps.db, { databaseId: work.databaseId }),
      listCredentials(deps.db, work.databaseId),
    ]);
    const wanted = new Set(wantedMemberships(work.spec).map(({ role, member }) => JSON.stringify([role, member])));
    const unwanted = granted.filter(({ role, member }) => !wanted.has(JSON.stringify([role, member])));
    await onEveryServer(deps, work, async (server) => {
      const here = unwanted.filter(({ serverName }) => serverName === server.name);
      await revokeMemberships(server, here, context);
      await narrowAudience(server, context, work);
      const dropped = droppedUsers(work, credentials).filter(({ serverName }) => serverName === server.name);
      if (dropped.length > 0) await dropUsers(deps, server, { context, work, dropped });
    });
    await forgetGrantedMemberships(deps.db, { databaseId: work.databaseId, memberships: unwanted });
  });
}

/** While services changed, requests of the earlier anonymous roles were told apart as well. */
async function narrowAudience(server: TargetServer, { session }: StepContext, work: ChangeWork): Promise<void> {
  const [earlier, roles] = [audienceRoles(work.change.previous), audienceRoles(work.spec)];
  if (roles.length === 0 || earlier.every((role) => roles.includes(role))) return;
  const doing = session('narrowing the check of audiences');
  await server.inDatabaseTransaction({ database: work.databaseName }, doing, async (client) => {
    await client.query(requireAudience(roles));
  });
}

/** Users of this database that the specification no longer has, if they are to go. Adopted roles are never dropped (R10). */
function droppedUsers(work: ChangeWork, credentials: readonly CredentialRecord[]): CredentialRecord[] {
  if (!work.spec.dropRemovedUsers) return [];
  const kept = new Set(work.spec.users.map(({ username }) => username));
  return credentials.filter(({ origin, roleName }) => origin === 'user' && !kept.has(roleName));
}

/** What they own in this database goes to its owner; a role with objects or rights elsewhere is set NOLOGIN and reported. */
async function dropUsers(
  deps: ControlDeps,
  server: TargetServer,
  input: { context: StepContext; work: ChangeWork; dropped: readonly CredentialRecord[] },
): Promise<void> {
  const { context, work } = input;
  const { session } = context;
  const recorded = input.dropped.flatMap(({ roleName, roleOid }) =>
    roleOid === null ? [] : [{ name: roleName, oid: Number(roleOid) }],
  );
  const outcome = await server.reserve(session('dropping users'), 2, async (lease): Promise<DropOutcome> => {
    const lock = await lease.connect();
    return lock.transaction(async (client) => {
      await client.query(LOCK_SQL, [recorded.map(({ name }) => `role:${name}`)]);
      await context.assertHolds();
      const { rows: present } = await client.query<{ name: string; oid: number }>(
        `SELECT rolname AS name, oid FROM pg_roles
         JOIN unnest($1::text[], $2::oid[]) AS recorded (name, role_oid) ON rolname = name AND oid = role_oid ORDER BY oid`,
        [recorded.map(({ name }) => name), recorded.map(({ oid }) => oid)],
      );
      if (present.length > 0) {
        const heir = ownerRole(work.spec, work.databaseId);
        const inside = await lease.connect({ database: work.databaseName });
        await inside.transaction(async (database) => {
          await database.query(present.map(({ name }) => reassignAndDropOwned(name, heir)).join('; '));
        });
      }
      return dropRoles(client, present);
    });
  });
  await deleteCredentials(deps.db, {
    databaseId: work.databaseId,
    serverName: server.name,
    roleNames: outcome.dropped,
  });
  await reportKept(deps, { taskId: work.taskId, serverName: server.name, outcome });
}
