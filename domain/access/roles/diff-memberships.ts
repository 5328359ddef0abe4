import { quoteIdentifier } from '../../sql/quote.ts';
import type { GrantMembership, RevokeMembership } from '../changes.ts';
import { groupBy } from '../groups.ts';
import type { ObservedMembership, ObservedServer } from '../observed.ts';
import { type AccessContext, type AccessDiff, addChange, emptyDiff, hasMembershipOptions } from './context.ts';
import { sameOptions, type WantedMemberships, wantedMemberships } from './desired-memberships.ts';
import { ownGrantor } from './grantors.ts';
import { groupsOf, type MembershipGraph, membershipGraph } from './membership-graph.ts';
import { planPerGrantor, planSingleRows, type RolePlan } from './membership-plan.ts';
import { type MembershipOptions, OPTION_NAMES, RoleMembers, unionOf } from './role-members.ts';
import { createProtection, isPredefined, SERVER_ACCESS_ROLES } from './rules.ts';
import { simulateRoles } from './simulate-roles.ts';

/**
 * Memberships to grant, to adjust and to revoke. Memberships of the control plane's own role are left alone, the one that
 * PostgreSQL 16+ adds for the creator of a role among them: its right to act on the role may rest on them.
 *
 * Grants come first, then revocations, so that nobody is without what stays; only where a revocation makes room for a
 * membership in the other direction is it the other way round.
 * @param context.observed with the roles as {@link diffRoles} makes them
 */
export function diffMemberships(context: AccessContext): AccessDiff {
  const { document, observed } = context;
  const diff = emptyDiff();
  const wanted = wantedMemberships(document, observed);
  diff.problems.push(...wanted.problems);
  if (wanted.pairs.size + wanted.completeGroups.size + wanted.completeMembers.size === 0) return diff;
  const comparison = createComparison(context, wanted, diff);
  const plans = [...comparison.touchedRoles()].map((role) => comparison.plan(role));
  if (diff.problems.length > 0) return diff;
  arrange(observed, plans, comparison, diff);
  return diff;
}

/** Where in the document the membership of a pair is decided; undefined where it is not. */
function decidedAt(wanted: WantedMemberships, role: string, member: string): string | undefined {
  const single = wanted.pairs.get(role)?.get(member)?.at;
  if (single !== undefined) return single;
  const members = wanted.completeMembers.get(role);
  if (members !== undefined) return `${members}.members`;
  const groups = wanted.completeGroups.get(member);
  return groups === undefined ? undefined : `${groups}.member_of`;
}

type Comparison = ReturnType<typeof createComparison>;

function createComparison(context: AccessContext, wanted: WantedMemberships, diff: AccessDiff) {
  const { observed } = context;
  const perGrantor = hasMembershipOptions(observed.versionNum);
  const byRole = groupBy(observed.memberships, ({ role }) => role);
  const graph = membershipGraph(observed.memberships);
  const refusalOf = createRefusals(context, graph, wanted);

  function plan(role: string): RolePlan {
    const rows = byRole.get(role) ?? [];
    const before = groupBy(rows, ({ member }) => member);
    const unionBefore = (member: string) => unionOf(before.get(member) ?? []);
    const managed = new Set<string>();
    for (const member of decidedMembers(role, before.keys())) {
      const options = wanted.pairs.get(role)?.get(member)?.options;
      const had = unionBefore(member);
      if (sameOptions(had, options)) continue;
      // A complete list that does not mention the control plane's own role does not speak of it.
      if (member === observed.admin.name && !wanted.pairs.get(role)?.has(member)) continue;
      const refusal = refusalOf(role, member, had, options);
      if (refusal === undefined) managed.add(member);
      else diff.refusals.push({ path: decidedAt(wanted, role, member) ?? '', message: refusal });
    }
    const expected = (member: string) =>
      managed.has(member) ? wanted.pairs.get(role)?.get(member)?.options : unionBefore(member);
    const input = { role, rows, managed, expected, ownGrantor: ownGrantor(observed, graph, role) };
    const result = perGrantor ? planPerGrantor(input) : planSingleRows(input);
    refuseImpossible(input, result);
    return result;
  }

  /** Members of the role that the document decides on. */
  function decidedMembers(role: string, present: Iterable<string>): Set<string> {
    const complete = wanted.completeMembers.has(role);
    const ending = [...present].filter((member) => complete || wanted.completeGroups.has(member));
    return new Set([...(wanted.pairs.get(role)?.keys() ?? []), ...ending]);
  }

  /** Grants that the server would not accept from the own grantor although it has ADMIN OPTION. */
  function refuseImpossible(
    { role, rows, ownGrantor: grantor }: { role: string; rows: readonly ObservedMembership[]; ownGrantor: string },
    result: RolePlan,
  ): void {
    if (!perGrantor || observed.admin.superuser) return;
    for (const member of result.stranded) {
      diff.refusals.push({
        path: pathOf(role, member),
        message:
          `the membership of "${member}" in "${role}" would have to be granted again, and the right of ` +
          `"${observed.admin.name}" to do so ends with what is revoked`,
        remedy: `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(observed.admin.name)} WITH ADMIN OPTION`,
      });
    }
    for (const { member, admin } of [...result.regrants, ...result.grants]) {
      if (!admin || !isCircular(rows, member, grantor)) continue;
      diff.refusals.push({
        path: pathOf(role, member),
        message: `ADMIN OPTION on "${role}" cannot be granted to "${member}", which "${grantor}" has its own from`,
        remedy: `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(observed.admin.name)} WITH ADMIN OPTION`,
      });
    }
  }

  /** Whatever the document does not decide on itself changes because of something else that it says of the role. */
  function pathOf(role: string, member: string): string {
    const direct = decidedAt(wanted, role, member);
    if (direct !== undefined) return direct;
    const [first] = wanted.pairs.get(role)?.values() ?? [];
    if (first !== undefined) return first.at;
    const [of] = (byRole.get(role) ?? []).filter((row) => wanted.completeGroups.has(row.member));
    return of === undefined ? '' : (decidedAt(wanted, role, of.member) ?? '');
  }

  return {
    plan,
    pathOf,
    touchedRoles(): Set<string> {
      const ofMembers = [...wanted.completeGroups.keys()].flatMap((member) => graph.get(member) ?? []);
      return new Set([...wanted.pairs.keys(), ...wanted.completeMembers.keys(), ...ofMembers.map(({ role }) => role)]);
    },
  };
}

