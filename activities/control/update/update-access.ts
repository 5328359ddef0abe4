import type pg from 'pg';
import { z } from 'zod';
import { ownerRole, switchingOwners } from '../../../domain/roles/desired.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import {
  closePublicSchema,
  createExtensions,
  grantReadOnly,
  openPublicSchema,
  requireAudience,
  revokeReadOnly,
} from '../../../domain/sql/access.ts';
import { grantConnect, joinRole, revokeConnect, setDatabaseOwner } from '../../../domain/sql/databases.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { listCredentials } from '../../../store/credentials.ts';
import { assertPreflight } from '../databases/preflight.ts';
import { revokeGranted } from '../databases/revoke-granted.ts';
import { audienceRoles, grantMemberships, readOnlySchemas, wantedMemberships } from '../databases/service-access.ts';
import type { ControlDeps } from '../deps.ts';
import { onEveryServer } from '../servers.ts';
import { performStep, performUndo } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { type ChangeWork, changeWork } from './change-of.ts';

/** What one server looked like before the step, as far as the step changes it. */
const beforeSchema = z.object({
  owner: z.string(),
  /** Users that could not connect. */
  connect: z.array(z.string()),
  /** Schemas that the built-in role could not use. */
  schemas: z.array(z.string()),
});
type Before = z.infer<typeof beforeSchema>;

/**
 * Preflight of the new specification, then the rights that it adds: owner, connections, memberships of logins, reading rights,
 * extensions. Nothing is taken away before the services have been changed.
 */
export function updateAccess(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'updateAccess' }, async (context) => {
    const { session, noted, note } = context;
    const work = changeWork(context.work);
    const memberships = wantedMemberships(work.spec);
    const credentials = await listCredentials(deps.db, work.databaseId);
    await onEveryServer(deps, work, async (server) => {
      const own = credentials.filter(({ serverName }) => serverName === server.name);
      const named = (origin: string) => own.filter((c) => c.origin === origin).map(({ roleName }) => roleName);
      await server.reserve(session(`changing rights in database "${work.databaseName}"`), 2, async (lease) => {
        const lock = await lease.connect();
        await lock.transaction(async (locked) => {
          const keys = memberships.map(({ member }) => `role:${member}`);
          await locked.query(LOCK_SQL, [[...keys, `database:${work.databaseName}`]]);
          await context.assertHolds();
          const changing = await lease.connect({ database: work.databaseName });
          await changing.transaction(async (client) => {
            await assertPreflight(client, work, {
              madeByScript: new Set(named('script')),
              allowed: deps.allowedRoles,
              recorded: new Set(own.map(({ roleName }) => roleName)),
            });
            const before = await lookBefore(client, work);
            if (noted[server.name] === undefined) await note({ [server.name]: before });
            await grantMemberships(deps, client, {
              work,
              serverName: server.name,
              memberships,
              first: statements(work, before),
            });
          });
        });
      });
    });
  });
}

/** One round trip. */
async function lookBefore(client: pg.ClientBase, work: ChangeWork): Promise<Before> {
  const { rows } = await client.query<Before>(
    `SELECT pg_get_userbyid(datdba) AS owner,
       (SELECT coalesce(jsonb_agg(name), '[]') FROM unnest($1::text[]) AS name
        WHERE NOT EXISTS (SELECT FROM aclexplode(datacl) AS a JOIN pg_roles r ON r.oid = a.grantee
                          WHERE r.rolname = name AND a.privilege_type = 'CONNECT')) AS connect,
       (SELECT coalesce(jsonb_agg(name), '[]') FROM unnest($2::text[]) AS name
        JOIN pg_namespace n ON n.nspname = name WHERE NOT EXISTS (
          SELECT FROM aclexplode(n.nspacl) AS a JOIN pg_roles r ON r.oid = a.grantee
          WHERE r.rolname = $3 AND a.privilege_type = 'USAGE')) AS schemas
     FROM pg_database WHERE datname = current_database()`,
    [work.spec.users.map(({ username }) => username), readOnlySchemas(work.spec), DEFAULT_ANONYMOUS_ROLE],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('the look at the database returned no row');
  return row;
}

function statements(work: ChangeWork, before: Before): string[] {
  const { spec, databaseName, change } = work;
  const owner = ownerRole(spec, work.databaseId);
  const schemas = owner === before.owner && !change.options.force ? before.schemas : readOnlySchemas(spec);
  // Until the services are changed both the earlier and the later anonymous roles ask.
  const withAudience = [...audienceRoles(change.previous), ...audienceRoles(spec)];
  const extensions = spec.extensions.filter(
    (name) => change.options.force || !change.previous.extensions.includes(name),
  );
  return [
    ...(owner === before.owner ? [] : [joinRole(owner), setDatabaseOwner(databaseName, owner)]),
    ...(before.connect.length === 0 ? [] : [grantConnect(databaseName, before.connect)]),
    ...switchingOwners(spec, work.databaseId).map(openPublicSchema),
    ...(extensions.length === 0 ? [] : [createExtensions(extensions)]),
    ...(schemas.length === 0 ? [] : [grantReadOnly({ role: DEFAULT_ANONYMOUS_ROLE, schemas, owner })]),
    ...(withAudience.length === 0 ? [] : [requireAudience([...new Set(withAudience)])]),
  ];
}

/** Takes back what the step added, each thing only where the step noted that it was not there before. */
export function undoUpdateAccess(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'updateAccess' }, async (context) => {
    const { session, noted } = context;
    const work = changeWork(context.work);
    await revokeGranted(deps, context);
    await onEveryServer(deps, work, async (server) => {
      const before = beforeSchema.safeParse(noted[server.name]).data;
      if (before === undefined) return;
      const doing = session(`taking back rights in database "${work.databaseName}"`);
      await server.inDatabaseTransaction({ database: work.databaseName }, doing, async (client) => {
        const undoing = takingBack(work, before);
        if (undoing.length > 0) await client.query(undoing.join('; '));
      });
    });
  });
}

function takingBack(work: ChangeWork, before: Before): string[] {
  const owner = ownerRole(work.spec, work.databaseId);
  const { schemas, connect } = before;
  const { previous } = work.change;
  const earlier = audienceRoles(previous);
  const switchedBefore = switchingOwners(previous, work.databaseId);
  const opened = switchingOwners(work.spec, work.databaseId).filter((name) => !switchedBefore.includes(name));
  return [
    ...opened.map(closePublicSchema),
    ...(owner === before.owner ? [] : [setDatabaseOwner(work.databaseName, before.owner)]),
    ...(connect.length === 0 ? [] : [revokeConnect(work.databaseName, connect)]),
    ...(schemas.length === 0 ? [] : [revokeReadOnly({ role: DEFAULT_ANONYMOUS_ROLE, schemas, owner })]),
    ...(earlier.length === 0 ? [] : [requireAudience(earlier)]),
  ];
}
