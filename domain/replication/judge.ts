import { isSame, label, type ReplicationEndpoint } from './endpoints.ts';

/** The primary of a server as it was last seen. */
export interface SeenPrimary {
  endpoint: ReplicationEndpoint;
  timeline: number;
}

/** An endpoint that takes changes now. */
export interface WritableEndpoint {
  endpoint: ReplicationEndpoint;
  timeline: number;
}

/** What the endpoints of a replication group, taken together, mean. */
export type GroupVerdict =
  /** Nothing to do. */
  | { kind: 'steady' }
  /** To be remembered: seen for the first time, or under a new timeline at the same place. */
  | { kind: 'noted'; primary: SeenPrimary }
  /** Another endpoint than before takes changes. */
  | { kind: 'promoted'; primary: SeenPrimary; former: ReplicationEndpoint }
  /** Nobody may change anything; `fence` are former primaries that are certain to be such (R20). */
  | { kind: 'problem'; problem: string; fence: WritableEndpoint[] };

/**
 * Judges a replication group. Of several endpoints that take changes one is fenced only where there is no doubt: the other one has
 * a higher timeline, and was seen as the only primary before. That is a former primary that comes back. Two that take changes when
 * they are seen for the first time are left to a person, because writes of value may be on either.
 */
export function judgeGroup(
  name: string,
  seen: SeenPrimary | undefined,
  writable: readonly WritableEndpoint[],
): GroupVerdict {
  const [newest, ...others] = writable.toSorted((a, b) => b.timeline - a.timeline);
  if (newest === undefined) return { kind: 'steady' };
  if (others.length > 0) return { kind: 'problem', ...severalPrimaries(name, seen, newest, others) };
  if (seen === undefined) return { kind: 'noted', primary: newest };
  if (newest.timeline < seen.timeline) {
    const problem = `server ${name}: ${label(newest.endpoint)} takes changes on timeline ${newest.timeline}, but timeline ${seen.timeline} was in use at ${label(seen.endpoint)}: what was written there is missing`;
    return { kind: 'problem', problem, fence: [] };
  }
  if (!isSame(newest.endpoint, seen.endpoint)) return { kind: 'promoted', primary: newest, former: seen.endpoint };
  return newest.timeline === seen.timeline ? { kind: 'steady' } : { kind: 'noted', primary: newest };
}

function severalPrimaries(
  name: string,
  seen: SeenPrimary | undefined,
  newest: WritableEndpoint,
  others: readonly WritableEndpoint[],
): { problem: string; fence: WritableEndpoint[] } {
  const all = [newest, ...others].map(({ endpoint, timeline }) => `${label(endpoint)} (timeline ${timeline})`);
  const problem = `server ${name} has several primaries, ${all.join(' and ')}: nothing is changed until one is left`;
  const certain = seen !== undefined && isSame(seen.endpoint, newest.endpoint) && seen.timeline === newest.timeline;
  return { problem, fence: certain ? others.filter(({ timeline }) => timeline < newest.timeline) : [] };
}
