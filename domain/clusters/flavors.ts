/** What a role of a cluster may do with tables: read them, or change their rows as well. */
export const ROLE_FLAVORS = ['read', 'write'] as const;
export type RoleFlavor = (typeof ROLE_FLAVORS)[number];
