import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { ownerRole } from '../../../domain/roles/desired.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import type { ResolvedSpec } from '../../../domain/spec/normalize.ts';
import { createExtensions, grantReadOnly, requireAudience } from '../../../domain/sql/access.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { grantMembership, revokeMembership, setNoInherit } from '../../../domain/sql/roles.ts';
import { DROP_SCRIPT_RUNS_SQL } from '../../../domain/sql/script-runs.ts';
import { listCredentials } from '../../../store/credentials.ts';
import type { Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { endTaskSessions } from '../sessions.ts';
import { performStep, performUndo } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { adoptDatabase } from './adopt-database.ts';
import { assertPreflight } from './preflight.ts';

interface Membership {
  role: string;
  member: string;
}

/**
 * Preflight and rights, in one transaction in the new database: when every schema and role is there, `connect_as` gets
 * what PostgREST's authenticator needs (NOINHERIT, membership of the anonymous role with SET) and the built-in role its
 * reading rights; the result is checked before it commits.
 */
export function grantAccess(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'grantAccess' }, async ({ work, session, note }) => {
    const memberships = wantedMemberships(work.spec);
    await note({ memberships });
    const scripted = (await listCredentials(deps.db, work.databaseId)).filter((c) => c.origin === 'script');
    await onEveryServer(deps, work, async (server) => {
      await adoptDatabase(deps, server, { work, session });
      const madeByScript = new Set(scripted.filter((c) => c.serverName === server.name).map((c) => c.roleName));
      // Roles are shared by all databases of the server, so their locks are held in the maintenance database.
      await server.reserve(session(`granting rights in database "${work.databaseName}"`), 2, async (lease) => {
        const lock = await lease.connect();
        await lock.transaction(async (locked) => {
          await locked.query(LOCK_SQL, [memberships.map(({ member }) => `role:${member}`)]);
          const granting = await lease.connect({ database: work.databaseName });
          await granting.transaction(async (client) => {
            await assertPreflight(client, work, { madeByScript, allowed: deps.allowedRoles });
            await grantOn(client, work, memberships);
          });
        });
      });
    });
  });
}

/** Each `connect_as` with the anonymous role of its service, without repetition. */
function wantedMemberships(spec: ResolvedSpec): Membership[] {
  const wanted = spec.services.map((service) => ({
    role: service.settings.anonymousRole,
    member: service.connectAs,
  }));
  return [...new Map(wanted.map((m) => [JSON.stringify(m), m])).values()];
}

async function grantOn(client: pg.ClientBase, work: Work, memberships: Membership[]): Promise<void> {
  const { spec } = work;
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  const serverVersion = rows[0]?.version ?? 0;
  const readOnlySchemas = [
    ...new Set(
      spec.services
        .filter((service) => service.settings.anonymousRole === DEFAULT_ANONYMOUS_ROLE)
        .flatMap((service) => service.settings.schemas),
    ),
  ];
  const withAudience = spec.services.flatMap(({ settings }) =>
    settings.jwtAudience === undefined ? [] : [settings.anonymousRole],
  );
  const statements = [
    ...(spec.scripts.postDatabaseCreate.length > 0 ? [DROP_SCRIPT_RUNS_SQL] : []),
    ...(spec.extensions.length > 0 ? [createExtensions(spec.extensions)] : []),
    ...(readOnlySchemas.length > 0
      ? [
          grantReadOnly({
            role: DEFAULT_ANONYMOUS_ROLE,
            schemas: readOnlySchemas,
            owner: ownerRole(spec, work.databaseId),
          }),
        ]
      : []),
    ...(withAudience.length > 0 ? [requireAudience(withAudience)] : []),
    // From 16 on each membership says so itself, and an adopted role keeps the attribute that it has.
    ...(serverVersion < 160_000 ? [...new Set(memberships.map(({ member }) => member))].map(setNoInherit) : []),
    ...memberships.map((membership) => grantMembership({ ...membership, inherit: false, serverVersion })),
  ];
  if (statements.length > 0) await client.query(statements.join('; '));
  await verify(client, memberships, serverVersion);
}

/**
 * GRANT can succeed and do nothing, or only half, with a warning at most; so the effect is read back. Before 16 every
 * membership allows SET ROLE; from 16 on only `SET` says so (`MEMBER` is true without it).
 */
async function verify(client: pg.ClientBase, memberships: Membership[], serverVersion: number): Promise<void> {
  const kind = serverVersion >= 160_000 ? 'SET' : 'MEMBER';
  const { rows } = await client.query<Membership>(
    `SELECT role, member FROM unnest($1::text[], $2::text[]) AS m (role, member)
     WHERE NOT pg_has_role(member, role, $3)`,
    [memberships.map((m) => m.role), memberships.map((m) => m.member), kind],
  );
  const [first] = rows;
  if (first !== undefined) {
    throw new Failure(
      'SqlRefused',
      `role "${first.member}" cannot switch to role "${first.role}" although it was granted`,
    );
  }
}

/**
 * Takes the memberships back from adopted roles; those of roles that this task made go with the roles, and rights inside the
 * database go with it.
 */
export function undoGrantAccess(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'grantAccess' }, async ({ work, session }) => {
    const adopted = new Set(work.spec.users.filter((user) => user.adopt).map((user) => user.username));
    const memberships = wantedMemberships(work.spec).filter(({ member }) => adopted.has(member));
    await onEveryServer(deps, work, async (server) => {
      await endTaskSessions(server, session('ending sessions of the task'), work.taskId);
      if (memberships.length === 0) return;
      await server.inMaintenanceTransaction(session('revoking memberships'), async (client) => {
        await client.query(LOCK_SQL, [memberships.map(({ member }) => `role:${member}`)]);
        await client.query(memberships.map(({ role, member }) => revokeMembership(role, member)).join('; '));
      });
    });
  });
}
