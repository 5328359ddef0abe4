import type { RoleFacts } from '../domain/access/role-condition.ts';
import type { Queryable } from './connection.ts';

type Facts = Omit<RoleFacts, 'foreignOwner'>;

/** What is on record of roles of a server; a role without a record is in the answer, too. */
export async function roleFacts(
  db: Queryable,
  input: { serverName: string; roles: readonly string[] },
): Promise<Map<string, Facts>> {
  const { rows } = await db.query<Facts & { role: string }>(
    `SELECT role, c.environment, coalesce(c.environment IS NOT NULL OR c.disabled_at IS NOT NULL, false) AS known,
       ARRAY(SELECT DISTINCT env FROM registry WHERE server_name = $1 ORDER BY env) AS "environmentsOfServer"
     FROM unnest($2::text[]) AS role
     LEFT JOIN credentials c ON c.server_name = $1 AND c.role_name = role`,
    [input.serverName, [...new Set(input.roles)]],
  );
  return new Map(rows.map(({ role, ...facts }) => [role, facts]));
}

/** Roles of a server that were made for other environments than these. */
export async function rolesOfOtherEnvironments(
  db: Queryable,
  input: { serverName: string; environments: readonly string[] },
): Promise<Set<string>> {
  const { rows } = await db.query<{ role: string }>(
    'SELECT role_name AS role FROM credentials WHERE server_name = $1 AND environment <> ALL ($2::text[])',
    [input.serverName, input.environments],
  );
  return new Set(rows.map(({ role }) => role));
}
