import type { GrantMembership, RevokeMembership } from '../changes.ts';
import type { ObservedMembership } from '../observed.ts';
import { sameOptions } from './desired-memberships.ts';
import { type MembershipOptions, OPTION_NAMES, RoleMembers, unionOf } from './role-members.ts';

/** What is to be done about the members of one role. */
export interface RolePlan {
  /** To members of before: adjusted options, and what would otherwise go with a grantor. */
  regrants: GrantMembership[];
  /** To new members. */
  grants: GrantMembership[];
  revokes: RevokeMembership[];
  /** Members that cannot get what they are to have, because the grantor's own ADMIN OPTION comes from what ends. */
  stranded: string[];
}

interface Removal {
  member: string;
  grantor: string;
  options: RevokeMembership['options'];
}

/** What a member is to have in the end; undefined: no membership. */
type Expected = (member: string) => MembershipOptions | undefined;

/**
 * Plans the members of one role on 16+, where each grantor has a row of its own. Only the own grantor's row gets options;
 * from the others' rows what exceeds is revoked. What a member granted on ends when it loses its last ADMIN OPTION: whoever
 * is to keep such a membership gets it from the own grantor first, so that the revocation may cascade.
 */
export function planPerGrantor(input: {
  role: string;
  rows: readonly ObservedMembership[];
  /** Members that the document decides on. */
  managed: Iterable<string>;
  expected: Expected;
  ownGrantor: string;
}): RolePlan {
  const { role, rows, managed, expected, ownGrantor } = input;
  const before = new RoleMembers(rows, true);
  const grants = new Map<string, MembershipOptions>();
  const removals: Removal[] = [];
  for (const member of managed) planMember(before, member, expected(member), ownGrantor, grants, removals);
  sortByDepth(removals, before);

  const stranded: string[] = [];
  for (;;) {
    const after = outcome(input, grants, removals);
    const lost = lostMembers(before, after.members, expected, grants);
    if (lost.length === 0) break;
    const next = lost.filter((member) => !grants.has(member));
    stranded.push(...lost.filter((member) => grants.has(member)));
    if (next.length === 0 || stranded.length > 0) break;
    for (const member of nearest(next, before, expected)) {
      const options = expected(member);
      const own = before.row(member, ownGrantor);
      if (options !== undefined) grants.set(member, { ...options, admin: options.admin || (own?.admin ?? false) });
    }
  }
  const { revokes } = outcome(input, grants, removals);
  const planned = [...grants].map(([member, options]): GrantMembership => {
    return { type: 'grant_membership', role, member, grantor: ownGrantor, ...options };
  });
  return {
    regrants: planned.filter(({ member }) => before.of(member).length > 0),
    grants: planned.filter(({ member }) => before.of(member).length === 0),
    revokes,
    stranded,
  };
}

/** Adds what brings one member to the options that it is to have. */
function planMember(
  before: RoleMembers,
  member: string,
  wanted: MembershipOptions | undefined,
  ownGrantor: string,
  grants: Map<string, MembershipOptions>,
  removals: Removal[],
): void {
  const rows = before.of(member);
  const union = unionOf(rows);
  if (sameOptions(union, wanted)) return;
  if (wanted === undefined) {
    for (const { grantor } of rows) removals.push({ member, grantor, options: 'all' });
    return;
  }
  const own = rows.find(({ grantor }) => grantor === ownGrantor);
  const isMissing = OPTION_NAMES.some((option) => wanted[option] && !union?.[option]) || union === undefined;
  // GRANT … WITH ADMIN FALSE would leave behind what the member granted on: ADMIN goes by REVOKE only.
  const ownAfter = { ...wanted, admin: wanted.admin || (own?.admin ?? false) };
  const ownExceeds = own !== undefined && ((own.inherit && !wanted.inherit) || (own.set && !wanted.set));
  if (isMissing || ownExceeds) grants.set(member, ownAfter);
  for (const row of rows) {
    const isOwn = row.grantor === ownGrantor;
    const options = OPTION_NAMES.filter((option) => row[option] && !wanted[option] && (!isOwn || option === 'admin'));
    if (options.length > 0) removals.push({ member, grantor: row.grantor, options });
  }
}

