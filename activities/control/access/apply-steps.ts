import pLimit from 'p-limit';
import type pg from 'pg';
import { type Change, databaseOf } from '../../../domain/access/changes.ts';
import type { AccessDocument, DesiredDatabase } from '../../../domain/access/document.ts';
import { groupBy } from '../../../domain/access/groups.ts';
import type { ObservedDatabase, ObservedServer } from '../../../domain/access/observed.ts';
import type { Plan, PlanStep } from '../../../domain/access/plan.ts';
import { databaseScope, mentionsSettings } from '../../../domain/access/scope.ts';
import { databaseItself, touchedBy, touchedPart } from '../../../domain/access/verification.ts';
import { Failure } from '../../../domain/failures.ts';
import { observeCluster, observeDatabase, observeTouched, withDatabases } from '../../../platform/access/observe.ts';
import type { SessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { failureTypeOf } from '../../../platform/target/errors.ts';
import type { LeasedConnection } from '../../../platform/target/target-server.ts';
import type { Application } from './apply-document.ts';
import { assertPasswordsStored } from './assert-passwords.ts';
import { planOrThrow } from './plan-or-throw.ts';
import { beginSql, holdsVerifiers, notAsPlanned, runAtOnce, runSteps } from './run-steps.ts';
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
  /** What is still to be done, seen from within the transaction. Asked for at once, also while its statements are under way. */
  remaining(client: pg.ClientBase): Promise<readonly PlanStep[]>;
  /** No other transaction follows. */
  isOnly?: true;
}

/**
 * One transaction where one is enough; else first what belongs to the server, then the databases side by side.
 * @returns the server without its databases' contents as it was verified
 */
export async function applySteps(
  around: Surroundings,
  plan: Plan,
  changes: readonly Change[],
): Promise<ObservedServer> {
  if (plan.steps.length === 0) return around.observed;
  const byDatabase = groupBy(plan.steps, ({ database }) => database);
  const touched = groupBy(changes, databaseOf);
  const server = byDatabase.get(null) ?? [];
  const databases = [...byDatabase.keys()].filter((database) => database !== null);
  await releaseOthers(around.kept, databases);
  // Three databases look at the lock connection at the same time; it answers one at a time.
  const lockTurn = pLimit(1);
  const locksHold = () => lockTurn(async () => void (await around.control.client.query('SELECT')));
  let cluster = around.observed;
  const [only, ...others] = databases;
  if (others.length === 0) {
    const home = only === undefined ? undefined : { name: only, changes: touched.get(only) ?? [] };
    const remaining = async (client: pg.ClientBase) => {
      const now = server.length > 0 ? clusterNow(client, around) : Promise.resolve(around.observed);
      const [left, seen] = await Promise.all([leftOfAll(client, around, { home, cluster: now }), now]);
      cluster = seen;
      return left;
    };
    await commit(around, { home: only ?? null, steps: plan.steps, remaining, isOnly: true }, locksHold);
    return cluster;
  }
  if (server.length > 0) {
    const remaining = async (client: pg.ClientBase) => {
      cluster = await clusterNow(client, around);
      return leftOfServer(around, cluster);
    };
    await commit(around, { home: null, steps: server, remaining }, locksHold);
  }
  // Those that are open already make room for the others.
  const queue = databases.toSorted((a, b) => Number(around.kept.has(b)) - Number(around.kept.has(a))).values();
  const worker = async () => {
    for (const name of queue) {
      const steps = byDatabase.get(name) ?? [];
      const home = { name, changes: touched.get(name) ?? [] };
      const remaining = (client: pg.ClientBase) => leftOfDatabase(client, around, { home, cluster });
      await commit(around, { home: name, steps, remaining }, locksHold);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: around.connections - 1 }, worker));
  for (const result of workers) if (result.status === 'rejected') throw result.reason;
  return cluster;
}

