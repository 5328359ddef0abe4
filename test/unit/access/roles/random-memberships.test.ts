import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupBy } from '../../../../domain/access/groups.ts';
import type { ObservedMembership, ObservedServer } from '../../../../domain/access/observed.ts';
import { diffMemberships } from '../../../../domain/access/roles/diff-memberships.ts';
import { RoleMembers, unionOf } from '../../../../domain/access/roles/role-members.ts';
import { simulateRoles } from '../../../../domain/access/roles/simulate-roles.ts';
import { contextOf, type DocumentSpec, row, SUPERUSER, server } from './builders.ts';

const COUNT = 7;
const NAMES = Array.from({ length: COUNT }, (_, index) => `r${index}`);
const ROLES = Object.fromEntries(NAMES.map((name) => [name, {}]));
const nameOf = (index: number) => NAMES[index] ?? '';

const index = fc.integer({ min: 0, max: COUNT - 1 });
/** Without loops: members have the higher number. */
const edge = fc.tuple(index, index).filter(([role, member]) => role < member);
const options = fc.record({ admin: fc.boolean(), inherit: fc.boolean(), set: fc.boolean() });

/** Grants as the server takes them: by whoever has ADMIN OPTION by then, else by the bootstrap superuser. */
const grants = fc.array(fc.tuple(edge, options, fc.nat()), { maxLength: 25 });

function membershipsOf(list: typeof grants extends fc.Arbitrary<infer T> ? T : never, major: number) {
  const byRole = new Map<string, RoleMembers>();
  for (const [[role, member], chosen, seed] of list) {
    const members = byRole.get(nameOf(role)) ?? new RoleMembers([], major >= 16);
    byRole.set(nameOf(role), members);
    const admins = NAMES.filter((name) => members.isAdmin(name) && !dependsOn(members, name, nameOf(member)));
    const grantor = [SUPERUSER, ...admins][seed % (admins.length + 1)] ?? SUPERUSER;
    const fixed = major >= 16 ? chosen : { ...chosen, inherit: true, set: true };
    // A grant that takes ADMIN away would leave dangling grants, as on the server.
    const admin = fixed.admin || (members.row(nameOf(member), grantor)?.admin ?? false);
    members.grant(row(nameOf(role), nameOf(member), { ...fixed, admin, grantor }));
  }
  return [...byRole.values()].flatMap((members) => members.rows());
}

function dependsOn(members: RoleMembers, grantor: string, member: string): boolean {
  if (grantor === member) return true;
  const copy = new RoleMembers(members.rows(), true);
  for (const { grantor: by } of copy.of(member)) copy.revoke(member, by, 'all');
  return !copy.isAdmin(grantor);
}

const wanted = fc.uniqueArray(fc.record({ pair: edge, absent: fc.boolean(), options }), {
  maxLength: 8,
  selector: ({ pair }) => pair.join(' '),
});
const lists = fc.record({
  members: fc.uniqueArray(index, { maxLength: 2 }),
  groups: fc.uniqueArray(index, { maxLength: 2 }),
});

/** A document without contradictions: complete lists are what the single memberships leave of the pairs. */
function documentOf(
  entries: typeof wanted extends fc.Arbitrary<infer T> ? T : never,
  { members, groups }: typeof lists extends fc.Arbitrary<infer T> ? T : never,
  major: number,
): DocumentSpec {
  const pairs = entries.map(({ pair: [role, member], absent, options: { admin, inherit, set } }) => {
    const chosen = major >= 16 ? { admin, inherit, set } : { admin };
    return { role: nameOf(role), member: nameOf(member), absent, ...chosen };
  });
  const present = pairs.filter(({ absent }) => !absent);
  const named = [...new Set([...members, ...groups])].map(nameOf);
  return {
    roles: named.map((name) => ({
      name,
      ...(members.map(nameOf).includes(name) && { members: present.filter(({ role }) => role === name) }),
      ...(groups.map(nameOf).includes(name) && { memberOf: present.filter(({ member }) => member === name) }),
    })),
    memberships: pairs,
  };
}

const keyOf = ({ role, member }: { role: string; member: string }) => `${role} ${member}`;

function effective(memberships: readonly ObservedMembership[]): Map<string, unknown> {
  return new Map([...groupBy(memberships, keyOf)].map(([key, rows]) => [key, unionOf(rows)]));
}

/** What the document asks for, told without the code under test. */
function expectedOf(observed: ObservedServer, spec: DocumentSpec): Map<string, unknown> {
  const expected = effective(observed.memberships);
  for (const key of [...expected.keys()]) {
    const [role, member] = key.split(' ');
    const isComplete = (spec.roles ?? []).some(
      (each) => (each.name === role && each.members) || (each.name === member && each.memberOf),
    );
    if (isComplete) expected.delete(key);
  }
  for (const { absent, role, member, admin = false, inherit = true, set = true } of spec.memberships ?? []) {
    if (absent) expected.delete(`${role} ${member}`);
    else expected.set(`${role} ${member}`, { admin, inherit, set });
  }
  return expected;
}

describe.each([15, 16, 18])('any memberships and any document on %i', (major) => {
  test('end in what is asked for, leave what is not mentioned, and need no second run', () => {
    fc.assert(
      fc.property(grants, wanted, lists, (list, entries, complete) => {
        const observed = server({ major, roles: ROLES, memberships: membershipsOf(list, major) });
        const spec = documentOf(entries, complete, major);
        const context = contextOf(observed, spec);
        const diff = diffMemberships(context);
        expect(diff.problems).toEqual([]);
        expect(diff.refusals).toEqual([]);
        const after = simulateRoles(observed, diff.changes);
        expect(effective(after.memberships)).toEqual(expectedOf(observed, spec));
        expect(diffMemberships({ ...context, observed: after }).changes).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('every revocation finds its row, and none is refused for what depends on it', () => {
    fc.assert(
      fc.property(grants, wanted, lists, (list, entries, complete) => {
        const observed = server({ major, roles: ROLES, memberships: membershipsOf(list, major) });
        const { changes } = diffMemberships(contextOf(observed, documentOf(entries, complete, major)));
        let state = observed;
        for (const change of changes) {
          if (change.type === 'revoke_membership') {
            const rows = state.memberships.filter(({ role }) => role === change.role);
            const members = new RoleMembers(rows, major >= 16);
            expect(members.row(change.member, change.grantor)).toBeDefined();
            const dropsAdmin = change.options === 'all' || change.options.includes('admin');
            const rest = rows.length - (change.options === 'all' ? 1 : 0);
            members.revoke(change.member, change.grantor, change.options);
            if (dropsAdmin && members.rows().length < rest) expect(change.cascade).toBe(true);
          }
          state = simulateRoles(state, [change]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
