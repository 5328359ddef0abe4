import type pg from 'pg';
import type { PlanStep } from '../../../domain/access/plan.ts';
import { Failure } from '../../../domain/failures.ts';
import { failureTypeOf } from '../../../platform/target/errors.ts';
import type { LeasedConnection } from '../../../platform/target/target-server.ts';
import { assertPasswordsStored } from './assert-passwords.ts';
import { beginSql, holdsVerifiers, notAsPlanned, runAtOnce, runSteps } from './run-steps.ts';
import type { Surroundings } from './surroundings.ts';

/** How often a transaction is repeated at once when another writer of the catalogs got in between. */
const CONTENTION_ATTEMPTS = 5;

/** One transaction of an application. */
interface Transaction {
  /** Database that it runs in; null: the maintenance database. */
  home: string | null;
  steps: readonly PlanStep[];
  /** What is still to be done, seen from within the transaction. Asked for at once, also while its statements are under way. */
  remaining(client: pg.ClientBase): Promise<readonly PlanStep[]>;
  /** No other transaction follows. */
  isOnly?: true;
}

/** @throws where the connection that holds the locks is gone */
type LocksHold = () => Promise<void>;

/** Carries out one transaction on a connection of its own, or on the one that holds the locks, and verifies it before it commits. */
export async function commit(around: Surroundings, transaction: Transaction, locksHold: LocksHold): Promise<void> {
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

function isContention(error: unknown): boolean {
  if (error instanceof Failure) return error.type === 'Contention';
  return (
    error instanceof Error && 'code' in error && failureTypeOf(error as Error & { code?: string }) === 'Contention'
  );
}
