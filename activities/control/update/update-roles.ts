import type pg from 'pg';
import { z } from 'zod';
import { renderMarker } from '../../../domain/marker.ts';
import { decideRoles } from '../../../domain/roles/decide.ts';
import { desiredRoles, usesReadOnlyRole } from '../../../domain/roles/desired.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import { oppositeAttribute, type RoleAttribute } from '../../../domain/spec/role-attributes.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { grantMembership, revokeMembership, setAttributes, setVerifier } from '../../../domain/sql/roles.ts';
import { adjustRoles, attributesOf, type RoleAdjustment, type RoleFlags } from '../../../domain/update/roles.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import {
  addSharedRoleUser,
  type CredentialRecord,
  listCredentials,
  recordRoleOids,
} from '../../../store/credentials.ts';
import type { ControlDeps } from '../deps.ts';
import { openUserPasswords } from '../passwords.ts';
import { inspectRoles } from '../roles/inspect.ts';
import { type Membership, missingMemberships } from '../roles/memberships.ts';
import {
  refuseProblems,
  roleOids,
  roleStatements,
  sharedRoleStatements,
  verifierMaker,
} from '../roles/role-statements.ts';
import { dropMarkedRoles } from '../roles/undo-create-roles.ts';
import { onEveryServer } from '../servers.ts';
import { endTaskSessions } from '../sessions.ts';
import { performStep, performUndo, type StepContext } from '../step.ts';
import { reportKept } from '../tasks/report.ts';
import type { TaskRef } from '../types.ts';
import { type ChangeWork, changeWork } from './change-of.ts';

/** What one server looked like before the step, as far as the step changes it. */
const beforeSchema = z.object({
  /** Attributes that roles had and that the step turned over. */
  attributes: z.array(z.object({ name: z.string(), attributes: z.array(z.string()) })),
  /** Memberships that did not exist. */
  memberships: z.array(z.object({ role: z.string(), member: z.string() })),
});
type Before = z.infer<typeof beforeSchema>;

/**
 * Makes the roles that an update adds, and gives those that are there what is new: attributes and memberships. Nothing is taken
 * away. Passwords of roles that services log in as follow in a step of their own, beside the change of the services.
 */
export function updateRoles(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'updateRoles' }, async (context) => {
    const work = changeWork(context.work);
    const [passwords, credentials] = await Promise.all([
      openUserPasswords(deps, work),
      listCredentials(deps.db, work.databaseId),
    ]);
    await onEveryServer(deps, work, async (server) => {
      const own = credentials.filter(({ serverName }) => serverName === server.name);
      const roles = await updateOn(server, { deps, context, work, passwords, own });
      await recordRoleOids(deps.db, { serverName: server.name, roles });
    });
  });
}

interface Inputs {
  deps: ControlDeps;
  context: StepContext;
  work: ChangeWork;
  passwords: ReadonlyMap<string, string>;
  /** What is recorded of this database on this server. */
  own: readonly CredentialRecord[];
}

/** One transaction under the names' locks: look, decide, note what was, act, read the OIDs. */
function updateOn(server: TargetServer, inputs: Inputs): Promise<{ roleName: string; oid: number }[]> {
  const { deps, context, work, own } = inputs;
  const desired = desiredRoles(work.spec, work.databaseId);
  const names = desired.map((role) => role.name);
  const shared = usesReadOnlyRole(work.spec);
  const sharedNames = shared ? [DEFAULT_ANONYMOUS_ROLE] : [];
  return server.inMaintenanceTransaction(context.session(`changing roles on server ${server.name}`), async (client) => {
    await client.query(LOCK_SQL, [[...names, ...sharedNames].map((name) => `role:${name}`)]);
    await context.assertHolds();
    if (shared) {
      const use = { serverName: server.name, roleName: DEFAULT_ANONYMOUS_ROLE, databaseId: work.databaseId };
      await addSharedRoleUser(deps.db, use);
    }
    const memberOf = desired.flatMap((role) => role.memberOf);
    const { version, scramIterations, roles } = await inspectRoles(client, [...names, ...memberOf, ...sharedNames]);
    const recorded = existingOf(own, roles);
    const decision = decideRoles(desired, roles, {
      taskId: work.taskId,
      madeByScript: new Set(own.filter(({ origin }) => origin === 'script').map(({ roleName }) => roleName)),
      allowed: deps.allowedRoles,
      recorded,
    });
    refuseProblems(decision);
    const { previous } = work.change;
    const adjustments = adjustRoles({
      databaseId: work.databaseId,
      previous,
      next: work.spec,
      recorded,
      force: work.change.options.force,
    });
    const known = new Set(roles.map(({ name }) => name));
    const possible = decision.memberships.filter(({ role, member }) => known.has(role) && known.has(member));
    await noteBefore(context, server.name, {
      attributes: await turnedOver(client, adjustments),
      memberships: await missingMemberships(client, possible),
    });
    const comment = renderMarker({
      installationId: deps.installationId,
      databaseId: work.databaseId,
      taskId: work.taskId,
    });
    const verifier = verifierMaker(inputs.passwords, scramIterations);
    // A user that was dropped from the specification and comes back: its role was kept, its password was not.
    const back = work.spec.users.filter(
      ({ username }) => recorded.has(username) && !previous.users.some((user) => user.username === username),
    );
    const returned = await Promise.all(
      back.map(async ({ username }) => {
        const made = await verifier(username);
        return made === undefined ? [] : [setVerifier(username, made)];
      }),
    );
    const statements = [
      ...(shared ? sharedRoleStatements(roles, deps.installationId) : []),
      ...(await roleStatements(decision, verifier, comment)),
      ...returned.flat(),
      ...adjustments.map(({ name, attributes }) => setAttributes(name, attributes)),
      ...decision.memberships.map((membership) => grantMembership({ ...membership, serverVersion: version })),
    ];
    if (statements.length > 0) await client.query(statements.join('; '));
    return roleOids(client, names);
  });
}

