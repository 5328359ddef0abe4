import { createMembershipGraph } from '../effective/closure.ts';
import type { ObservedServer } from '../observed.ts';
import { DATABASE_OWNER_ROLE } from '../roles/rules.ts';
import type { HasPrivilegesOf } from './acl-list.ts';

/**
 * Whose rights a role has in a database: its own, those of roles that it inherits from, and all for a superuser
 * (`has_privs_of_role` and `roles_is_member_of`, src/backend/utils/adt/acl.c).
 */
export function privilegeReach(
  server: Pick<ObservedServer, 'versionNum' | 'roles' | 'memberships'>,
  databaseOwner: string,
): HasPrivilegesOf {
  const graph = createMembershipGraph(server);
  return (member, role) =>
    member === role || graph.isSuperuser(member) || graph.reach('inherit', member, databaseOwner).has(role);
}

/** Whose rights stand for those of an owner: nobody can be made a member of `pg_database_owner`, only of the owner itself. */
export function actualRole(role: string, databaseOwner: string): string {
  return role === DATABASE_OWNER_ROLE ? databaseOwner : role;
}
