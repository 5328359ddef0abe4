import { defaultOwnerRole } from '../marker.ts';
import { DEFAULT_ANONYMOUS_ROLE } from '../spec/names.ts';
import type { ResolvedSpec } from '../spec/normalize.ts';
import type { RoleAttribute } from '../spec/role-attributes.ts';

/** A role that a database needs on each of its servers. */
export interface DesiredRole {
  name: string;
  attributes: RoleAttribute[];
  /** Roles it is to be a member of. */
  memberOf: string[];
  /** Whether memberships are inherited; `connect_as` switches roles instead (PostgREST's authenticator). */
  inherit: boolean;
  adopt: boolean;
  /** Where the role comes from in the specification, for messages. */
  path: string;
}

/** The role that owns the database: the user marked `db_owner`, or a NOLOGIN role made for it. */
export function ownerRole(spec: ResolvedSpec, databaseId: string): string {
  return spec.users.find((user) => user.owner)?.username ?? defaultOwnerRole(databaseId);
}

/** Whether a service runs anonymous requests as the built-in read-only role. */
export function usesReadOnlyRole(spec: ResolvedSpec): boolean {
  return spec.services.some((service) => service.settings.anonymousRole === DEFAULT_ANONYMOUS_ROLE);
}

/** The roles of a specification, the owner included. Pure. */
export function desiredRoles(spec: ResolvedSpec, databaseId: string): DesiredRole[] {
  const authenticators = new Set(spec.services.map((service) => service.connectAs));
  const users = spec.users.map((user, index): DesiredRole => {
    const switchesRoles = authenticators.has(user.username);
    return {
      name: user.username,
      attributes: switchesRoles ? withNoInherit(user.attributes) : user.attributes,
      memberOf: user.roles,
      inherit: !switchesRoles,
      adopt: user.adopt,
      path: `database_users[${index}]`,
    };
  });
  if (spec.users.some((user) => user.owner)) return users;
  const owner: DesiredRole = {
    name: defaultOwnerRole(databaseId),
    attributes: ['NOLOGIN'],
    memberOf: [],
    inherit: true,
    adopt: false,
    path: 'database_users',
  };
  return [owner, ...users];
}

/** Owners that are the login of a service, and NOINHERIT for that. */
export function switchingOwners(spec: ResolvedSpec, databaseId: string): string[] {
  const owner = ownerRole(spec, databaseId);
  return spec.services.some(({ connectAs }) => connectAs === owner) ? [owner] : [];
}

function withNoInherit(attributes: RoleAttribute[]): RoleAttribute[] {
  return [...attributes.filter((attribute) => attribute !== 'INHERIT' && attribute !== 'NOINHERIT'), 'NOINHERIT'];
}
