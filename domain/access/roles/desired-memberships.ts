import type { Problem } from '../../spec/problems.ts';
import type { AccessDocument, DesiredMembership } from '../document.ts';
import type { ObservedServer } from '../observed.ts';
import { hasMembershipOptions, serverVersion } from './context.ts';
import { type MembershipOptions, OPTION_NAMES } from './role-members.ts';
import { DATABASE_OWNER_ROLE, missingRoleMessage } from './rules.ts';

/** What a document says of one pair of role and member. */
interface WantedMembership {
  /** Undefined: the membership is to end. */
  options: MembershipOptions | undefined;
  at: string;
}

/** All that a document says of memberships. */
export interface WantedMemberships {
  /** By role, then by member. */
  pairs: Map<string, Map<string, WantedMembership>>;
  /** Members whose list of groups is complete, with the place of their entry. */
  completeGroups: Map<string, string>;
  /** Roles whose list of members is complete, with the place of their entry. */
  completeMembers: Map<string, string>;
  problems: Problem[];
}

/**
 * Collects the lists of the roles and the single memberships. Problems: roles that are not there, options that the server's
 * version does not have, entries that contradict each other or a complete list.
 * @param observed with the roles as the document makes them
 */
export function wantedMemberships(document: AccessDocument, observed: ObservedServer): WantedMemberships {
  const wanted: WantedMemberships = {
    pairs: new Map(),
    completeGroups: new Map(),
    completeMembers: new Map(),
    problems: [],
  };
  for (const { name, at, memberOf, members } of document.roles) {
    if (memberOf !== undefined) wanted.completeGroups.set(name, at);
    if (members !== undefined) wanted.completeMembers.set(name, at);
  }
  const named = new Set(document.roles.map(({ name }) => name));
  const listedGroups = pairKeys(document.roles.flatMap(({ memberOf = [] }) => memberOf));
  const listedMembers = pairKeys(document.roles.flatMap(({ members = [] }) => members));
  const entries = [
    ...document.roles.flatMap(({ memberOf = [], members = [] }) => [...memberOf, ...members]),
    ...document.memberships,
  ];
  for (const entry of entries) {
    const problem =
      entryProblem(entry, observed, named) ??
      contradiction(entry, 'member_of', wanted.completeGroups.get(entry.member), listedGroups) ??
      contradiction(entry, 'members', wanted.completeMembers.get(entry.role), listedMembers) ??
      add(wanted, entry, observed);
    if (problem !== undefined) wanted.problems.push({ path: entry.at, message: problem });
  }
  return wanted;
}

function pairKey({ role, member }: DesiredMembership): string {
  return `${role}\0${member}`;
}

function pairKeys(memberships: readonly DesiredMembership[]): ReadonlySet<string> {
  return new Set(memberships.map(pairKey));
}

/** Why an entry cannot hold on this server, whatever the rest of the document says. */
function entryProblem(
  entry: DesiredMembership,
  observed: ObservedServer,
  named: ReadonlySet<string>,
): string | undefined {
  // A membership in or of a role that is not there has ended.
  if (entry.absent) return undefined;
  const { role, member } = entry;
  const missing = [role, member].find((name) => !observed.roles.has(name) && !named.has(name));
  if (missing !== undefined) return missingRoleMessage(missing);
  if (role === DATABASE_OWNER_ROLE) return `"${role}" cannot have members: it is whoever owns the database`;
  if (member === DATABASE_OWNER_ROLE) return `"${member}" cannot be a member of any role`;
  if (role === member) return `role "${role}" cannot be a member of itself`;
  return hasMembershipOptions(observed.versionNum) ? undefined : optionProblem(entry, observed);
}

/** Before 16 INHERIT is an attribute of the member, and SET ROLE is open to every member. */
function optionProblem({ member, inherit, set }: DesiredMembership, observed: ObservedServer): string | undefined {
  const version = serverVersion(observed.versionNum);
  if (set === false) return `${version} has no SET option: every member may SET ROLE (16 and later have it)`;
  const attribute = observed.roles.get(member)?.attributes.inherit;
  if (inherit === undefined || inherit === attribute) return undefined;
  return (
    `${version} has no INHERIT option: the member's attribute counts for all its memberships, ` +
    `and role "${member}" is ${attribute ? 'INHERIT' : 'NOINHERIT'}`
  );
}

/** An entry beside a complete list must be in it; one that ends a membership must not. */
function contradiction(
  entry: DesiredMembership,
  list: string,
  completeAt: string | undefined,
  listed: ReadonlySet<string>,
): string | undefined {
  if (completeAt === undefined || entry.absent || listed.has(pairKey(entry))) return undefined;
  return `contradicts ${completeAt}.${list}, which is complete and does not list this membership`;
}

function add(wanted: WantedMemberships, entry: DesiredMembership, observed: ObservedServer): string | undefined {
  const options = entry.absent ? undefined : resolvedOptions(entry, observed);
  const members = wanted.pairs.get(entry.role) ?? new Map<string, WantedMembership>();
  wanted.pairs.set(entry.role, members);
  const earlier = members.get(entry.member);
  if (earlier !== undefined && !sameOptions(earlier.options, options)) {
    return `contradicts ${earlier.at}: the same membership with other options`;
  }
  if (earlier === undefined) members.set(entry.member, { options, at: entry.at });
  return undefined;
}

function resolvedOptions(
  { member, admin, inherit = true, set = true }: DesiredMembership,
  observed: ObservedServer,
): MembershipOptions {
  if (hasMembershipOptions(observed.versionNum)) return { admin, inherit, set };
  return { admin, inherit: observed.roles.get(member)?.attributes.inherit ?? true, set: true };
}

/** Whether two memberships grant the same; undefined is none. */
export function sameOptions(a: MembershipOptions | undefined, b: MembershipOptions | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return OPTION_NAMES.every((option) => a[option] === b[option]);
}