/** Gives connections back to databases where nothing is to be done: each counts among those that were reserved. */
async function releaseOthers(kept: Surroundings['kept'], databases: readonly string[]): Promise<void> {
  const others = [...kept].filter(([name]) => !databases.includes(name));
  await Promise.all(
    others.map(([name, connection]) => {
      kept.delete(name);
      return connection.release();
    }),
  );
}

/** @throws where the connection that holds the locks is gone */
type LocksHold = () => Promise<void>;

async function commit(around: Surroundings, transaction: Transaction, locksHold: LocksHold): Promise<void> {
  const { home, steps, isOnly = false } = transaction;
  let begun: UnderWay | undefined;
  const begin = (client: pg.ClientBase) => {
    begun = runAndLook(client, around, transaction);
  };
  const connection = home === null ? around.control : await connectionTo(around, home, begin);
  let released: Promise<void> | undefined;
  try {
    await commitOn(connection.client, around, { transaction, begun, locksHold });
  } finally {
    if (connection !== around.control) released = isOnly ? connection.release() : connection.close();
  }
  const changes = steps.reduce((sum, step) => sum + step.changes, 0);
  around.applied({ database: home, steps: steps.map(({ summary }) => summary), changes }, !isOnly);
  // The next one takes its place.
  if (!isOnly) await released;
}

/** @param begin makes the first queries where the connection is a new one */
async function connectionTo(
  around: Surroundings,
  database: string,
  begin: (client: pg.ClientBase) => void,
): Promise<LeasedConnection> {
  const kept = around.kept.get(database);
  around.kept.delete(database);
  return kept ?? around.lease.connect({ database }, begin);
}

/** All statements in one message; where that fails, again step by step, so that the failing step has a name. */
async function commitOn(
  client: pg.ClientBase,
  around: Surroundings,
  { transaction, begun, locksHold }: { transaction: Transaction; begun: UnderWay | undefined; locksHold: LocksHold },
): Promise<void> {
  const { steps } = transaction;
  let atOnce = true;
  let current = begun;
  // A lock connection that broke has given its locks back: somebody else may be at work.
  const stillOurs = async () => {
    const locks = client === around.control.client ? undefined : locksHold();
    await Promise.all([locks, around.assertHolds()]);
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { running, looking } = current ?? (atOnce ? runAndLook : runThenLook)(client, around, transaction);
      current = undefined;
      const warnings = await running;
      const holding = stillOurs();
      await Promise.all([holding, assertDone(looking, warnings)]);
      await assertPasswordsStored(client, steps, around.literals, around.facts);
      await client.query('COMMIT');
      return;
    } catch (error) {
      await client.query('ROLLBACK');
      const unnamed = atOnce && !(error instanceof Failure);
      atOnce = false;
      if (unnamed || (isContention(error) && attempt < CONTENTION_ATTEMPTS)) continue;
      throw error;
    }
  }
}

async function assertDone(looking: Promise<readonly PlanStep[]>, warnings: readonly string[]): Promise<void> {
  const remaining = await looking;
  if (remaining.length > 0) throw notAsPlanned(remaining, warnings);
}

/** Statements that are under way, with the warnings that come of them, and the look at what they did. */
interface UnderWay {
  running: Promise<string[]>;
  looking: Promise<readonly PlanStep[]>;
}

/** Beginning, statements and look are sent together, unless the beginning must keep a verifier out of the server's log first. */
function runAndLook(client: pg.ClientBase, around: Surroundings, transaction: Transaction): UnderWay {
  const { steps } = transaction;
  if (holdsVerifiers(steps)) {
    const running = begin(client, around, steps).then(() => runAtOnce(client, steps, around.literals));
    return lookAfter(running, client, transaction);
  }
  return underWay(runAtOnce(client, steps, around.literals, ['BEGIN']), transaction.remaining(client));
}

function runThenLook(client: pg.ClientBase, around: Surroundings, transaction: Transaction): UnderWay {
  const { steps } = transaction;
  const running = begin(client, around, steps).then(() => runSteps(client, steps, around.literals));
  return lookAfter(running, client, transaction);
}

