import pLimit from 'p-limit';
import type pg from 'pg';
import type { AccessDocument } from '../../../domain/access/document.ts';
import { groupBy } from '../../../domain/access/groups.ts';
import type { ObservedDatabase, ObservedServer } from '../../../domain/access/observed.ts';
import type { Plan, PlanStep } from '../../../domain/access/plan.ts';
import { databaseScope, mentionsSettings } from '../../../domain/access/scope.ts';
import { Failure } from '../../../domain/failures.ts';
import { observeCluster, observeDatabase, withDatabases } from '../../../platform/access/observe.ts';
import type { SessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { failureTypeOf } from '../../../platform/target/errors.ts';
import type { LeasedConnection } from '../../../platform/target/target-server.ts';
import type { Application } from './apply-document.ts';
import { assertPasswordsStored } from './assert-passwords.ts';
import { planOrThrow } from './plan-or-throw.ts';
import { beginSql, notAsPlanned, runAtOnce, runSteps } from './run-steps.ts';
import type { PasswordLiterals } from './verifiers.ts';

/** How often a transaction is repeated at once when another writer of the catalogs got in between. */
const CONTENTION_ATTEMPTS = 5;

/** What the transactions of one application share. */
export interface Surroundings extends Application {
  /** Holds the locks. */
  control: LeasedConnection;
  /** Connections that a database was read with, and that are still open. */
  kept: Map<string, LeasedConnection>;
  /** The server when it was planned. */
  observed: ObservedServer;
  facts: SessionFacts;
  literals: PasswordLiterals;
}

interface Transaction {
  /** Database that it runs in; null: the maintenance database. */
  home: string | null;
  steps: readonly PlanStep[];
  /** What is still to be done, seen from within the transaction. */
  remaining(client: pg.ClientBase): Promise<readonly PlanStep[]>;
}

/** One transaction where one is enough; else first what belongs to the server, then the databases side by side. */
export async function applySteps(around: Surroundings, plan: Plan): Promise<void> {
  const byDatabase = groupBy(plan.steps, ({ database }) => database);
  const server = byDatabase.get(null) ?? [];
  const databases = [...byDatabase.keys()].filter((database) => database !== null);
  // Three databases look at the lock connection at the same time; it answers one at a time.
  const lockTurn = pLimit(1);
  const locksHold = () => lockTurn(async () => void (await around.control.client.query('SELECT')));
  const [only, ...others] = databases;
  if (others.length === 0) {
    if (plan.steps.length === 0) return;
    const remaining = (client: pg.ClientBase) =>
      leftOfAll(client, around, { home: only, serverChanged: server.length > 0 });
    await commit(around, { home: only ?? null, steps: plan.steps, remaining }, locksHold);
    return;
  }
  if (server.length > 0) {
    await commit(around, { home: null, steps: server, remaining: (client) => leftOfServer(client, around) }, locksHold);
  }
  const { client: controlClient } = around.control;
  const cluster = server.length > 0 ? await clusterNow(controlClient, around) : around.observed;
  const queue = databases.values();
  const worker = async () => {
    for (const home of queue) {
      const steps = byDatabase.get(home) ?? [];
      const remaining = (client: pg.ClientBase) => leftOfDatabase(client, around, { home, cluster });
      await commit(around, { home, steps, remaining }, locksHold);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: around.connections - 1 }, worker));
  for (const result of workers) if (result.status === 'rejected') throw result.reason;
}

async function commit(around: Surroundings, transaction: Transaction, locksHold: () => Promise<void>): Promise<void> {
  const { home } = transaction;
  const connection = home === null ? around.control : await connectionTo(around, home);
  try {
    await commitOn(connection.client, around, transaction, locksHold);
  } finally {
    if (connection !== around.control) await connection.release();
  }
  await around.applied({
    database: home,
    steps: transaction.steps.map(({ summary }) => summary),
    changes: transaction.steps.reduce((sum, { changes }) => sum + changes, 0),
  });
}

async function connectionTo(around: Surroundings, database: string): Promise<LeasedConnection> {
  const kept = around.kept.get(database);
  around.kept.delete(database);
  return kept ?? around.lease.connect({ database });
}

