import type pg from 'pg';
import type { ExistingRole } from '../../../domain/roles/decide.ts';

/** What a step that changes roles must know of the server, read in one round trip. */
export interface RoleInspection {
  /** `server_version_num`. */
  version: number;
  /** Iterations of new verifiers; 4096 where the server has no such setting (before 16). */
  scramIterations: number;
  roles: ExistingRole[];
}

/** Reads the named roles, with their comments, and the server's settings that matter for them. */
export async function inspectRoles(client: pg.ClientBase, names: readonly string[]): Promise<RoleInspection> {
  const { rows } = await client.query<{ version: number; iterations: number; roles: ExistingRole[] }>(
    `SELECT current_setting('server_version_num')::int AS version,
            coalesce(nullif(current_setting('scram_iterations', true), ''), '4096')::int AS iterations,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('name', rolname, 'oid', oid::bigint, 'isSuperuser', rolsuper,
                      'canCreateRoles', rolcreaterole, 'canLogin', rolcanlogin,
                      'comment', shobj_description(oid, 'pg_authid'))), '[]')
             FROM pg_roles WHERE rolname = ANY ($1)) AS roles`,
    [names],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('the inspection of roles returned no row');
  return { version: row.version, scramIterations: row.iterations, roles: row.roles };
}
