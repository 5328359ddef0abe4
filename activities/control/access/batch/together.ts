import type { ObservedServer } from '../../../../domain/access/observed.ts';
import { judgeCondition, type RoleFacts } from '../../../../domain/access/role-condition.ts';
import { Failure } from '../../../../domain/failures.ts';
import { parseTaskMarker } from '../../../../domain/marker.ts';
import type { AccessResult } from '../../../../store/server-work.ts';
import type { Item, ItemOutcome } from './items.ts';

/** Requests of one look, divided into those that act and those whose outcome follows from something else. */
export interface Division {
  acting: Item[];
  /** Outcomes of requests that find nothing to do, or may not act. */
  settled: Map<string, ItemOutcome>;
  /** Requests that are answered by another one's outcome. */
  following: { item: Item; leader: Item }[];
}

/**
 * Holds the conditions of requests against one look at the server. Of those that would make the same role one acts, and the same
 * request of several callers is carried out once: in both cases for the one that came first, unless the role that is there is
 * the work of another of them, whose end a crash kept from being recorded.
 */
export function divide(items: readonly Item[], observed: ObservedServer): Division {
  const division: Division = { acting: [], settled: new Map(), following: [] };
  const leaders = new Map<string, Item>();
  for (const item of items) {
    const leader = item.together === undefined ? undefined : leaders.get(item.together);
    const settled = madeBefore(item, observed).size > 0 ? undefined : settle(item, observed);
    if (settled !== undefined) division.settled.set(item.work.taskId, settled);
    else if (leader !== undefined) division.following.push({ item, leader });
    else {
      division.acting.push(item);
      if (item.together !== undefined) leaders.set(item.together, item);
    }
  }
  return division;
}

/** Roles of a request that an earlier attempt of it made: they carry its id. */
export function madeBefore(item: Item, observed: ObservedServer): ReadonlySet<string> {
  const isOwn = (name: string) => parseTaskMarker(observed.roles.get(name)?.comment)?.taskId === item.work.taskId;
  return new Set(item.request.document.roles.map(({ name }) => name).filter(isOwn));
}

function settle({ work, facts }: Item, observed: ObservedServer): ItemOutcome | undefined {
  const { condition } = work.options;
  if (condition === undefined) return undefined;
  const verdict = judgeCondition(condition, observed, facts);
  if (verdict.state === 'holds') return undefined;
  if (verdict.state === 'refused') return { state: 'failed', failure: new Failure('NotAllowed', verdict.message) };
  return nothingDone({ [verdict.result]: true });
}

/** What a request ends with that another one was carried out for. */
export function outcomeOfFollower(item: Item, leader: Item, outcome: ItemOutcome | undefined): ItemOutcome {
  // What the others ask for is the same, or not needed once the role is there.
  const isSame = item.work.options.shared === true;
  if (outcome?.state === 'done') {
    if (!isSame) return nothingDone({ existed: true });
    // Roles and passwords are put on record once, with the leader.
    return { ...outcome, roles: [], more: { ...outcome.more, shared_with: leader.work.taskId } };
  }
  if (outcome?.state === 'failed' && isSame) return outcome;
  return { state: 'waiting', held: false, reason: 'its turn' };
}

function nothingDone(more: AccessResult): ItemOutcome {
  return { state: 'done', roles: [], steps: [], passwordsCompared: true, plainText: false, more };
}

/** What is known of a role that no condition asks about. */
export const NO_FACTS: RoleFacts = {
  foreignOwner: undefined,
  environment: null,
  known: false,
  environmentsOfServer: [],
};
