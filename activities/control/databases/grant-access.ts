import { ownerRole, switchingOwners } from '../../../domain/roles/desired.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import { createExtensions, grantReadOnly, openPublicSchema, requireAudience } from '../../../domain/sql/access.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { DROP_SCRIPT_RUNS_SQL } from '../../../domain/sql/script-runs.ts';
import { listCredentials } from '../../../store/credentials.ts';
import type { Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { performStep, performUndo } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { adoptDatabase } from './adopt-database.ts';
import { assertPreflight } from './preflight.ts';
import { revokeGranted } from './revoke-granted.ts';
import { audienceRoles, grantMemberships, readOnlySchemas, wantedMemberships } from './service-access.ts';

/**
 * Preflight and rights, in one transaction in the new database: when every schema and role is there, `connect_as` gets
 * what PostgREST's authenticator needs (NOINHERIT, membership of the anonymous role with SET) and the built-in role its
 * reading rights; the result is checked before it commits.
 */
export function grantAccess(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'grantAccess' }, async ({ work, session }) => {
    const memberships = wantedMemberships(work.spec);
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
            await grantMemberships(deps, client, {
              work,
              serverName: server.name,
              memberships,
              first: databaseStatements(work),
            });
          });
        });
      });
    });
  });
}

/** What a database with services needs inside it. */
function databaseStatements({ spec, databaseId }: Work): string[] {
  const schemas = readOnlySchemas(spec);
  const withAudience = audienceRoles(spec);
  return [
    ...(spec.scripts.postDatabaseCreate.length > 0 ? [DROP_SCRIPT_RUNS_SQL] : []),
    ...(spec.extensions.length > 0 ? [createExtensions(spec.extensions)] : []),
    ...switchingOwners(spec, databaseId).map(openPublicSchema),
    ...(schemas.length > 0
      ? [grantReadOnly({ role: DEFAULT_ANONYMOUS_ROLE, schemas, owner: ownerRole(spec, databaseId) })]
      : []),
    ...(withAudience.length > 0 ? [requireAudience(withAudience)] : []),
  ];
}

/**
 * Takes back the memberships that this task granted; those of roles that it made go with the roles, and rights inside the
 * database go with it.
 */
export function undoGrantAccess(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'grantAccess' }, (context) => revokeGranted(deps, context));
}
