import { createMembershipGraph } from './effective/closure.ts';
import { type AclEntry, type ObservedDatabase, type ObservedServer, PUBLIC } from './observed.ts';
import { privilegesOf } from './planner/temporary-memberships.ts';
import { isSystemSchema } from './privileges/select-objects.ts';
import { maskOf, type PrivilegeMask } from './privileges.ts';
import { membershipGraph } from './roles/membership-graph.ts';
import { DATABASE_OWNER_ROLE, isPredefined } from './roles/rules.ts';

/** Roles whose later objects are to be covered by default privileges. */
export interface Creators {
  /** Those that the admin role can set default privileges for, in the order of their names. */
  covered: string[];
  /** The others: superusers where the admin role is none, roles that it may not act for, and those beyond the bound. */
  uncovered: string[];
}

/** Each creator costs rows of pg_default_acl: beyond that many, only a look from time to time covers what they make. */
const MAX_CREATORS = 500;

const CREATE = maskOf(['CREATE']);

/**
 * Who may create objects in a database: owners of what is there, whoever has CREATE on it or one of its schemas, directly, as a
 * member or as everybody, and superusers. Only what exists is known: a role that gets the right later counts at the next look.
 * @param schema only who may create in this schema
 */
export function creatorsOf(observed: ObservedServer, database: ObservedDatabase, schema?: string): Creators {
  const found = new Set<string>();
  const graph = createMembershipGraph(observed);
  const isLogin = (role: string) => observed.roles.get(role)?.attributes.login === true;
  /** With everybody who has the rights of the role, by inheritance or by SET ROLE. */
  const add = (role: string) => {
    if (role !== PUBLIC && !isPredefined(role)) found.add(role);
    if (role === PUBLIC) return;
    const { inheriting, bySetRole } = graph.membersOf(role, database.owner);
    for (const member of [...inheriting, ...bySetRole]) if (isLogin(member) && !isPredefined(member)) found.add(member);
  };
  const objects = (database.contents?.objects ?? []).filter(
    (object) => !isSystemSchema(object.kind === 'schema' ? object.name : (object.schema ?? '')),
  );
  const schemas = objects.filter(({ kind, name }) => kind === 'schema' && (schema === undefined || name === schema));
  for (const owner of ownersOf(objects, schema)) add(owner);
  const doors = schema === undefined ? [...schemas, database] : schemas;
  for (const { owner } of doors) add(owner === DATABASE_OWNER_ROLE ? database.owner : owner);
  for (const grantee of doors.flatMap(({ acl }) => holdersOf(acl, CREATE))) add(grantee);
  for (const { name, attributes } of observed.roles.values())
    if (attributes.superuser && attributes.login) found.add(name);
  if (doors.some(({ acl }) => holdersOf(acl, CREATE).includes(PUBLIC))) {
    for (const name of observed.roles.keys()) if (isLogin(name)) found.add(name);
  }
  return divide(
    observed,
    [...found].filter((role) => observed.roles.has(role)),
  );
}

/** Roles that own something: they have created there, whatever they may do now. */
function ownersOf(
  objects: readonly { owner: string; schema: string | null }[],
  schema: string | undefined,
): Set<string> {
  const concerned = schema === undefined ? objects : objects.filter((object) => object.schema === schema);
  return new Set(concerned.map(({ owner }) => owner).filter((owner) => owner !== DATABASE_OWNER_ROLE));
}

function holdersOf(acl: readonly AclEntry[], privilege: PrivilegeMask): string[] {
  return acl.filter(({ privileges }) => (privileges & privilege) !== 0).map(({ grantee }) => grantee);
}

function divide(observed: ObservedServer, roles: readonly string[]): Creators {
  const graph = membershipGraph(observed.memberships);
  const covered: string[] = [];
  const uncovered: string[] = [];
  for (const role of roles) {
    const way = role === observed.admin.name ? undefined : privilegesOf(role, observed, graph);
    const isOpen = way === undefined || !('message' in way);
    (isOpen && covered.length < MAX_CREATORS ? covered : uncovered).push(role);
  }
  return { covered: covered.toSorted(), uncovered: uncovered.toSorted() };
}
