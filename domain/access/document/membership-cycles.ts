import { groupBy } from '../groups.ts';

/** One membership: `member` is, or is to be, a member of `role`. */
interface MembershipEdge {
  role: string;
  member: string;
  /** Where a document asks for it; undefined for one that the server has. */
  at?: string;
}

/**
 * Circles of memberships, each as its edges in order: a member of b, b of c, c of a. Roles that a circle was found for are not
 * reported with another one. Edges of a role with itself are no circles here.
 */
export function membershipCycles(edges: readonly MembershipEdge[]): MembershipEdge[][] {
  const others = edges.filter(({ role, member }) => role !== member);
  const groups = groupBy(others, ({ member }) => member);
  const cycles: MembershipEdge[][] = [];
  const reported = new Set<string>();
  /** Position on the way of the roles that lie on it; -1 for those that were left. */
  const position = new Map<string, number>();
  for (const start of groups.keys()) {
    if (position.has(start)) continue;
    // An explicit way in place of recursion: chains of groups may be as long as a document.
    const way: { role: string; next: number; edge?: MembershipEdge }[] = [{ role: start, next: 0 }];
    position.set(start, 0);
    for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
      const edge = groups.get(step.role)?.[step.next];
      step.next += 1;
      if (edge === undefined) {
        position.set(step.role, -1);
        way.pop();
        continue;
      }
      const onWay = position.get(edge.role);
      if (onWay === undefined) {
        position.set(edge.role, way.length);
        way.push({ role: edge.role, next: 0, edge });
      } else if (onWay >= 0 && !reported.has(edge.role) && !reported.has(edge.member)) {
        const cycle = [...way.slice(onWay + 1).flatMap((passed) => passed.edge ?? []), edge];
        for (const { role } of cycle) reported.add(role);
        cycles.push(cycle);
      }
    }
  }
  return cycles;
}

/** Most roles of a circle that are named. */
const MAX_NAMED = 20;

/** For people: `"a" → "b" → "a"`. */
export function describeCycle(cycle: readonly MembershipEdge[]): string {
  const names = cycle.slice(0, MAX_NAMED).map(({ member }) => JSON.stringify(member));
  const rest = cycle.length > MAX_NAMED ? ['…'] : [];
  return [...names, ...rest, JSON.stringify(cycle[0]?.member ?? '')].join(' → ');
}
