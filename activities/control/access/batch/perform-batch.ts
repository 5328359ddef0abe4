import { cancellationSignal } from '@temporalio/activity';
import type pg from 'pg';
import { Failure } from '../../../../domain/failures.ts';
import { taskApplicationName } from '../../../../domain/marker.ts';
import { type SessionFacts, sessionFacts } from '../../../../platform/target/catalog/cluster.ts';
import { orLoginRefused } from '../../../../platform/target/errors.ts';
import type { TargetServer } from '../../../../platform/target/target-server.ts';
import { type BatchRecord, claimMore, closeBatch, continueBatch, findBatch } from '../../../../store/batches.ts';
import { inTransaction } from '../../../../store/connection.ts';
import { loadBatchWork, type ServerWork } from '../../../../store/server-work.ts';
import { findServer } from '../../../../store/servers.ts';
import type { ControlDeps } from '../../deps.ts';
import type { BatchRound } from '../../types.ts';
import { changeTogether } from './change-together.ts';
import { closeRound } from './close-round.ts';
import { expectCrowds } from './crowd.ts';
import { endSessions } from './end-sessions.ts';
import { enterDatabase, isGone } from './enter-database.ts';
import { type Item, type ItemOutcome, independent, loadItems, spread } from './items.ts';
import { leaseShares } from './leases/shares.ts';
import { leaseTogether } from './leases/together.ts';
import { proveRotations } from './prove-rotations.ts';
import type { Share } from './share-transaction.ts';

/** Connections that the shares of one batch use side by side; the fourth is left to others. */
const PARALLEL_SHARES = 3;
/** Fewer requests are not worth another connection. */
const SMALLEST_SHARE = 8;
/** Longest wait for somebody else's lock where others wait as well, and where nobody does. */
const LOCK_TIMEOUT_MS = { shared: 250, single: 5_000 } as const;

/** How long a batch with nothing left waits for more: callers that ask again and again find it there. */
const LINGER_MS = 100;
/** How long one activity goes on taking rounds; the workflow then starts the next one. */
const STAY_MS = 4_000;

const CLOSED: BatchRound = { open: 0, pauseMs: 0 };

/**
 * Rounds of a batch: the requests that do not depend on each other are carried out together, each is closed by itself, and what
 * came in meanwhile is claimed. May run twice at any point: what is done is found done.
 */
export async function performBatch(deps: ControlDeps, input: { batchId: string }): Promise<BatchRound> {
  const [batch, works] = await Promise.all([findBatch(deps.db, input.batchId), loadBatchWork(deps.db, input.batchId)]);
  if (batch?.state !== 'running') return CLOSED;
  const place = await placeOf(deps, batch);
  const crowd = expectCrowds(deps, batch);
  const until = performance.now() + STAY_MS;
  for (let open = works; ; ) {
    if (open.length === 0) open = await awaitMore(deps, batch, until);
    if (open.length === 0) return CLOSED;
    const { outcomes, trouble } = await carryOut(deps, place, open);
    const round = await closeRound(deps, { batch, works: open, outcomes });
    if (trouble !== undefined) throw trouble;
    const again = round.pauseMs === 0 ? await crowd.comesAgain(open.length) : [];
    open = [...round.open, ...again];
    if (round.pauseMs > 0 || (open.length > 0 && performance.now() > until)) {
      return { open: open.length, pauseMs: round.pauseMs };
    }
  }
}

/** Waits a moment for more requests, and closes the batch when none comes. */
async function awaitMore(deps: ControlDeps, batch: BatchRecord, until: number): Promise<ServerWork[]> {
  if (batch.lane === 'single') {
    await closeBatch(deps.db, batch.id);
    return [];
  }
  const wake = deps.signals.next('requested', batch.serverName, LINGER_MS, { signal: cancellationSignal() });
  const at = await claimMore(deps.db, batch);
  if (at.length > 0 || performance.now() > until) wake.cancel();
  if (at.length > 0) return at;
  await wake.promise;
  const claimed = await claimMore(deps.db, batch);
  return claimed.length > 0 ? claimed : inTransaction(deps.db, (tx) => continueBatch(tx, batch));
}

/** The server of a batch, and what is allowed there. */
interface Place {
  batch: BatchRecord;
  server: TargetServer;
  plainText: boolean;
}

async function placeOf(deps: ControlDeps, batch: BatchRecord): Promise<Place> {
  const [server, record] = await Promise.all([
    deps.targets.get(batch.serverName),
    findServer(deps.db, batch.serverName),
  ]);
  return { batch, server, plainText: record?.settings.allowPlainTextPasswords ?? false };
}

/** Requests of one share of a round, and the database that they are carried out in. */
interface Part {
  home: string | null;
  items: Item[];
}

/** Leases apart from everything else: they are carried out by statements of their own. */
function partsOf(items: readonly Item[]): Part[] {
  const leases = items.filter(isLease);
  const others = items.filter((item) => !isLease(item));
  const homes = [...new Set(others.map(({ home }) => home))];
  return [
    ...leaseShares(leases, PARALLEL_SHARES).map((part) => ({ home: null, items: part })),
    ...homes.flatMap((home): Part[] => {
      const there = others.filter((item) => item.home === home);
      return (home === null ? spread(there, PARALLEL_SHARES, SMALLEST_SHARE) : [there]).map((part) => ({
        home,
        items: part,
      }));
    }),
  ];
}