function lookAfter(running: Promise<string[]>, client: pg.ClientBase, transaction: Transaction): UnderWay {
  return underWay(
    running,
    running.then(() => transaction.remaining(client)),
  );
}

/** Where a statement fails so does the look, and where a connection is not good for anything both do: the first reason counts. */
function underWay(running: Promise<string[]>, looking: Promise<readonly PlanStep[]>): UnderWay {
  for (const promise of [running, looking]) promise.catch(() => undefined);
  return { running, looking };
}

async function begin(client: pg.ClientBase, around: Surroundings, steps: readonly PlanStep[]): Promise<void> {
  await client.query(holdsVerifiers(steps) ? beginSql(around.facts.admin) : 'BEGIN');
}

/** A database that a transaction changes. */
interface Home {
  name: string;
  changes: readonly Change[];
}

/** The only database of the plan, or none, with everything that belongs to the server. */
async function leftOfAll(
  client: pg.ClientBase,
  around: Surroundings,
  transaction: { home: Home | undefined; cluster: Promise<ObservedServer> },
): Promise<readonly PlanStep[]> {
  const { home, cluster } = transaction;
  const { document } = around;
  const looking = home === undefined ? undefined : lookAgain(client, around, { home, cluster });
  const [server, seen] = await Promise.all([cluster, looking]);
  const others = document.databases.filter(({ name }) => name !== home?.name).map(databaseItself);
  const databases = seen === undefined ? others : [...others, seen.desired];
  const observed = withDatabases(withoutContents(server, others), seen === undefined ? [] : [seen.observed]);
  return stepsLeft(around, { ...document, databases }, observed);
}

/** Everything but what is in databases. */
function leftOfServer(around: Surroundings, cluster: ObservedServer): readonly PlanStep[] {
  const databases = around.document.databases.map(databaseItself);
  return stepsLeft(around, { ...around.document, databases }, withoutContents(cluster, databases));
}

/** One database with its own rights; the server was verified before. */
async function leftOfDatabase(
  client: pg.ClientBase,
  around: Surroundings,
  transaction: { home: Home; cluster: ObservedServer },
): Promise<readonly PlanStep[]> {
  const { desired, observed } = await lookAgain(client, around, transaction);
  const document = { ...around.document, roles: [], memberships: [], settings: [], databases: [desired] };
  return stepsLeft(around, document, withDatabases(transaction.cluster, [observed]));
}

/** What is asked of a database and what is there, as far as a transaction can have changed it; all of it where that is open. */
async function lookAgain(
  client: pg.ClientBase,
  around: Surroundings,
  { home, cluster }: { home: Home; cluster: ObservedServer | Promise<ObservedServer> },
): Promise<{ desired: DesiredDatabase; observed: ObservedDatabase }> {
  const desired = around.document.databases.find(({ name }) => name === home.name);
  if (desired === undefined) throw new Error(`the document does not mention database ${home.name}`);
  const scope = databaseScope(desired);
  const touched = touchedBy(home.changes);
  if (touched !== undefined) {
    const { columnNames } = scope;
    const observed = await observeTouched(client, { cluster, database: home.name, touched, columnNames });
    if (observed !== undefined) return { desired: touchedPart(desired, touched), observed };
  }
  return { desired, observed: await observeDatabase(client, { cluster, scope }) };
}

function clusterNow(client: pg.ClientBase, around: Surroundings): Promise<ObservedServer> {
  const { serverName, facts, document } = around;
  return observeCluster(client, { serverName, facts, parameters: mentionsSettings(document) });
}

/** Databases of which only their own rights are compared: as empty ones. */
function withoutContents(cluster: ObservedServer, databases: readonly DesiredDatabase[]): ObservedServer {
  const empty = databases.flatMap(({ name }) => {
    const database = cluster.databases.get(name);
    return database === undefined ? [] : [{ ...database, contents: { objects: [], defaults: [] } }];
  });
  return withDatabases(cluster, empty);
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
