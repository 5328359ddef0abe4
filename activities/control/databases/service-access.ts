import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import type { ResolvedSpec } from '../../../domain/spec/normalize.ts';
import { grantMembership, setNoInherit } from '../../../domain/sql/roles.ts';
import { recordGrantedMemberships } from '../../../store/granted-memberships.ts';
import type { Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import { type Membership, MISSING_MEMBERSHIPS_SQL, membershipParameters } from '../roles/memberships.ts';

/** Each `connect_as` with the anonymous role of its service, without repetition. */
export function wantedMemberships(spec: ResolvedSpec): Membership[] {
  const wanted = spec.services.map((service) => ({
    role: service.settings.anonymousRole,
    member: service.connectAs,
  }));
  return [...new Map(wanted.map((m) => [JSON.stringify(m), m])).values()];
}

/** Schemas that the built-in read-only role reads. */
export function readOnlySchemas(spec: ResolvedSpec): string[] {
  const schemas = spec.services
    .filter((service) => service.settings.anonymousRole === DEFAULT_ANONYMOUS_ROLE)
    .flatMap((service) => service.settings.schemas);
  return [...new Set(schemas)];
}

/** Anonymous roles of the services that refuse tokens without audience. */
export function audienceRoles(spec: ResolvedSpec): string[] {
  return spec.services.flatMap(({ settings }) => (settings.jwtAudience === undefined ? [] : [settings.anonymousRole]));
}

/** What the server says of memberships before they are granted. */
interface Look {
  serverVersion: number;
  /** Those that nobody has granted. */
  missing: Membership[];
}

/** One round trip. */
async function lookAt(client: pg.ClientBase, memberships: readonly Membership[]): Promise<Look> {
  const { rows } = await client.query<Look>(
    `SELECT current_setting('server_version_num')::int AS "serverVersion",
       (SELECT coalesce(jsonb_agg(m), '[]') FROM (${MISSING_MEMBERSHIPS_SQL}) AS m) AS missing`,
    membershipParameters(memberships),
  );
  return rows[0] ?? { serverVersion: 0, missing: [] };
}

/**
 * Grants each `connect_as` what PostgREST's authenticator needs: membership of the anonymous role with SET, without INHERIT.
 * Runs in the transaction of `client`, together with `first`; the effect is checked before it commits.
 */
export async function grantMemberships(
  deps: ControlDeps,
  client: pg.ClientBase,
  input: { work: Work; serverName: string; memberships: readonly Membership[]; first: readonly string[] },
): Promise<void> {
  const { work, serverName, memberships } = input;
  const { serverVersion, missing } = await lookAt(client, memberships);
  const holds = await recordGrantedMemberships(deps.db, {
    databaseId: work.databaseId,
    taskId: work.taskId,
    epoch: work.epoch,
    memberships: missing.map((membership) => ({ ...membership, serverName })),
  });
  if (!holds) throw new Failure('StaleTask', `task ${work.taskId} is being undone: nothing is granted for it`);
  const statements = [
    ...input.first,
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
async function verify(client: pg.ClientBase, memberships: readonly Membership[], serverVersion: number): Promise<void> {
  const kind = serverVersion >= 160_000 ? 'SET' : 'MEMBER';
  const { rows } = await client.query<Membership>(
    `SELECT role, member FROM unnest($1::text[], $2::text[]) AS m (role, member)
     WHERE NOT pg_has_role(member, role, $3)`,
    [...membershipParameters(memberships), kind],
  );
  const [first] = rows;
  if (first !== undefined) {
    throw new Failure(
      'SqlRefused',
      `role "${first.member}" cannot switch to role "${first.role}" although it was granted`,
    );
  }
}
