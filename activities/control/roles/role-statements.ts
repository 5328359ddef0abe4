import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { renderSharedMarker } from '../../../domain/marker.ts';
import type { ExistingRole, RoleDecision } from '../../../domain/roles/decide.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../../../domain/spec/names.ts';
import { alterRole, createRole, setVerifier } from '../../../domain/sql/roles.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';

/** @throws Failure with every problem, under the type of the first */
export function refuseProblems(decision: RoleDecision): void {
  const [first] = decision.problems;
  if (first !== undefined) {
    throw new Failure(first.type, decision.problems.map((problem) => problem.message).join('\n'));
  }
}

/** Makes a SCRAM verifier for each role that has a password; undefined for the others. */
export function verifierMaker(passwords: ReadonlyMap<string, string>, iterations: number): VerifierMaker {
  return async (name) => {
    const password = passwords.get(name);
    return password === undefined ? undefined : scramVerifier({ password, iterations });
  };
}

type VerifierMaker = (name: string) => Promise<string | undefined>;

/** What makes, shapes and takes over the roles of a decision. */
export async function roleStatements(
  decision: RoleDecision,
  verifier: VerifierMaker,
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
export function sharedRoleStatements(roles: readonly ExistingRole[], installationId: string): string[] {
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

/** OIDs of the named roles that exist. */
export async function roleOids(
  client: pg.ClientBase,
  names: readonly string[],
): Promise<{ roleName: string; oid: number }[]> {
  const { rows } = await client.query<{ roleName: string; oid: number }>(
    `SELECT rolname AS "roleName", oid FROM pg_roles WHERE rolname = ANY ($1)`,
    [names],
  );
  return rows;
}