/** Recorded roles that are there under the OID that was recorded: another role of that name is not ours. */
function existingOf(
  own: readonly CredentialRecord[],
  roles: readonly { name: string; oid: number }[],
): ReadonlySet<string> {
  const oids = new Map(roles.map(({ name, oid }) => [name, oid]));
  return new Set(
    own.flatMap(({ roleName, roleOid }) =>
      roleOid !== null && oids.get(roleName) === Number(roleOid) ? roleName : [],
    ),
  );
}

/** The note of the first attempt counts: a later one may see what the first has done. */
async function noteBefore(context: StepContext, serverName: string, before: Before): Promise<void> {
  if (context.noted[serverName] === undefined) await context.note({ [serverName]: before });
}

/** Attributes as they are, of those that the adjustments change. */
async function turnedOver(
  client: pg.ClientBase,
  adjustments: readonly RoleAdjustment[],
): Promise<Before['attributes']> {
  if (adjustments.length === 0) return [];
  const { rows } = await client.query<RoleFlags>(
    `SELECT rolname AS name, rolsuper AS superuser, rolinherit AS inherit, rolcreaterole AS "createRole",
            rolcreatedb AS "createDb", rolcanlogin AS login, rolreplication AS replication, rolbypassrls AS "bypassRls"
     FROM pg_roles WHERE rolname = ANY ($1)`,
    [adjustments.map(({ name }) => name)],
  );
  const flags = new Map(rows.map((row) => [row.name, attributesOf(row)]));
  return adjustments.map(({ name, attributes }) => ({
    name,
    attributes: attributes
      .filter((attribute) => !flags.get(name)?.includes(attribute))
      .flatMap((attribute) => oppositeAttribute(attribute) ?? []),
  }));
}

/** Gives attributes and memberships back as they were, and drops the roles that this task made. */
export function undoUpdateRoles(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'updateRoles' }, async (context) => {
    const { work, session, noted } = context;
    await onEveryServer(deps, work, async (server) => {
      await endTaskSessions(server, session('ending sessions of the task'), work.taskId);
      const before = beforeSchema.safeParse(noted[server.name]).data;
      if (before !== undefined) {
        await server.inMaintenanceTransaction(session('giving roles back what they had'), async (client) => {
          const names = [
            ...before.attributes.map(({ name }) => name),
            ...before.memberships.map(({ member }) => member),
          ];
          await client.query(LOCK_SQL, [[...new Set(names)].map((name) => `role:${name}`)]);
          const statements = await restoring(client, before);
          if (statements.length > 0) await client.query(statements.join('; '));
        });
      }
      const outcome = await dropMarkedRoles(deps, server, context);
      await reportKept(deps, { taskId: work.taskId, serverName: server.name, outcome });
    });
  });
}

async function restoring(client: pg.ClientBase, before: Before): Promise<string[]> {
  const names = [
    ...before.attributes.map(({ name }) => name),
    ...before.memberships.flatMap(({ role, member }) => [role, member]),
  ];
  const { roles } = await inspectRoles(client, names);
  const there = new Set(roles.map(({ name }) => name));
  const revoked = before.memberships.filter(({ role, member }: Membership) => there.has(role) && there.has(member));
  return [
    ...revoked.map(({ role, member }) => revokeMembership(role, member)),
    ...before.attributes
      .filter(({ name, attributes }) => there.has(name) && attributes.length > 0)
      .map(({ name, attributes }) => setAttributes(name, attributes as RoleAttribute[])),
  ];
}