function isLease({ work }: Item): boolean {
  return work.options.lease !== undefined;
}

/** @returns what came of each request; `trouble` is the failure that the others are tried again after */
async function carryOut(
  deps: ControlDeps,
  place: Place,
  works: readonly ServerWork[],
): Promise<{ outcomes: Map<string, ItemOutcome>; trouble: Failure | undefined }> {
  const { batch } = place;
  const { items, outcomes } = await loadItems(deps, batch.serverName, works);
  const { now, later } = independent(items);
  for (const { work } of later) outcomes.set(work.taskId, { state: 'waiting', held: false, reason: 'its turn' });
  const parts = partsOf(now);
  const results = await Promise.allSettled(parts.map((part) => carryOutPart(deps, place, part)));
  let trouble: Failure | undefined;
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') {
      for (const [taskId, outcome] of result.value) outcomes.set(taskId, outcome);
      continue;
    }
    const { reason } = result;
    // Nobody foresaw it, or the worker stops: nothing is known of what came of the requests.
    if (!(reason instanceof Failure)) throw reason;
    const items = parts[index]?.items ?? [];
    const given = new Map([...givenUp(items, reason), ...withoutTheirDatabase(items, reason)]);
    for (const [taskId, outcome] of given) outcomes.set(taskId, outcome);
    if (reason.retryable && given.size < items.length) trouble = reason;
  }
  const unproven = await proveRotations(deps, { server: place.server, batchId: batch.id }, now, outcomes);
  return { outcomes, trouble: trouble ?? unproven };
}

/**
 * Of requests that could not be carried out at all, because the server does not answer or does not let us in, those that are not
 * tried again: all where that cannot help, else those whose callers do not wait any longer.
 */
function givenUp(items: readonly Item[], failure: Failure): Map<string, ItemOutcome> {
  const isOver = ({ work }: Item) =>
    !failure.retryable ||
    Date.now() - work.createdAt.getTime() >= (work.options.patienceMs ?? Number.POSITIVE_INFINITY);
  return new Map(items.filter(isOver).map(({ work }) => [work.taskId, { state: 'failed', failure }]));
}

/**
 * Of requests whose database is gone, those that see to the flavors of cluster roles there: it was listed when they were made, and
 * nothing is left to be done. Whoever asked for a role has nothing to do with that database.
 */
function withoutTheirDatabase(items: readonly Item[], failure: Failure): Map<string, ItemOutcome> {
  const concerned = isGone(failure) ? items.filter(({ work }) => work.options.flavors !== undefined) : [];
  return new Map(
    concerned.map(({ work }): [string, ItemOutcome] => [
      work.taskId,
      { state: 'done', roles: [], steps: [], passwordsCompared: true, plainText: false },
    ]),
  );
}

async function carryOutPart(
  deps: ControlDeps,
  { batch, server, plainText }: Place,
  { home, items }: Part,
): Promise<Map<string, ItemOutcome>> {
  const settings = { lockTimeoutMs: LOCK_TIMEOUT_MS[batch.lane], plainText, serverName: batch.serverName };
  return onConnections(server, { batch, home }, async (clients) => {
    const share = { ...settings, ...clients };
    if (items.every(isLease)) return leaseTogether(deps, share, items);
    const outcomes = await changeTogether(deps, share, items);
    // Those of a rotation end when its password is proven.
    const ending = items.filter(({ work }) => work.options.rotation === undefined);
    return endSessions(clients.lockClient, ending, outcomes);
  }).catch((error: unknown) => {
    throw orLoginRefused(error, server.name);
  });
}

/** Locks are in the maintenance database, whatever database the statements run in. */
function onConnections(
  server: TargetServer,
  where: { batch: BatchRecord; home: string | null },
  work: (clients: Pick<Share, 'client' | 'lockClient' | 'facts'>) => Promise<Map<string, ItemOutcome>>,
): Promise<Map<string, ItemOutcome>> {
  const { home, batch } = where;
  const session = {
    applicationName: taskApplicationName(batch.id),
    doing: `changing roles on server ${server.name}`,
    signal: cancellationSignal(),
  };
  const elsewhere = home !== null && home !== server.address.maintenanceDb;
  return new Promise((resolve, reject) => {
    // What came of it is put on record while the connections are made ready for others.
    const working = server.reserve(session, elsewhere ? 2 : 1, async (lease) => {
      const { client: lockClient } = await lease.connect();
      const client = elsewhere ? await enterDatabase(server, lease, home) : lockClient;
      resolve(await work({ client, lockClient, facts: await recentFacts(server, lockClient) }));
    });
    working.catch(reject);
  });
}

/** How long facts of a server's sessions are taken for granted; a right that is gone since shows as a refused statement. */
const FACTS_MS = 10_000;
const factsOf = new WeakMap<TargetServer, { facts: SessionFacts; readAt: number }>();

async function recentFacts(server: TargetServer, client: pg.ClientBase): Promise<SessionFacts> {
  const known = factsOf.get(server);
  if (known !== undefined && performance.now() - known.readAt < FACTS_MS) return known.facts;
  const facts = await sessionFacts(client);
  factsOf.set(server, { facts, readAt: performance.now() });
  return facts;
}
