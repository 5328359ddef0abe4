/** What an account may do at all, over every API family. Roles in a team are apart from these and never implied. */
export const GLOBAL_ROLES = ['admin', 'operator', 'auditor', 'member'] as const;
export type GlobalRole = (typeof GLOBAL_ROLES)[number];

/** Roles whose rights each role has. An operator is no auditor: the audit log is also about what operators do. */
const INCLUDED: Readonly<Record<GlobalRole, readonly GlobalRole[]>> = {
  admin: GLOBAL_ROLES,
  operator: ['operator', 'member'],
  auditor: ['auditor', 'member'],
  member: ['member'],
};

/** Whether `role` has every right of `other`: what a token may be narrowed to. */
export function includesRole(role: GlobalRole, other: GlobalRole): boolean {
  return INCLUDED[role].includes(other);
}

/** The rights that two roles have in common: those of a token whose account has changed since it was made. */
export function commonRole(a: GlobalRole, b: GlobalRole): GlobalRole {
  return INCLUDED[a].find((role) => includesRole(b, role)) ?? 'member';
}
