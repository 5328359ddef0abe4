import { quoteIdentifier } from '../../sql/quote.ts';
import type { RoleMembership } from './facts.ts';

/** One membership that changes. */
export interface MembershipStatement {
  sql: string;
  /** For people: `reporting to app, granted by admin`. */
  label: string;
  /** DROP ROLE takes it along: a refusal of this statement alone does no harm. */
  optional: boolean;
}

/** How the memberships of a role end. */
export interface MembershipPlan {
  /** Given again, so that nobody loses what the role had granted. */
  regrants: MembershipStatement[];
  revokes: MembershipStatement[];
}

/**
 * Plans how the memberships of a role end, in both directions. From 16 on each grantor's own: a plain REVOKE leaves those of
 * others. What the role granted to others is granted again before, by the admin role (recorded under the bootstrap superuser
 * where that is a superuser); before 16 it depends on nobody and stays as it is. Memberships of the admin role in it stay until
 * the end: they are what allows to change it.
 */
export function planMemberships(input: {
  role: string;
  admin: string;
  /** Who is recorded as grantor of what the admin role grants. */
  recordedGrantor: string;
  major: number;
  /** All that name the role, and others' grants of those that it granted. */
  memberships: readonly RoleMembership[];
}): MembershipPlan {
  const { role, admin, recordedGrantor, major } = input;
  const perGrantor = major >= 16;
  const given = perGrantor ? input.memberships.filter(({ grantor }) => grantor === role) : [];
  const own = input.memberships.filter(
    (membership) =>
      [membership.role, membership.member].includes(role) && membership.member !== admin && !given.includes(membership),
  );
  const revoke = (membership: RoleMembership, optional: boolean): MembershipStatement => {
    const by = perGrantor ? ` GRANTED BY ${quoteIdentifier(membership.grantor)}` : '';
    // Whoever had ADMIN on the role itself may have granted it on: all of that goes.
    const cascade = membership.role === role ? ' CASCADE' : '';
    return {
      sql: `REVOKE ${quoteIdentifier(membership.role)} FROM ${quoteIdentifier(membership.member)}${by}${cascade}`,
      label: label(membership),
      optional,
    };
  };
  return {
    regrants: given
      .filter((membership) => membership.role !== role && membership.member !== role)
      .map((membership) =>
        regrant(
          membership,
          input.memberships.filter(({ grantor }) => grantor === role || grantor === recordedGrantor),
        ),
      ),
    // First what the role granted: its own ADMIN option is what that rests on.
    revokes: [
      ...given.map((membership) => revoke(membership, false)),
      ...own.map((membership) => revoke(membership, true)),
    ],
  };
}

/** GRANT sets the options of the row that is there: it must not take away what that one has beyond the role's own grant. */
function regrant({ role, member }: RoleMembership, memberships: readonly RoleMembership[]): MembershipStatement {
  const rows = memberships.filter((row) => row.role === role && row.member === member);
  const options = (['admin', 'inherit', 'set'] as const).map(
    (option) => `${option.toUpperCase()} ${rows.some((row) => row[option]) ? 'TRUE' : 'FALSE'}`,
  );
  return {
    sql: `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(member)} WITH ${options.join(', ')}`,
    label: `${role} to ${member}`,
    optional: false,
  };
}

function label({ role, member, grantor }: RoleMembership): string {
  return `${role} to ${member}, granted by ${grantor}`;
}
