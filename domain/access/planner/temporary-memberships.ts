import { quoteIdentifier } from '../../sql/quote.ts';
import type { ObservedServer } from '../observed.ts';
import type { PlannedStatement, PlanStep } from '../plan.ts';
import { hasMembershipOptions, serverVersion } from '../roles/context.ts';
import { bestAdmin, canSetRole, groupsOf, inheritsFrom, type MembershipGraph } from '../roles/membership-graph.ts';
import { grantMembershipsSql, revokeMembershipsSql } from '../roles/role-sql.ts';
import { isSuperuser, type Missing } from './authority.ts';

/** A membership of the admin role for the length of one transaction. */
export interface TemporaryMembership {
  role: string;
  grant: PlannedStatement;
  /** Puts back exactly what was there. */
  restore: PlannedStatement;
}

/**
 * How the admin role gets the privileges of another role: it has them (undefined), it can lend them to itself for one
 * transaction, or something is missing.
 *
 * Both what it inherits and what SET ROLE reaches counts: the first to act as owner, the second to give an object to the role.
 * A superuser's privileges are never lent.
 */
export function privilegesOf(
  role: string,
  observed: ObservedServer,
  graph: MembershipGraph,
): TemporaryMembership | Missing | undefined {
  const { admin, versionNum } = observed;
  if (admin.superuser || (inheritsFrom(graph, admin.name, role) && canSetRole(graph, admin.name, role))) {
    return undefined;
  }
  if (isSuperuser(observed, role)) {
    return { message: `"${role}" is a superuser: what it owns or granted can be changed only by a superuser` };
  }
  if (groupsOf(graph, role).has(admin.name)) {
    return { message: `role "${role}" is itself a member of "${admin.name}", which therefore cannot act for it` };
  }
  return hasMembershipOptions(versionNum) ? lendPerGrantor(role, observed, graph) : lendPlain(role, observed);
}

function lendPerGrantor(role: string, observed: ObservedServer, graph: MembershipGraph): TemporaryMembership | Missing {
  const { admin } = observed;
  const grantor = bestAdmin(graph, admin.name, role);
  if (grantor === undefined) {
    return {
      message: `"${admin.name}" has neither the privileges of role "${role}" nor ADMIN OPTION on it`,
      remedy: `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(admin.name)} WITH INHERIT TRUE, SET TRUE`,
    };
  }
  const existing = graph.get(admin.name)?.find((row) => row.role === role && row.grantor === grantor);
  const lent = { grantor, admin: existing?.admin ?? false, inherit: true, set: true };
  const restore =
    existing === undefined
      ? revokeMembershipsSql([role], [admin.name], { grantor, option: 'all', cascade: false }, observed.versionNum)
      : grantMembershipsSql([role], [admin.name], existing, observed);
  return { role, grant: { sql: grantMembershipsSql([role], [admin.name], lent, observed) }, restore: { sql: restore } };
}

function lendPlain(role: string, observed: ObservedServer): TemporaryMembership | Missing {
  const { admin, versionNum } = observed;
  const remedy = `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(admin.name)}`;
  if (!admin.createrole) return { message: `"${admin.name}" does not have the privileges of role "${role}"`, remedy };
  const inherits = observed.roles.get(admin.name)?.attributes.inherit ?? true;
  if (!inherits) {
    return {
      message: `"${admin.name}" is NOINHERIT: on ${serverVersion(versionNum)} a membership in "${role}" gives it nothing`,
      remedy: `ALTER ROLE ${quoteIdentifier(admin.name)} WITH INHERIT`,
    };
  }
  // A membership that is there already, but gives nothing, was ruled out: all of them are inherited.
  const options = { grantor: admin.name, admin: false, inherit: true, set: true };
  const revoke = { grantor: admin.name, option: 'all', cascade: false } as const;
  return {
    role,
    grant: { sql: grantMembershipsSql([role], [admin.name], options, observed) },
    restore: { sql: revokeMembershipsSql([role], [admin.name], revoke, versionNum) },
  };
}

/** Encloses the steps of one transaction in what lends the privileges and what takes them back. */
export function enclose(
  steps: readonly PlanStep[],
  memberships: readonly TemporaryMembership[],
  database: string | null,
): PlanStep[] {
  if (memberships.length === 0 || steps.length === 0) return [...steps];
  const roles = memberships.map(({ role }) => role).join(', ');
  const lend: PlanStep = {
    database,
    action: 'lend privileges',
    summary: `lend the admin role the privileges of ${roles} for this transaction`,
    statements: memberships.map(({ grant }) => grant),
    changes: 0,
  };
  const restore: PlanStep = {
    database,
    action: 'return privileges',
    summary: `take the privileges of ${roles} back from the admin role`,
    statements: memberships.map(({ restore: statement }) => statement).toReversed(),
    changes: 0,
  };
  return [lend, ...steps, restore];
}
