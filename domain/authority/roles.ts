/** What an account may do at all, over every API family. Roles in a team are apart from these and never implied. */
export const GLOBAL_ROLES = ['admin', 'operator', 'auditor', 'member'] as const;
export type GlobalRole = (typeof GLOBAL_ROLES)[number];
