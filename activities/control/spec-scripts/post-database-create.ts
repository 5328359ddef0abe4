import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { ownerRole, switchingOwners } from '../../../domain/roles/desired.ts';
import { openPublicSchema } from '../../../domain/sql/access.ts';
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
    const owner = scriptOwner(work, await openUserPasswords(deps, work));
    await onEveryServer(deps, work, async (server) => {
      await adoptDatabase(deps, server, { work, session });
      await prepareMarker(server, work, owner.name, session(`preparing scripts.${LIST}`));
      await withLogin(server, owner, session(`opening a login for ${owner.name}`), (password) =>
        server.inDatabaseTransaction(
          { database: work.databaseName, user: owner.name, password },
          { ...session(`running scripts.${LIST}`), statementTimeoutMs: SCRIPT_STATEMENT_TIMEOUT_MS },
          (client) => runOnce(client, work),
        ),
      );
    });
  });
}

/** The role that a script runs as. */
interface ScriptOwner {
  name: string;
  canLogin: boolean;
  password: string | undefined;
}

/** An adopted owner keeps login and password as they are (R10), so its password must be known. */
function scriptOwner(work: Work, passwords: ReadonlyMap<string, string>): ScriptOwner {
  const name = ownerRole(work.spec, work.databaseId);
  const user = work.spec.users.find((candidate) => candidate.username === name);
  const password = passwords.get(name);
  if (user?.adopt && password === undefined) {
    throw new Failure(
      'InvalidSpec',
      `scripts.${LIST} runs as the database's owner "${name}", an adopted role: give its password in database_users, so that the script can log in`,
    );
  }
  return { name, canLogin: user !== undefined && (user.adopt || user.attributes.includes('LOGIN')), password };
}

function prepareMarker(server: TargetServer, work: Work, owner: string, session: TargetSession): Promise<void> {
  return server.inDatabaseTransaction({ database: work.databaseName }, session, async (client) => {
    const opening = switchingOwners(work.spec, work.databaseId).map(openPublicSchema);
    await client.query([...opening, ENSURE_SCRIPT_RUNS_SQL, grantScriptRuns(owner)].join('; '));
  });
}

async function runOnce(client: pg.ClientBase, work: Work): Promise<void> {
  const earlier = await client.query(FIND_SCRIPT_RUN_SQL, [work.taskId, LIST]);
  if (earlier.rowCount === 1) return;
  await client.query(INSERT_SCRIPT_RUN_SQL, [work.taskId, LIST]);
  await client.query('SET LOCAL search_path TO DEFAULT');
  await runStatements(client, LIST, work.spec.scripts.postDatabaseCreate);
}

/** An owner without login or password gets them for the length of the script, under a password that nobody learns. */
async function withLogin(
  server: TargetServer,
  owner: ScriptOwner,
  session: TargetSession,
  run: (password: string) => Promise<void>,
): Promise<void> {
  const { name, canLogin, password } = owner;
  if (canLogin && password !== undefined) return run(password);
  const usedPassword = password ?? randomBytes(32).toString('base64url');
  const alter = (statement: (iterations: number) => Promise<string>) =>
    server.inMaintenanceTransaction(session, async (client) => {
      await client.query(LOCK_SQL, [[`role:${name}`]]);
      const { scramIterations } = await inspectRoles(client, []);
      await client.query(await statement(scramIterations));
    });
  await alter(async (iterations) =>
    openLogin(name, password === undefined ? await scramVerifier({ password: usedPassword, iterations }) : undefined),
  );
  try {
    await run(usedPassword);
  } finally {
    await alter(async () => closeLogin(name, { login: canLogin, password: password !== undefined }));
  }
}
