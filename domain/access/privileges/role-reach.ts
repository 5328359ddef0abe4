import { addToGroup } from '../groups.ts';
import type { ObservedServer } from '../observed.ts';
import { DATABASE_OWNER_ROLE } from '../roles/rules.ts';
import type { HasPrivilegesOf } from './acl-list.ts';

/**
 * Whose rights a role has in a database: its own, those of roles that it inherits from, and all for a superuser
 * (`has_privs_of_role` and `roles_is_member_of`, src/backend/utils/adt/acl.c).
 */
export function privilegeReach(
  server: Pick<ObservedServer, 'roles' | 'memberships'>,
  databaseOwner: string,
): HasPrivilegesOf {
  const inherited = new Map<string, string[]>();
  for (const { role, member, inherit } of server.memberships) {
    if (inherit) addToGroup(inherited, member, role);
  }
  const closures = new Map<string, Set<string>>();

  function closureOf(member: string): Set<string> {
    const known = closures.get(member);
    if (known !== undefined) return known;
    const reached = new Set([member]);
    // A set can grow while it is walked through: new roles come last.
    for (const role of reached) {
      for (const next of inherited.get(role) ?? []) reached.add(next);
      if (role === databaseOwner) reached.add(DATABASE_OWNER_ROLE);
    }
    closures.set(member, reached);
    return reached;
  }

  return (member, role) =>
    member === role || server.roles.get(member)?.attributes.superuser === true || closureOf(member).has(role);
}

/** Whose rights stand for those of an owner: nobody can be made a member of `pg_database_owner`, only of the owner itself. */
export function actualRole(role: string, databaseOwner: string): string {
  return role === DATABASE_OWNER_ROLE ? databaseOwner : role;
}
