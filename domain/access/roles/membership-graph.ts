import { groupBy } from '../groups.ts';
import type { ObservedMembership } from '../observed.ts';

/** Memberships by member. */
export type MembershipGraph = ReadonlyMap<string, readonly ObservedMembership[]>;

/** Observed memberships are never changed, and the same ones are looked at many times. */
const graphs = new WeakMap<readonly ObservedMembership[], MembershipGraph>();

/** Groups memberships by member. */
export function membershipGraph(memberships: readonly ObservedMembership[]): MembershipGraph {
  const known = graphs.get(memberships);
  if (known !== undefined) return known;
  const graph = groupBy(memberships, ({ member }) => member);
  graphs.set(memberships, graph);
  return graph;
}

/** Which memberships a path follows (ROLERECURSE_MEMBERS, ROLERECURSE_PRIVS and ROLERECURSE_SETROLE). */
const PATHS = {
  any: () => true,
  inherited: ({ inherit }) => inherit,
  settable: ({ set }) => set,
} as const satisfies Record<string, (row: ObservedMembership) => boolean>;

interface Reach {
  /** The role itself and those reached from it, nearest first. */
  roles: ReadonlySet<string>;
  /** For roles with ADMIN OPTION among those reached, the nearest of these. */
  admins: ReadonlyMap<string, string>;
}

/** The same questions are asked of the admin role for every change. */
const answers = new WeakMap<MembershipGraph, Map<string, Reach>>();

/** What is reached from a role (roles_is_member_of in src/backend/utils/adt/acl.c). */
function reach(graph: MembershipGraph, start: string, path: keyof typeof PATHS): Reach {
  const known = answers.get(graph) ?? new Map<string, Reach>();
  answers.set(graph, known);
  const key = `${path} ${start}`;
  const answer = known.get(key) ?? walk(graph, start, PATHS[path]);
  known.set(key, answer);
  return answer;
}

function walk(graph: MembershipGraph, start: string, follows: (row: ObservedMembership) => boolean): Reach {
  const roles = new Set([start]);
  const admins = new Map<string, string>();
  // A set can grow while it is walked through: new roles come last.
  for (const member of roles) {
    for (const row of graph.get(member) ?? []) {
      if (row.admin && !admins.has(row.role)) admins.set(row.role, member);
      if (follows(row)) roles.add(row.role);
    }
  }
  return { roles, admins };
}

/** Roles that `member` belongs to by any path, itself included (is_member_of_role_nosuper). */
export function groupsOf(graph: MembershipGraph, member: string): ReadonlySet<string> {
  return reach(graph, member, 'any').roles;
}

/** Whether `member` has the privileges of `role` without SET ROLE (has_privs_of_role, superusers aside). */
export function inheritsFrom(graph: MembershipGraph, member: string, role: string): boolean {
  return reach(graph, member, 'inherited').roles.has(role);
}

/** Whether `member` may SET ROLE to `role`, and so give it objects (member_can_set_role, superusers aside). */
export function canSetRole(graph: MembershipGraph, member: string, role: string): boolean {
  return reach(graph, member, 'settable').roles.has(role);
}

/** Whether `member` has ADMIN OPTION on `role`, its own or that of any group (is_admin_of_role, superusers aside). */
export function isAdminOf(graph: MembershipGraph, member: string, role: string): boolean {
  return member !== role && reach(graph, member, 'any').admins.has(role);
}

/**
 * Role that a grant of `role` by `member` is recorded under from 16 on: the nearest one with ADMIN OPTION among `member` and
 * the roles whose privileges it has (select_best_admin). Undefined where there is none: the server then fails with
 * "no possible grantors", even where {@link isAdminOf} holds.
 */
export function bestAdmin(graph: MembershipGraph, member: string, role: string): string | undefined {
  return member === role ? undefined : reach(graph, member, 'inherited').admins.get(role);
}
