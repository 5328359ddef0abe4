import { documentLocks, documentTargets, type LockKeys } from '../../../../domain/access/locks.ts';
import type { RoleFacts } from '../../../../domain/access/role-condition.ts';
import type { ClusterRoleRecord } from '../../../../domain/clusters/role-request.ts';
import { Failure } from '../../../../domain/failures.ts';
import { LEASE_OWNER } from '../../../../domain/leases/lease.ts';
import { clusterRoleRecords, recordKey } from '../../../../store/cluster-roles.ts';
import { roleFacts } from '../../../../store/role-facts.ts';
import type { AccessResult, ServerWork } from '../../../../store/server-work.ts';
import type { ControlDeps } from '../../deps.ts';
import type { ChangedRole } from '../note-roles.ts';
import { type AccessRequest, openTogether, requestOf } from '../request.ts';
import type { ChangedClusterRole } from './cluster-roles.ts';
import { NO_FACTS } from './together.ts';

/** One request of a batch. */
export interface Item {
  work: ServerWork;
  request: AccessRequest;
  /** The only database that it touches; null: what belongs to the whole server. */
  home: string | null;
  locks: LockKeys;
  targets: string[];
  /** The same text for requests of which one is carried out for all: the same role to make, the same change of several callers. */
  together: string | undefined;
  /** What metadata knows of the role that the request's condition is about. */
  facts: RoleFacts;
  /** What is on record of the role of a cluster that it is about. */
  clusterRole: ClusterRoleRecord | undefined;
}

/** What came of a request in one round. */
export type ItemOutcome =
  | {
      state: 'done';
      roles: ChangedRole[];
      steps: string[];
      passwordsCompared: boolean;
      plainText: boolean;
      /** Role of a cluster that it is about. */
      clusterRole?: ChangedClusterRole;
      /** For the result of the task, beside what the rest says. */
      more?: AccessResult;
    }
  /** `passwordStays`: nobody knows the password before, so the one that was set is the current one all the same. */
  | { state: 'failed'; failure: Failure; passwordStays?: true }
  /** Not in this round. `held`: somebody who is not ours holds a lock on it. `patient`: its wait has a bound of its own. */
  | { state: 'waiting'; held: boolean; reason: string; patient?: true };

const LOCK_NOT_AVAILABLE = '55P03';

/** What comes of a request that failed by itself: what another attempt may help waits for the next round. */
export function outcomeOfFailure(failure: Failure): ItemOutcome {
  return failure.retryable
    ? { state: 'waiting', held: failure.details.sqlstate === LOCK_NOT_AVAILABLE, reason: failure.message }
    : { state: 'failed', failure };
}

/** Loads what the requests of a batch need; what cannot be carried out at all has its outcome already. */
export async function loadItems(
  deps: ControlDeps,
  serverName: string,
  works: readonly ServerWork[],
): Promise<{ items: Item[]; outcomes: Map<string, ItemOutcome> }> {
  const taskIds = works.map(({ taskId }) => taskId);
  const [{ passwords, foreign }, facts, clusterRoles] = await Promise.all([
    openTogether(deps, serverName, taskIds, works.every(({ options }) => options.lease) ? [LEASE_OWNER] : []),
    factsOf(deps, serverName, works),
    clusterRoleRecords(
      deps.db,
      works.flatMap(({ options }) => options.clusterRole ?? []),
    ),
  ]);
  const items: Item[] = [];
  const outcomes = new Map<string, ItemOutcome>();
  for (const work of works) {
    try {
      const request = requestOf(work, passwords.get(work.taskId) ?? new Map(), foreign);
      const role = work.options.condition?.role ?? '';
      const known = facts.get(role) ?? NO_FACTS;
      items.push({
        work,
        request,
        home: homeOf(request),
        ...keysOf(request),
        together: togetherKey(work),
        facts: { ...known, foreignOwner: foreign.get(role) },
        clusterRole: work.options.clusterRole && clusterRoles.get(recordKey(work.options.clusterRole)),
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      outcomes.set(work.taskId, { state: 'failed', failure: error });
    }
  }
  return { items, outcomes };
}

/** Asked for only where a condition depends on it: most requests make a role. */
function factsOf(
  deps: ControlDeps,
  serverName: string,
  works: readonly ServerWork[],
): Promise<Map<string, Omit<RoleFacts, 'foreignOwner'>>> {
  const roles = works.flatMap(({ options }) => (options.condition?.when === 'present' ? [options.condition.role] : []));
  return roles.length === 0 ? Promise.resolve(new Map()) : roleFacts(deps.db, { serverName, roles });
}

function togetherKey({ options, document }: ServerWork): string | undefined {
  // Who may ask for it is judged for each of them.
  if (options.shared === true) {
    return JSON.stringify([document, options.fill, options.clusterRole, options.flavors]);
  }
  return options.condition?.when === 'absent' ? `absent:${options.condition.role}` : undefined;
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
 * the earlier ones did. Those of which one is carried out for all come together.
 */
export function independent(items: readonly Item[]): { now: Item[]; later: Item[] } {
  const taken = new Map<string, Item>();
  const now: Item[] = [];
  const later: Item[] = [];
  for (const item of items) {
    const depends = item.targets.some((target) => {
      const holder = taken.get(target);
      return holder !== undefined && (holder.together === undefined || holder.together !== item.together);
    });
    for (const target of item.targets) if (!taken.has(target)) taken.set(target, item);
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

export function smallestOf(shares: Item[][]): Item[] {
  return shares.reduce((least, share) => (share.length < least.length ? share : least));
}
