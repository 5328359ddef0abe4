import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { ownerRole } from '../../../domain/roles/desired.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { closeLogin, openLogin } from '../../../domain/sql/roles.ts';
import {
  ENSURE_SCRIPT_RUNS_SQL,
  FIND_SCRIPT_RUN_SQL,
  grantScriptRuns,
  INSERT_SCRIPT_RUN_SQL,
} from '../../../domain/sql/script-runs.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import type { TargetServer, TargetSession } from '../../../platform/target/target-server.ts';
import type { Work } from '../../../store/work.ts';
import { adoptDatabase } from '../databases/adopt-database.ts';
import type { ControlDeps } from '../deps.ts';
import { openUserPasswords } from '../passwords.ts';
import { inspectRoles } from '../roles/inspect.ts';
import { onEveryServer } from '../servers.ts';
import { performStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { runStatements, SCRIPT_STATEMENT_TIMEOUT_MS } from './run-statements.ts';

const LIST = 'post_database_create';

/**
 * Runs `scripts.post_database_create` in the new database, logged in as its owner: what the script makes belongs to the
 * owner, and it can do no more than the owner. SET ROLE would not do, for a script can reset it.
 */
export function runPostDatabaseCreate(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'runPostDatabaseCreate' }, async ({ work, session }) => {
    const owner = ownerRole(work.spec, work.databaseId);
    const known = (await openUserPasswords(deps, work)).get(owner);
    const canLogin = work.spec.users.some((user) => user.username === owner && user.attributes.includes('LOGIN'));
    await onEveryServer(deps, work, async (server) => {
      await adoptDatabase(deps, server, { work, session });
      await prepareMarker(server, work, owner, session(`preparing scripts.${LIST}`));
      const run = (password: string) =>
        server.inDatabaseTransaction(
          { database: work.databaseName, user: owner, password },
          { ...session(`running scripts.${LIST}`), statementTimeoutMs: SCRIPT_STATEMENT_TIMEOUT_MS },
          (client) => runOnce(client, work),
        );
      if (known !== undefined && canLogin) await run(known);
      else await withTemporaryLogin(server, owner, session(`opening a login for ${owner}`), run);
    });
  });
}

function prepareMarker(server: TargetServer, work: Work, owner: string, session: TargetSession): Promise<void> {
  return server.inDatabaseTransaction({ database: work.databaseName }, session, async (client) => {
    await client.query(`${ENSURE_SCRIPT_RUNS_SQL}; ${grantScriptRuns(owner)}`);
  });
}

async function runOnce(client: pg.ClientBase, work: Work): Promise<void> {
  const earlier = await client.query(FIND_SCRIPT_RUN_SQL, [work.taskId, LIST]);
  if (earlier.rowCount === 1) return;
  await client.query(INSERT_SCRIPT_RUN_SQL, [work.taskId, LIST]);
  await client.query('SET LOCAL search_path TO DEFAULT');
  await runStatements(client, LIST, work.spec.scripts.postDatabaseCreate);
}

/** An owner without login or password gets both for the length of the script, under a password that nobody learns. */
async function withTemporaryLogin(
  server: TargetServer,
  owner: string,
  session: TargetSession,
  run: (password: string) => Promise<void>,
): Promise<void> {
  const password = randomBytes(32).toString('base64url');
  const alter = (statement: (iterations: number) => Promise<string>) =>
    server.inMaintenanceTransaction(session, async (client) => {
      await client.query(LOCK_SQL, [[`role:${owner}`]]);
      const { scramIterations } = await inspectRoles(client, []);
      await client.query(await statement(scramIterations));
    });
  await alter(async (iterations) => openLogin(owner, await scramVerifier({ password, iterations })));
  try {
    await run(password);
  } finally {
    await alter(() => Promise.resolve(closeLogin(owner)));
  }
}
