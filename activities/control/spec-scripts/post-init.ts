import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { LOCK_SQL, SESSION_LOCK_SQL } from '../../../domain/sql/locks.ts';
import {
  DELETE_SCRIPT_RUNS_SQL,
  ENSURE_SCRIPT_RUNS_SQL,
  FIND_SCRIPT_RUN_SQL,
  INSERT_SCRIPT_RUN_SQL,
  SET_SCRIPT_ROLES_SQL,
} from '../../../domain/sql/script-runs.ts';
import { deleteCredentials, listCredentials, recordScriptRoles } from '../../../store/credentials.ts';
import { databaseSecretOwner } from '../../../store/secrets.ts';
import type { ControlDeps } from '../deps.ts';
import { dropRoles } from '../roles/drop-roles.ts';
import { onEveryServer } from '../servers.ts';
import { endTaskSessions } from '../sessions.ts';
import { performStep, performUndo } from '../step.ts';
import { reportKept } from '../tasks/report.ts';
import type { TaskRef } from '../types.ts';
import { runStatements, SCRIPT_STATEMENT_TIMEOUT_MS } from './run-statements.ts';

const LIST = 'post_init';

interface MadeRole {
  name: string;
  oid: number;
}

/** Runs `scripts.post_init` as the admin role in the maintenance database, once, and records the roles it made. */
export function runPostInit(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'runPostInit' }, async ({ work, session }) => {
    await onEveryServer(deps, work, async (server) => {
      const made = await server.onMaintenance(
        { ...session('running scripts.post_init'), statementTimeoutMs: SCRIPT_STATEMENT_TIMEOUT_MS },
        (client) => runOnce(client, work.taskId, work.spec.scripts.postInit),
      );
      const [held] = await recordScriptRoles(deps.db, {
        serverName: server.name,
        databaseId: work.databaseId,
        owner: databaseSecretOwner(work.databaseId),
        roles: made,
      });
      if (held === undefined) return;
      throw new Failure('NameConflict', `scripts.post_init: role "${held}" belongs to another database`);
    });
  });
}

/**
 * REPEATABLE READ, so that the roles that are new at the end are this script's own and not those of a concurrent
 * session: its catalog reads see the first snapshot plus its own changes. The lock comes before the transaction, because
 * waiting for it inside would fix the snapshot to a time before an earlier attempt committed.
 */
async function runOnce(client: pg.ClientBase, taskId: string, statements: readonly string[]): Promise<MadeRole[]> {
  await client.query(SESSION_LOCK_SQL, ['scripts']);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const made = await runUnlessDone(client, taskId, statements);
  await client.query('COMMIT');
  return made;
}

async function runUnlessDone(
  client: pg.ClientBase,
  taskId: string,
  statements: readonly string[],
): Promise<MadeRole[]> {
  await client.query(ENSURE_SCRIPT_RUNS_SQL);
  const earlier = await client.query<{ roles: MadeRole[] }>(FIND_SCRIPT_RUN_SQL, [taskId, LIST]);
  const done = earlier.rows[0];
  if (done !== undefined) return done.roles;
  await client.query(INSERT_SCRIPT_RUN_SQL, [taskId, LIST]);
  const before = new Set((await allRoles(client)).map((role) => role.oid));
  await client.query('SET LOCAL search_path TO DEFAULT');
  await runStatements(client, LIST, statements);
  await client.query('RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL search_path = pg_catalog');
  const made = (await allRoles(client)).filter((role) => !before.has(role.oid));
  await client.query(SET_SCRIPT_ROLES_SQL, [taskId, LIST, JSON.stringify(made)]);
  return made;
}

async function allRoles(client: pg.ClientBase): Promise<MadeRole[]> {
  return (await client.query<MadeRole>('SELECT rolname AS name, oid FROM pg_roles ORDER BY oid')).rows;
}

/** Drops the roles that the script made; whatever else it did on the server is the caller's own and stays. */
export function undoPostInit(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'runPostInit' }, async ({ work, session }) => {
    await onEveryServer(deps, work, async (server) => {
      await endTaskSessions(server, session('ending sessions of the task'), work.taskId);
      const outcome = await server.inMaintenanceTransaction(session('undoing scripts.post_init'), async (client) => {
        await client.query(LOCK_SQL, [['scripts']]);
        await client.query(ENSURE_SCRIPT_RUNS_SQL);
        const { rows } = await client.query<{ roles: MadeRole[] }>(FIND_SCRIPT_RUN_SQL, [work.taskId, LIST]);
        await client.query(DELETE_SCRIPT_RUNS_SQL, [[work.taskId]]);
        return dropRoles(client, await stillTheirs(client, rows[0]?.roles ?? []));
      });
      const scripted = (await listCredentials(deps.db, work.databaseId)).filter(
        (c) => c.serverName === server.name && c.origin === 'script',
      );
      await deleteCredentials(deps.db, {
        databaseId: work.databaseId,
        serverName: server.name,
        roleNames: scripted.map((c) => c.roleName),
      });
      await reportKept(deps, { taskId: work.taskId, serverName: server.name, outcome });
    });
  });
}

/** Of the recorded roles, those that exist with the same OID. */
async function stillTheirs(client: pg.ClientBase, made: readonly MadeRole[]): Promise<MadeRole[]> {
  const { rows } = await client.query<MadeRole>(
    `SELECT rolname AS name, oid FROM pg_roles
     JOIN unnest($1::text[], $2::oid[]) AS made (name, role_oid) ON rolname = made.name AND oid = made.role_oid
     ORDER BY oid DESC`,
    [made.map((role) => role.name), made.map((role) => role.oid)],
  );
  return rows;
}