/** All statements in one message; where that fails, again step by step, so that the failing step has a name. */
async function commitOn(
  client: pg.ClientBase,
  around: Surroundings,
  transaction: Transaction,
  locksHold: () => Promise<void>,
): Promise<void> {
  let run = runAtOnce;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(beginSql(around.facts.admin));
      const warnings = await run(client, transaction.steps, around.literals);
      const remaining = await transaction.remaining(client);
      if (remaining.length > 0) throw notAsPlanned(remaining, warnings);
      await assertPasswordsStored(client, transaction.steps, around.literals, around.facts);
      // A lock connection that broke has given its locks back: somebody else may be at work.
      if (client !== around.control.client) await locksHold();
      await around.assertHolds();
      await client.query('COMMIT');
      return;
    } catch (error) {
      await client.query('ROLLBACK');
      const unnamed = run === runAtOnce && !(error instanceof Failure);
      run = runSteps;
      if (unnamed || (isContention(error) && attempt < CONTENTION_ATTEMPTS)) continue;
      throw error;
    }
  }
}

/** The only database of the plan, or none, with everything that belongs to the server. */
async function leftOfAll(
  client: pg.ClientBase,
  around: Surroundings,
  transaction: { home: string | undefined; serverChanged: boolean },
): Promise<readonly PlanStep[]> {
  const { home, serverChanged } = transaction;
  const cluster = serverChanged ? await clusterNow(client, around) : around.observed;
  const others = [...around.observed.databases.values()].filter(({ name }) => name !== home);
  const read = home === undefined ? [] : [await databaseNow(client, around, { cluster, home })];
  return stepsLeft(around, around.document, withDatabases(cluster, [...withContents(cluster, others), ...read]));
}

/** Everything but what is in databases. */
async function leftOfServer(client: pg.ClientBase, around: Surroundings): Promise<readonly PlanStep[]> {
  const cluster = await clusterNow(client, around);
  const databases = around.document.databases.map((database) => ({
    ...database,
    exactGrantees: [],
    grants: database.grants.filter(({ on }) => on.kind === 'database'),
    revokes: database.revokes.filter(({ on }) => on.kind === 'database'),
    defaultPrivileges: [],
    owners: [],
  }));
  const observed = withDatabases(cluster, withContents(cluster, [...around.observed.databases.values()]));
  return stepsLeft(around, { ...around.document, databases }, observed);
}

/** One database with its own rights; the server was verified before. */
async function leftOfDatabase(
  client: pg.ClientBase,
  around: Surroundings,
  transaction: { home: string; cluster: ObservedServer },
): Promise<readonly PlanStep[]> {
  const { home, cluster } = transaction;
  const databases = around.document.databases.filter(({ name }) => name === home);
  const read = await databaseNow(client, around, { cluster, home });
  const document = { ...around.document, roles: [], memberships: [], settings: [], databases };
  return stepsLeft(around, document, withDatabases(cluster, [read]));
}

function clusterNow(client: pg.ClientBase, around: Surroundings): Promise<ObservedServer> {
  const { serverName, facts, document } = around;
  return observeCluster(client, { serverName, facts, parameters: mentionsSettings(document) });
}

function databaseNow(
  client: pg.ClientBase,
  around: Surroundings,
  of: { cluster: ObservedServer; home: string },
): Promise<ObservedDatabase> {
  const desired = around.document.databases.find(({ name }) => name === of.home);
  if (desired === undefined) throw new Error(`the document does not mention database ${of.home}`);
  return observeDatabase(client, { cluster: of.cluster, scope: databaseScope(desired) });
}

/** Contents as read before, under the rights of the databases as they are now. */
function withContents(cluster: ObservedServer, earlier: readonly ObservedDatabase[]): ObservedDatabase[] {
  return earlier.flatMap(({ name, contents }) => {
    const database = cluster.databases.get(name);
    return database === undefined || contents === undefined ? [] : [{ ...database, contents }];
  });
}

function stepsLeft(around: Surroundings, document: AccessDocument, observed: ObservedServer): readonly PlanStep[] {
  return planOrThrow({ ...around, document, observed, changedPasswords: new Set() }).plan.steps;
}

function isContention(error: unknown): boolean {
  if (error instanceof Failure) return error.type === 'Contention';
  return (
    error instanceof Error && 'code' in error && failureTypeOf(error as Error & { code?: string }) === 'Contention'
  );
}