/** Whether the grantor has its ADMIN OPTION from the member alone (the check for circles in AddRoleMems, user.c). */
function isCircular(rows: readonly ObservedMembership[], member: string, grantor: string): boolean {
  const members = new RoleMembers(rows, true);
  if (!members.isAdmin(grantor)) return false;
  for (const row of members.of(member)) members.revoke(member, row.grantor, 'all');
  return !members.isAdmin(grantor);
}

/** Tells which rule is against a change of a membership. */
function createRefusals(context: AccessContext, graph: MembershipGraph, wanted: WantedMemberships) {
  const { document, observed, foreign } = context;
  const protection = createProtection(context);

  /** Which of the groups of the role makes its members more than what they are. */
  function elevation(role: string): string | undefined {
    for (const group of groupsOf(graph, role)) {
      const through = group === role ? '' : `, through "${group}"`;
      if (observed.roles.get(group)?.attributes.superuser && !document.allow.has('superuser')) {
        return `"allow" must list "superuser" to grant "${role}": its members can become superuser${through}`;
      }
      if (SERVER_ACCESS_ROLES.has(group) && !document.allow.has('server_access')) {
        return `"allow" must list "server_access" to grant "${role}": its members reach the server's host${through}`;
      }
    }
    return undefined;
  }

  return (
    role: string,
    member: string,
    before: MembershipOptions | undefined,
    after: MembershipOptions | undefined,
  ): string | undefined => {
    const gains = after !== undefined && OPTION_NAMES.some((option) => after[option] && !before?.[option]);
    if (role === observed.admin.name && (gains || before === undefined)) {
      return `"${role}" is the control plane's own role and is never granted`;
    }
    // Who all the members of a role are is for its owner to say.
    const protectedRole = foreign.has(role) && wanted.completeMembers.has(role) ? protection(role) : undefined;
    if (protectedRole !== undefined) return protectedRole;
    // An owner may end what others have in its own group.
    const ownGroup = after === undefined && !foreign.has(role) && !isPredefined(member);
    const endsOwn = ownGroup && member !== observed.admin.name && !wanted.completeGroups.has(member);
    const protectedMember = endsOwn ? undefined : protection(member);
    if (protectedMember !== undefined) return protectedMember;
    return gains || before === undefined ? elevation(role) : undefined;
  };
}

/** Puts the plans of all roles into one order, and finds loops. */
function arrange(
  observed: ObservedServer,
  plans: readonly RolePlan[],
  { pathOf }: Pick<Comparison, 'pathOf'>,
  diff: AccessDiff,
): void {
  const regrants = plans.flatMap((plan) => plan.regrants);
  const grants = plans.flatMap((plan) => plan.grants);
  const revokes = plans.flatMap((plan) => plan.revokes);
  const isLoop = loopFinder(observed, [...regrants, ...grants, ...revokes]);
  for (const grant of grants) {
    if (!isLoop(grant)) continue;
    const message = `role "${grant.role}" is itself a member of "${grant.member}", directly or through others`;
    diff.problems.push({ path: pathOf(grant.role, grant.member), message });
  }
  const isBlocked = revokes.length === 0 ? () => false : loopFinder(observed, [...regrants, ...grants]);
  const inOrder: (GrantMembership | RevokeMembership)[] = grants.some(isBlocked)
    ? [...regrants, ...revokes, ...grants]
    : [...regrants, ...grants, ...revokes];
  for (const change of inOrder) addChange(diff, change, pathOf(change.role, change.member));
}

/** Tells of a new membership whether it closes a loop among those after the changes. */
function loopFinder(
  observed: ObservedServer,
  changes: readonly (GrantMembership | RevokeMembership)[],
): (grant: GrantMembership) => boolean {
  const graph = membershipGraph(simulateRoles(observed, changes).memberships);
  const groups = new Map<string, ReadonlySet<string>>();
  return ({ role, member }) => {
    const reached = groups.get(role) ?? groupsOf(graph, role);
    groups.set(role, reached);
    return reached.has(member);
  };
}
