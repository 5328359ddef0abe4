import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { grantProblem, type RoleOwnership } from '../../../domain/roles/decide.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import type { Work } from '../../../store/work.ts';
import { inspectRoles } from '../roles/inspect.ts';

/** Roles that the database may use beside its users. */
type RoleKnowledge = Pick<RoleOwnership, 'madeByScript' | 'allowed' | 'recorded'>;

/**
 * Checks in the database what PostgREST itself finds out only at the first request: every exposed schema and every
 * anonymous role must exist, and the role must be one that this database may use (R1).
 * @throws PreflightFailed, or NotAllowed, naming all that is wrong together
 */
export async function assertPreflight(client: pg.ClientBase, work: Work, ownership: RoleKnowledge): Promise<void> {
  const problems = [...(await schemaProblems(client, work)), ...(await roleProblems(client, work, ownership))];
  const [first] = problems;
  if (first !== undefined) throw new Failure(first.type, problems.map((problem) => problem.message).join('\n'));
}

async function schemaProblems(
  client: pg.ClientBase,
  work: Work,
): Promise<{ type: 'PreflightFailed'; message: string }[]> {
  const { rows } = await client.query<{ name: string }>('SELECT nspname AS name FROM pg_namespace');
  const existing = new Set(rows.map((row) => row.name));
  return work.spec.services.flatMap((service, index) =>
    service.settings.schemas
      .filter((schema) => !existing.has(schema))
      .map((schema) => ({
        type: 'PreflightFailed' as const,
        message: `services[${index}].config.db_schemas: schema "${schema}" does not exist in database "${work.databaseName}"; create it before deploying PostgREST, for example in scripts.post_database_create`,
      })),
  );
}

async function roleProblems(
  client: pg.ClientBase,
  work: Work,
  ownership: RoleKnowledge,
): Promise<NonNullable<ReturnType<typeof grantProblem>>[]> {
  const named = work.spec.services.map((service) => service.settings.anonymousRole);
  const { roles } = await inspectRoles(client, named);
  // The built-in role is made by the control plane for every database that uses it.
  const own = new Set([DEFAULT_ANONYMOUS_ROLE, ...work.spec.users.map((user) => user.username)]);
  return named.flatMap((name, index) => {
    const found = roles.find((role) => role.name === name);
    const problem = grantProblem(name, `services[${index}].config.db_anon_role`, found, own, ownership);
    return problem === undefined ? [] : [problem];
  });
}
