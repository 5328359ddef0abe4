import { documentLocks, documentTargets, type LockKeys } from '../../../../domain/access/locks.ts';
import { Failure } from '../../../../domain/failures.ts';
import type { ServerWork } from '../../../../store/server-work.ts';
import type { ControlDeps } from '../../deps.ts';
import type { ChangedRole } from '../note-roles.ts';
import { type AccessRequest, openTogether, requestOf } from '../request.ts';

/** One request of a batch. */
export interface Item {
  work: ServerWork;
  request: AccessRequest;
  /** The only database that it touches; null: what belongs to the whole server. */
  home: string | null;
  locks: LockKeys;
  targets: string[];
}

/** What came of a request in one round. */
export type ItemOutcome =
  | { state: 'done'; roles: ChangedRole[]; steps: string[]; passwordsCompared: boolean; plainText: boolean }
  | { state: 'failed'; failure: Failure }
  /** Not in this round. `held`: somebody who is not ours holds a lock on it. */
  | { state: 'waiting'; held: boolean; reason: string };

/** Loads what the requests of a batch need; what cannot be carried out at all has its outcome already. */
export async function loadItems(
  deps: ControlDeps,
  serverName: string,
  works: readonly ServerWork[],
): Promise<{ items: Item[]; outcomes: Map<string, ItemOutcome> }> {
  const taskIds = works.map(({ taskId }) => taskId);
  const { passwords, foreign } = await openTogether(deps, serverName, taskIds);
  const items: Item[] = [];
  const outcomes = new Map<string, ItemOutcome>();
  for (const work of works) {
    try {
      const request = requestOf(work, passwords.get(work.taskId) ?? new Map(), foreign);
      items.push({ work, request, home: homeOf(request), ...keysOf(request) });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      outcomes.set(work.taskId, { state: 'failed', failure: error });
    }
  }
  return { items, outcomes };
}

function keysOf({ document }: AccessRequest): Pick<Item, 'locks' | 'targets'> {
  return { locks: documentLocks(document), targets: documentTargets(document) };
}

/** A single request is about one database at most; a document over several is a task of its own. */
function homeOf({ document }: AccessRequest): string | null {
  const [first, ...others] = document.databases;
  if (others.length > 0) throw new Failure('DocumentInvalid', 'a single request may change one database only');
  return first?.name ?? null;
}

/**
 * Requests that do not depend on each other, oldest first; the others come in the next round, when they can be planned on what
 * the earlier ones did.
 */
export function independent(items: readonly Item[]): { now: Item[]; later: Item[] } {
  const taken = new Set<string>();
  const now: Item[] = [];
  const later: Item[] = [];
  for (const item of items) {
    const depends = item.targets.some((target) => taken.has(target));
    for (const target of item.targets) taken.add(target);
    (depends ? later : now).push(item);
  }
  return { now, later };
}

/**
 * Parts of one size at most `parts`, for as many connections: setting a password costs the server CPU time, which one connection
 * cannot spread over its cores. Requests that need the same lock stay together.
 */
export function spread(items: readonly Item[], parts: number, smallest: number): Item[][] {
  const count = Math.max(1, Math.min(parts, Math.floor(items.length / smallest)));
  const shares: Item[][] = Array.from({ length: count }, () => []);
  const holder = new Map<string, Item[]>();
  for (const item of items) {
    const share = item.locks.exclusive.map((key) => holder.get(key)).find(Boolean) ?? smallestOf(shares);
    for (const key of item.locks.exclusive) holder.set(key, share);
    share.push(item);
  }
  return shares.filter((share) => share.length > 0);
}

function smallestOf(shares: Item[][]): Item[] {
  return shares.reduce((least, share) => (share.length < least.length ? share : least));
}
