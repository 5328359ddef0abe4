/**
 * Group roles that give the roles of a cluster their flavor: one of each on a server. A role of a cluster is a member of one of
 * them, so that changing its flavor is one change of memberships, whatever the groups have their rights from.
 */
export const FLAVOR_GROUPS = { read: 'pgsteward_read', write: 'pgsteward_write' } as const;

/** Tells a group from a role that somebody made by hand under its name. */
export const FLAVOR_GROUP_COMMENT = 'pgsteward: what roles of a cluster may do, by flavor';

/** Where functions and event triggers of a database lie. */
export const FLAVOR_SCHEMA = 'pgsteward_flavors';

/** What is installed in a database. */
export interface FlavorInstallation {
  /** The groups have rights on every table, and an event trigger gives them those on new ones. */
  cover: boolean;
  /** Another event trigger keeps roles that are to read from creating what PUBLIC may create. */
  guard: boolean;
}

/** Raised when the functions change: databases with an older version are seen to again. */
const VERSION = 1;

/** Comment of the schema: what is installed there. */
export function installationComment({ cover, guard }: FlavorInstallation): string {
  const parts = [cover && 'cover', guard && 'guard'].filter((part) => part !== false);
  return `pgsteward flavors ${VERSION}: ${parts.join(', ')}`;
}
