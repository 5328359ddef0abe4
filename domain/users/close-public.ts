import type { DesiredGrant, DesiredMembership, DesiredRole } from '../access/document.ts';
import { createMembershipGraph } from '../access/effective/closure.ts';
import {
  type AclEntry,
  type ObservedDatabase,
  type ObservedObject,
  type ObservedServer,
  PUBLIC,
} from '../access/observed.ts';
import { privilegesOf } from '../access/planner/temporary-memberships.ts';
import { indexOfContents } from '../access/privileges/contents-index.ts';
import { isSystemSchema } from '../access/privileges/select-objects.ts';
import { maskOf, type PrivilegeMask } from '../access/privileges.ts';
import { hasMembershipOptions } from '../access/roles/context.ts';
import { membershipGraph } from '../access/roles/membership-graph.ts';
import { DATABASE_OWNER_ROLE, isPredefined } from '../access/roles/rules.ts';
import type { GroupNames } from './groups.ts';

/** A group role of ours: by which names, and which comment it is known by. */
export interface NamedGroup {
  names: GroupNames;
  /** A role of its name with another comment is somebody else's. */
  comment: string;
}

/** Where in a document what is worked out here stands, for messages. */
export const GROUPS_PATH = 'groups';

/** A role of the preferred name that is not this group keeps it. */
export function nameOf({ names, comment }: NamedGroup, observed: Pick<ObservedServer, 'roles'>): string {
  const holder = observed.roles.get(names.preferred);
  return holder === undefined || holder.comment === comment ? names.preferred : names.fallback;
}

export function groupRole({ comment }: NamedGroup, name: string): DesiredRole {
  return { name, at: GROUPS_PATH, attributes: { login: false }, comment, hasPassword: false, adopt: true };
}

/** What keeps users who only read from what PUBLIC may do. */
export interface Closing {
  roles: DesiredRole[];
  memberships: DesiredMembership[];
  grants: DesiredGrant[];
  revokes: DesiredGrant[];
}

const NOTHING: Closing = { roles: [], memberships: [], grants: [], revokes: [] };
const CREATE = maskOf(['CREATE']);
const CONNECT = maskOf(['CONNECT']);

/**
 * Before PostgreSQL 15 PUBLIC may create objects in the schema `public`, and nobody can be kept from what PUBLIC may do. So where a
 * group is to read only, CREATE passes from PUBLIC to a group that everybody else is a member of: every login that may enter the
 * database, and the other groups. Nobody loses anything but those who are to read only. A login that is made later by somebody else
 * becomes a member when the groups are seen to the next time.
 *
 * Where the admin role may not do that, everything stays as it is.
 */
export function closePublic(of: {
  observed: ObservedServer;
  database: ObservedDatabase;
  everyone: NamedGroup;
  groups: readonly { role: string; readOnly: boolean }[];
  /** Roles of other owners. */
  foreign: ReadonlyMap<string, string>;
}): Closing {
  const { observed, database, everyone, groups, foreign } = of;
  const role = nameOf(everyone, observed);
  const isThere = observed.roles.get(role)?.comment === everyone.comment;
  const schemas = userSchemas(database);
  const open = schemas.filter((schema) => holds(schema.acl, PUBLIC, CREATE) && mayClose(observed, database, schema));
  if (!groups.some(({ readOnly }) => readOnly) || (open.length === 0 && !isThere)) return NOTHING;
  const logins = loginsBeside(observed, database, groups);
  // A membership gives them nothing before 16.
  const alone = logins.filter((name) => !hasMembershipOptions(observed.versionNum) && !inherits(observed, name));
  const others = groups.filter(({ readOnly }) => !readOnly).map((group) => group.role);
  const members = [...others, ...logins.filter((name) => !alone.includes(name))];
  const closed = schemas.filter((schema) => open.includes(schema) || (isThere && holds(schema.acl, role, CREATE)));
  const on = (objects: readonly ObservedObject[], grantees: string[]): DesiredGrant[] => {
    const selector = { kind: 'schema' as const, schema: null, names: objects.map(({ name }) => name) };
    const rest = { privileges: ['CREATE' as const], grantOption: false, laterBy: [], at: GROUPS_PATH };
    return objects.length === 0 ? [] : [{ on: selector, to: grantees, ...rest }];
  };
  // Those that belong to others are named, so that they may become members; the groups are in the document already.
  const adopted = logins.filter((name) => foreign.has(name) && members.includes(name));
  return {
    roles: [groupRole(everyone, role), ...adopted.map(named)],
    memberships: members.map((member) => ({ role, member, admin: false, absent: false, at: GROUPS_PATH })),
    grants: on(closed, [role, ...alone]),
    revokes: on(open, [PUBLIC]),
  };
}

const named = (name: string): DesiredRole => ({
  name,
  at: GROUPS_PATH,
  attributes: {},
  hasPassword: false,
  adopt: true,
});

function userSchemas({ contents }: ObservedDatabase): ObservedObject[] {
  if (contents === undefined) return [];
  return indexOfContents(contents)
    .ofKind('schema', null)
    .filter(({ name }) => !isSystemSchema(name));
}

/** Whether the admin role can take a right on the schema from PUBLIC. */
function mayClose(observed: ObservedServer, database: ObservedDatabase, { owner }: ObservedObject): boolean {
  const actual = owner === DATABASE_OWNER_ROLE ? database.owner : owner;
  if (actual === observed.admin.name) return true;
  const way = privilegesOf(actual, observed, membershipGraph(observed.memberships));
  return way === undefined || !('message' in way);
}

function inherits(observed: ObservedServer, role: string): boolean {
  return observed.roles.get(role)?.attributes.inherit ?? true;
}

/** Logins that may enter the database and are not among those who are to read only. Superusers need no right. */
function loginsBeside(
  observed: ObservedServer,
  database: ObservedDatabase,
  groups: readonly { role: string; readOnly: boolean }[],
): string[] {
  const graph = createMembershipGraph(observed);
  const readers = new Set(
    groups
      .filter(({ role, readOnly }) => readOnly && observed.roles.has(role))
      .flatMap(({ role }) => [...graph.membersOf(role).inheriting]),
  );
  const entersBy = database.acl.filter(({ privileges }) => (privileges & CONNECT) !== 0).map(({ grantee }) => grantee);
  const enters = (name: string) =>
    entersBy.some((grantee) => grantee === PUBLIC || graph.reach('inherit', name, database.owner).has(grantee));
  return [...observed.roles.values()]
    .filter(({ name, attributes }) => attributes.login && !attributes.superuser && !isPredefined(name))
    .map(({ name }) => name)
    .filter((name) => name !== observed.admin.name && !readers.has(name) && enters(name))
    .toSorted();
}

function holds(acl: readonly AclEntry[], role: string, privilege: PrivilegeMask): boolean {
  return acl.some(({ grantee, privileges }) => grantee === role && (privileges & privilege) !== 0);
}
