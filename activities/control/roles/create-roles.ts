import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { renderMarker, renderSharedMarker } from '../../../domain/marker.ts';
import { decideRoles, type ExistingRole, type RoleDecision } from '../../../domain/roles/decide.ts';
import { desiredRoles, usesReadOnlyRole } from '../../../domain/roles/desired.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { alterRole, createRole, grantMembership, setVerifier } from '../../../domain/sql/roles.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { addSharedRoleUser, listCredentials, recordRoleOids } from '../../../store/credentials.ts';
import type { ControlDeps } from '../deps.ts';
import { openUserPasswords } from '../passwords.ts';
import { onEveryServer } from '../servers.ts';
import { performStep, type StepContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { inspectRoles } from './inspect.ts';

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
    refuse(decision);
    const verifier = async (name: string) => {
      const password = inputs.passwords.get(name);
      return password === undefined ? undefined : scramVerifier({ password, iterations: scramIterations });
    };
    const comment = renderMarker({
      installationId: deps.installationId,
      databaseId: work.databaseId,
      taskId: work.taskId,
    });
    const statements = [
      ...(shared ? sharedRoleStatements(roles, deps.installationId) : []),
      ...(await roleStatements(decision, verifier, comment)),
      ...decision.memberships.map((membership) => grantMembership({ ...membership, serverVersion: version })),
    ];
    if (statements.length > 0) await client.query(statements.join('; '));
    return roleOids(client, names);
  });
}

function refuse(decision: RoleDecision): void {
  const [first] = decision.problems;
  if (first !== undefined) {
    throw new Failure(first.type, decision.problems.map((problem) => problem.message).join('\n'));
  }
}

async function roleStatements(
  decision: RoleDecision,
  verifier: (name: string) => Promise<string | undefined>,
  comment: string,
): Promise<string[]> {
  const made = await Promise.all(
    [
      ...decision.create.map((role) => ({ role, sql: createRole })),
      ...decision.alter.map((role) => ({ role, sql: alterRole })),
    ].map(async ({ role, sql }) => {
      const password = await verifier(role.name);
      return sql({
        name: role.name,
        attributes: role.attributes,
        comment,
        ...(password === undefined ? {} : { verifier: password }),
      });
    }),
  );
  const adopted = await Promise.all(
    decision.adopt.map(async (role) => {
      const password = await verifier(role.name);
      return password === undefined ? [] : [setVerifier(role.name, password)];
    }),
  );
  return [...made, ...adopted.flat()];
}

/** The shared role is a group without login; one that could do more is not taken for it. */
function sharedRoleStatements(roles: readonly ExistingRole[], installationId: string): string[] {
  const found = roles.find((role) => role.name === DEFAULT_ANONYMOUS_ROLE);
  if (found === undefined) {
    const comment = renderSharedMarker(installationId);
    return [createRole({ name: DEFAULT_ANONYMOUS_ROLE, attributes: [], comment })];
  }
  if (found.isSuperuser || found.canLogin || found.canCreateRoles) {
    throw new Failure(
      'NotAllowed',
      `role "${DEFAULT_ANONYMOUS_ROLE}" exists on the server with LOGIN, CREATEROLE or SUPERUSER; anonymous requests must not run as it: take these attributes away, or name another db_anon_role`,
    );
  }
  return [];
}

async function roleOids(client: pg.ClientBase, names: readonly string[]): Promise<{ roleName: string; oid: number }[]> {
  const { rows } = await client.query<{ roleName: string; oid: number }>(
    `SELECT rolname AS "roleName", oid FROM pg_roles WHERE rolname = ANY ($1)`,
    [names],
  );
  return rows;
}
