import type pg from 'pg';
import { quoteIdentifier } from '../../../domain/sql/quote.ts';
import { setNoLogin } from '../../../domain/sql/roles.ts';

/** What became of roles that were to be dropped. */
export interface DropOutcome {
  dropped: string[];
  /** Roles with objects or rights elsewhere: set NOLOGIN, and why they stay (R10). */
  kept: { name: string; reason: string }[];
}

/**
 * Drops roles that nothing else depends on. A role with objects or rights outside what was made for its database is
 * set NOLOGIN and reported instead. Runs inside a transaction that holds the roles' locks.
 */
export async function dropRoles(
  client: pg.ClientBase,
  roles: readonly { name: string; oid: number }[],
): Promise<DropOutcome> {
  const outcome: DropOutcome = { dropped: [], kept: [] };
  const dependencies = await findDependencies(client, roles);
  for (const role of roles) {
    const reason = dependencies.get(role.oid) ?? (await tryDrop(client, role.name));
    if (reason === undefined) {
      outcome.dropped.push(role.name);
    } else {
      await client.query(setNoLogin(role.name));
      outcome.kept.push({ name: role.name, reason });
    }
  }
  return outcome;
}

/** Where roles own objects or hold rights, as `pg_shdepend` lists it for every database from any connection. */
async function findDependencies(
  client: pg.ClientBase,
  roles: readonly { oid: number }[],
): Promise<Map<number, string>> {
  const { rows } = await client.query<{ oid: number; places: string }>(
    `SELECT refobjid AS oid, string_agg(DISTINCT coalesce(quote_ident(d.datname), 'the server'), ', ') AS places
     FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
     WHERE refclassid = 'pg_authid'::regclass AND refobjid = ANY ($1::oid[])
       AND classid <> 'pg_auth_members'::regclass
     GROUP BY refobjid`,
    [roles.map((role) => role.oid)],
  );
  return new Map(rows.map((row) => [row.oid, `it owns objects or holds rights in ${row.places}`]));
}

/** A role may still be the grantor of memberships (16+); then the server refuses, and the role stays. */
async function tryDrop(client: pg.ClientBase, name: string): Promise<string | undefined> {
  await client.query('SAVEPOINT drop_role');
  try {
    await client.query(`DROP ROLE ${quoteIdentifier(name)}`);
    return undefined;
  } catch (error) {
    if (!isDependencyError(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT drop_role');
    return error.message;
  }
}

/** 2BP01: dependent_objects_still_exist. */
function isDependencyError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === '2BP01';
}
