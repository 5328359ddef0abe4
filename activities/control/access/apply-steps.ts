import pLimit from 'p-limit';
import type pg from 'pg';
import { type Change, databaseOf } from '../../../domain/access/changes.ts';
import { groupBy } from '../../../domain/access/groups.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import type { Plan } from '../../../domain/access/plan.ts';
import { commit } from './commit-steps.ts';
import { clusterNow, leftOfAll, leftOfDatabase, leftOfServer } from './steps-left.ts';
import type { Surroundings } from './surroundings.ts';

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
