import type pg from 'pg';
import { TRY_LOCKS_SQL } from '../../../../domain/sql/locks.ts';
import type { SessionFacts } from '../../../../platform/target/catalog/cluster.ts';
import { beginSql } from '../run-steps.ts';
import type { Item, ItemOutcome } from './items.ts';

/** Connections and settings of one share of a batch. */
export interface Share {
  serverName: string;
  /** Where the statements run: in the items' database. */
  client: pg.ClientBase;
  /** Where the locks are: in the maintenance database; may be the same connection. */
  lockClient: pg.ClientBase;
  facts: SessionFacts;
  /** Longest wait for a lock that somebody else holds, in milliseconds. */
  lockTimeoutMs: number;
  plainText: boolean;
}

/** What came of requests, by task. */
export type Outcomes = Map<string, ItemOutcome>;

/**
 * One transaction under the locks of the requests; those whose locks are not free wait for the next round.
 * @param look asks the server for something as soon as the locks are there, for all requests: where they are on the same connection
 * that is one round trip
 */
export async function inTransaction<Seen = undefined>(
  share: Share,
  items: readonly Item[],
  work: (free: readonly Item[], seen: Seen | undefined) => Promise<Outcomes>,
  look?: (items: readonly Item[]) => Promise<Seen>,
): Promise<Outcomes> {
  const { client, lockClient } = share;
  const clients = [...new Set([client, lockClient])];
  const settings = `; SET LOCAL lock_timeout = ${share.lockTimeoutMs}`;
  try {
    // Sent together: the server answers them in their order.
    const begun = clients.map((each) => each.query(beginSql(share.facts.admin) + settings));
    const [{ free, outcomes }, seen] = await Promise.all([
      takeLocks(lockClient, items),
      client === lockClient ? look?.(items) : undefined,
      ...begun,
    ]);
    const done = free.length === 0 ? new Map() : await work(free, seen);
    // The locks go after the changes are there for others to see.
    await client.query('COMMIT');
    if (lockClient !== client) await lockClient.query('COMMIT');
    return new Map([...outcomes, ...done]);
  } catch (error) {
    await Promise.all(clients.map((each) => each.query('ROLLBACK').catch(() => undefined)));
    throw error;
  }
}

/** Requests whose locks are not free wait for the next round: nobody waits for them. */
async function takeLocks(client: pg.ClientBase, items: readonly Item[]): Promise<{ free: Item[]; outcomes: Outcomes }> {
  const shared = new Map<string, boolean>();
  for (const { locks } of items) {
    for (const key of locks.shared) if (!shared.has(key)) shared.set(key, true);
    for (const key of locks.exclusive) shared.set(key, false);
  }
  const { rows } = await client.query<{ key: string }>(TRY_LOCKS_SQL, [[...shared.keys()], [...shared.values()]]);
  const held = new Set(rows.map(({ key }) => key));
  const outcomes: Outcomes = new Map();
  const free = items.filter(({ work, locks }) => {
    const key = [...locks.exclusive, ...locks.shared].find((candidate) => held.has(candidate));
    if (key === undefined) return true;
    outcomes.set(work.taskId, { state: 'waiting', held: false, reason: `another operation holds the lock ${key}` });
    return false;
  });
  return { free, outcomes };
}
