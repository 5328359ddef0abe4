import type { ObservedServer } from '../observed.ts';
import { hasMembershipOptions } from './context.ts';
import { bestAdmin, type MembershipGraph } from './membership-graph.ts';
import { BOOTSTRAP_OID } from './rules.ts';

/**
 * Name of the superuser that initdb made. Where the roles were read without it, that of the admin role stands for it:
 * statements of a superuser do not name it.
 */
export function bootstrapSuperuser(observed: Pick<ObservedServer, 'roles' | 'admin'>): string {
  for (const role of observed.roles.values()) if (role.oid === BOOTSTRAP_OID) return role.name;
  return observed.admin.name;
}

/**
 * Role that a grant of `role` by the admin role is recorded under (check_role_grantor in src/backend/commands/user.c). Where
 * the admin role may not grant at all, its own name.
 */
export function ownGrantor(observed: ObservedServer, graph: MembershipGraph, role: string): string {
  const { admin, versionNum } = observed;
  if (!hasMembershipOptions(versionNum)) return admin.name;
  if (admin.superuser) return bootstrapSuperuser(observed);
  return bestAdmin(graph, admin.name, role) ?? admin.name;
}
