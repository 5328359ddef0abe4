import { quoted } from '../../../spec/problems.ts';
import type { AccessDocument, DesiredMembership } from '../../document.ts';
import { DATABASE_OWNER_ROLE } from '../../roles/rules.ts';
import { describeCycle, membershipCycles } from '../membership-cycles.ts';
import type { Rule } from './rule.ts';

/** Every membership that a document asks for, or asks to end. */
export function allMemberships({ roles, memberships }: AccessDocument): DesiredMembership[] {
  return [...roles.flatMap(({ memberOf = [], members = [] }) => [...memberOf, ...members]), ...memberships];
}

/** Memberships that cannot be, and entries that contradict each other. */
export const membershipsRule: Rule = function* (document) {
  const all = allMemberships(document);
  for (const { role, member, absent, at } of all) {
    if (absent) continue;
    if (role === member) yield { path: at, message: `role ${quoted(role)} cannot be a member of itself` };
    else if (role === DATABASE_OWNER_ROLE || member === DATABASE_OWNER_ROLE) {
      yield { path: at, message: `"${DATABASE_OWNER_ROLE}" has no memberships: it is whoever owns the database` };
    }
  }
  yield* contradictions(all);
  for (const cycle of membershipCycles(all.filter(({ absent }) => !absent))) {
    const message = `roles cannot be members of each other in a circle: ${describeCycle(cycle)}`;
    yield { path: cycle.at(-1)?.at ?? '', message };
  }
};

function* contradictions(memberships: readonly DesiredMembership[]) {
  const seen = new Map<string, DesiredMembership>();
  for (const membership of memberships) {
    const key = pairKey(membership);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, membership);
    else if (first.absent !== membership.absent) {
      const message = `contradicts ${first.at}, where the same membership is ${first.absent ? 'to end' : 'asked for'}`;
      yield { path: membership.at, message };
    } else if (!membership.absent && optionsKey(first) !== optionsKey(membership)) {
      yield { path: membership.at, message: `contradicts ${first.at}: the same membership with other options` };
    }
  }
}

/** A complete list has every membership that the document asks for elsewhere. */
export const completeMembershipsRule: Rule = function* (document) {
  const listed = {
    memberOf: new Set(document.roles.flatMap(({ memberOf = [] }) => memberOf.map(pairKey))),
    members: new Set(document.roles.flatMap(({ members = [] }) => members.map(pairKey))),
  };
  const roles = new Map(document.roles.map((role) => [role.name, role]));
  for (const membership of allMemberships(document)) {
    if (membership.absent) continue;
    const { role, member, at } = membership;
    const key = pairKey(membership);
    const ofMember = roles.get(member);
    const ofRole = roles.get(role);
    if (ofMember?.memberOf !== undefined && !listed.memberOf.has(key)) {
      yield { path: at, message: `contradicts ${ofMember.at}.member_of, which is complete and lacks ${quoted(role)}` };
    }
    if (ofRole?.members !== undefined && !listed.members.has(key)) {
      yield { path: at, message: `contradicts ${ofRole.at}.members, which is complete and lacks ${quoted(member)}` };
    }
  }
};

function pairKey({ role, member }: DesiredMembership): string {
  return `${role}\0${member}`;
}

function optionsKey({ admin, inherit = true, set = true }: DesiredMembership): string {
  return `${admin} ${inherit} ${set}`;
}
