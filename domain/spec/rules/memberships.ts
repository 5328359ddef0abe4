import type { Rule } from '../context.ts';
import { anonymousRole } from '../postgrest-config.ts';
import type { DatabaseSpec } from '../types.ts';

/** One grant that the specification asks for: `role` to `member`. */
interface Grant {
  member: string;
  role: string;
  path: string;
  /** Why it cannot be, if the member is the role itself. */
  selfMessage: string;
}

/** Refuses grants of a role to itself, directly or in a circle: the server would refuse them only half way through. */
export const membershipsRule: Rule = function* ({ spec }) {
  const rolesOf = new Map<string, Set<string>>();
  for (const { member, role, path, selfMessage } of grantsOf(spec)) {
    if (member === role) {
      yield { path, message: selfMessage };
    } else if (reaches(rolesOf, role, member)) {
      yield { path, message: 'roles cannot be granted to each other in a circle' };
    } else {
      rolesOf.set(member, (rolesOf.get(member) ?? new Set()).add(role));
    }
  }
};

function* grantsOf({ database_users: users = [], services = [] }: DatabaseSpec): Iterable<Grant> {
  for (const [i, user] of users.entries()) {
    for (const [j, role] of (user.roles ?? []).entries()) {
      const path = `database_users[${i}].roles[${j}]`;
      yield { member: user.username, role, path, selfMessage: 'a role cannot be granted to itself' };
    }
  }
  for (const [i, { connect_as: member, config = {} }] of services.entries()) {
    yield {
      member,
      role: anonymousRole(config),
      path: `services[${i}].config`,
      selfMessage: 'db_anon_role must not be the connect_as user: a role cannot be granted to itself',
    };
  }
}

function reaches(rolesOf: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  const reached = new Set([from]);
  // A set that grows while it is walked: every role is visited once.
  for (const role of reached) {
    if (role === to) return true;
    for (const next of rolesOf.get(role) ?? []) reached.add(next);
  }
  return false;
}