/** Nearest to the root of the grants first: what goes with a grantor needs no statement of its own. */
function sortByDepth(removals: Removal[], before: RoleMembers): void {
  const depths = new Map<string, number>();
  const depthOf = (grantor: string): number => {
    const known = depths.get(grantor);
    if (known !== undefined) return known;
    // Ends the recursion, should there be a loop after all.
    depths.set(grantor, 0);
    const adminRows = before.of(grantor).filter(({ admin }) => admin);
    const depth = adminRows.length === 0 ? 0 : 1 + Math.min(...adminRows.map((row) => depthOf(row.grantor)));
    depths.set(grantor, depth);
    return depth;
  };
  removals.sort((a, b) => depthOf(a.grantor) - depthOf(b.grantor));
}

/** The role's members after the grants and then the removals, and the revocations that this takes. */
function outcome(
  { role, rows, ownGrantor }: { role: string; rows: readonly ObservedMembership[]; ownGrantor: string },
  grants: ReadonlyMap<string, MembershipOptions>,
  removals: readonly Removal[],
): { members: RoleMembers; revokes: RevokeMembership[] } {
  const members = new RoleMembers(rows, true);
  for (const [member, options] of grants) members.grant({ role, member, grantor: ownGrantor, ...options });
  const revokes: RevokeMembership[] = [];
  for (const { member, grantor, options } of removals) {
    const row = members.row(member, grantor);
    if (row === undefined) continue;
    const dropsAdmin = row.admin && (options === 'all' || options.includes('admin'));
    // Also where another row still keeps the dependent grants: statements may be merged and run in another order.
    const cascade = dropsAdmin && members.hasGranted(member);
    members.revoke(member, grantor, options);
    revokes.push({ type: 'revoke_membership', role, member, grantor, options, cascade });
  }
  return { members, revokes };
}

/** Members that end up with less than they are to have. */
function lostMembers(
  before: RoleMembers,
  after: RoleMembers,
  expected: Expected,
  grants: ReadonlyMap<string, MembershipOptions>,
): string[] {
  const candidates = new Set([...before.rows().map(({ member }) => member), ...grants.keys()]);
  return [...candidates].filter((member) => {
    const wanted = expected(member);
    if (wanted === undefined) return false;
    const has = unionOf(after.of(member));
    return has === undefined || OPTION_NAMES.some((option) => wanted[option] && !has[option]);
  });
}

/**
 * Of the members that lose something, those that do not lose it through another of them: once these keep ADMIN OPTION, what
 * they granted stays.
 */
function nearest(lost: readonly string[], before: RoleMembers, expected: Expected): string[] {
  const restoresAdmin = new Set(lost.filter((member) => expected(member)?.admin));
  const first = lost.filter((member) => before.of(member).every(({ grantor }) => !restoresAdmin.has(grantor)));
  return first.length > 0 ? first : [...lost];
}

/**
 * Plans the members of one role before 16: one row for each member, whose only option is ADMIN, and which anybody who may
 * revoke it ends, whoever granted it.
 */
export function planSingleRows(input: {
  role: string;
  rows: readonly ObservedMembership[];
  managed: Iterable<string>;
  expected: Expected;
  ownGrantor: string;
}): RolePlan {
  const { role, rows, managed, expected, ownGrantor } = input;
  const before = new RoleMembers(rows, false);
  const plan: RolePlan = { regrants: [], grants: [], revokes: [], stranded: [] };
  for (const member of managed) {
    const [row] = before.of(member);
    const wanted = expected(member);
    const revoke = (options: RevokeMembership['options'], grantor: string) =>
      plan.revokes.push({ type: 'revoke_membership', role, member, grantor, options, cascade: false });
    if (wanted === undefined) {
      if (row !== undefined) revoke('all', row.grantor);
      continue;
    }
    const grant: GrantMembership = { type: 'grant_membership', role, member, grantor: ownGrantor, ...wanted };
    if (row === undefined) plan.grants.push(grant);
    else if (wanted.admin && !row.admin) plan.regrants.push(grant);
    else if (row.admin && !wanted.admin) revoke(['admin'], row.grantor);
  }
  return plan;
}
