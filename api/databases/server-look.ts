import type { ApiDeps } from '../deps.ts';

/** What a target server says about the names that a request wants, read in one round trip. */
export interface ServerLook {
  databaseExists: boolean;
  /** Of the roles asked for, those that exist. */
  existingRoles: string[];
  superusers: string[];
  maxConnections: number;
  reservedConnections: number;
}

/** A request does not wait longer than this for a server; what it cannot see then, the workflow sees later. */
const LOOK_TIMEOUT_MS = 2_000;

/** Asks servers side by side; those that do not answer in time are missing from the answer. */
export async function lookAtServers(
  deps: Pick<ApiDeps, 'targets' | 'log'>,
  input: { serverNames: readonly string[]; roleNames: readonly string[]; databaseName: string },
): Promise<Map<string, ServerLook>> {
  const looks = await Promise.all(
    input.serverNames.map(async (server) => {
      const look = await lookAtServer(deps, { ...input, server });
      return look === undefined ? [] : [[server, look] as const];
    }),
  );
  return new Map(looks.flat());
}

async function lookAtServer(
  deps: Pick<ApiDeps, 'targets' | 'log'>,
  input: { server: string; roleNames: readonly string[]; databaseName: string },
): Promise<ServerLook | undefined> {
  try {
    const server = await deps.targets.get(input.server);
    return await server.onMaintenance(
      {
        applicationName: 'pgsteward:api',
        doing: `looking at server ${input.server}`,
        signal: AbortSignal.timeout(LOOK_TIMEOUT_MS),
        statementTimeoutMs: LOOK_TIMEOUT_MS,
      },
      async (client) => {
        const { rows } = await client.query<ServerLook>(
          `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS "databaseExists",
                  coalesce(array_agg(rolname::text) FILTER (WHERE rolname IS NOT NULL), '{}') AS "existingRoles",
                  coalesce(array_agg(rolname::text) FILTER (WHERE rolsuper), '{}') AS superusers,
                  current_setting('max_connections')::int AS "maxConnections",
                  current_setting('superuser_reserved_connections')::int
                    + coalesce(current_setting('reserved_connections', true)::int, 0) AS "reservedConnections"
           FROM (SELECT 1) AS one LEFT JOIN pg_roles ON rolname = ANY ($2)`,
          [input.databaseName, input.roleNames],
        );
        return rows[0];
      },
    );
  } catch (error) {
    deps.log.warn(
      { err: error, server: input.server },
      'server could not be looked at before accepting; the workflow will',
    );
    return undefined;
  }
}
