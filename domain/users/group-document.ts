import { creatorsOf } from '../access/creators.ts';
import type {
  DesiredDatabase,
  DesiredDefault,
  DesiredGrant,
  DesiredMembership,
  DesiredRole,
  Selector,
} from '../access/document.ts';
import type { DefaultKind, ObjectKind } from '../access/objects.ts';
import {
  type AclEntry,
  type ObservedDatabase,
  type ObservedObject,
  type ObservedServer,
  PUBLIC,
} from '../access/observed.ts';
import { isSuperuser } from '../access/planner/authority.ts';
import { indexOfContents } from '../access/privileges/contents-index.ts';
import { normalArguments, parseRoutineName } from '../access/privileges/routine-names.ts';
import { isSystemSchema } from '../access/privileges/select-objects.ts';
import { maskOf, type PrivilegeMask, type PrivilegeName } from '../access/privileges.ts';
import { DATABASE_OWNER_ROLE } from '../access/roles/rules.ts';
import { closePublic, GROUPS_PATH, groupRole, type NamedGroup, nameOf } from './close-public.ts';
import type { KindPrivileges, UserKind } from './kinds.ts';
import { mayWrite } from './rights.ts';

/** The group role of a kind of users in one database, and what it is to have there. */
export interface GroupRequest extends NamedGroup {
  kind: UserKind;
  privileges: KindPrivileges;
}

/** What a group was found to be, when its rights were planned. */
export interface PlannedGroup {
  kind: UserKind;
  role: string;
  privileges: KindPrivileges;
  /** Roles whose later objects do not come with rights for it. */
  uncovered: string[];
}

/** The part of a document that makes groups what they are to be. */
export interface GroupDocument {
  roles: DesiredRole[];
  memberships: DesiredMembership[];
  database: DesiredDatabase;
  groups: PlannedGroup[];
}

/** Relations that tables stand for: default privileges cannot tell them apart either. */
const RELATIONS = ['table', 'view', 'foreign_table'] as const satisfies readonly ObjectKind[];

/**
 * What is to be granted so that groups have their privileges on everything that is in a database, and on everything that those
 * will make who may create there now. All that they have besides is to go.
 *
 * What PUBLIC has is granted again only where the admin role is a superuser: others would fail on what belongs to superusers. What
 * those own and nobody else may use is left out, because only they could grant it; so are their routines that PUBLIC may not
 * call, which were closed on purpose.
 */
export function groupDocument(
  fill: { database: string; groups: readonly GroupRequest[]; everyone: NamedGroup },
  observed: ObservedServer,
  foreign: ReadonlyMap<string, string>,
): GroupDocument {
  const database = observed.databases.get(fill.database);
  const named = fill.groups.map((request) => ({ request, role: nameOf(request, observed) }));
  const roles = named.map(({ request, role }) => groupRole(request, role));
  const base = { name: fill.database, at: GROUPS_PATH, exactGrantees: named.map(({ role }) => role), owners: [] };
  if (database === undefined) {
    const nothing = { ...base, grants: [], revokes: [], defaultPrivileges: [] };
    return { roles, memberships: [], database: nothing, groups: [] };
  }
  const creators = creatorsOf(observed, database);
  const place: Place = { observed, database, creators: creators.covered };
  const closing = closePublic({
    ...{ observed, database, foreign },
    everyone: fill.everyone,
    groups: named.map(readOnlyOrNot),
  });
  return {
    roles: [...roles, ...closing.roles],
    memberships: closing.memberships,
    database: {
      ...base,
      grants: [...named.flatMap(({ request, role }) => grantsOf(place, role, request.privileges)), ...closing.grants],
      revokes: closing.revokes,
      defaultPrivileges: named.flatMap(({ request, role }) => defaultsOf(place, role, request.privileges)),
    },
    groups: named.map(({ request: { kind, privileges }, role }) => ({
      kind,
      role,
      privileges,
      uncovered: creators.uncovered,
    })),
  };
}

const readOnlyOrNot = ({ request: { kind, privileges }, role }: { request: GroupRequest; role: string }) => ({
  role,
  readOnly: kind === 'readonly' && !mayWrite(privileges),
});

interface Place {
  observed: ObservedServer;
  database: ObservedDatabase;
  creators: readonly string[];
}

function grantsOf(place: Place, group: string, privileges: KindPrivileges): DesiredGrant[] {
  const { database } = place;
  const { contents } = database;
  if (contents === undefined) return [];
  const index = indexOfContents(contents);
  const schemas = index.ofKind('schema', null).filter(({ name }) => !isSystemSchema(name));
  const wanted: [readonly ObservedObject[], ObjectKind, readonly PrivilegeName[]][] = [
    [schemas, 'schema', privileges.schemas],
    ...schemas.flatMap(
      ({ name }): [readonly ObservedObject[], ObjectKind, readonly PrivilegeName[]][] =>
        [
          ...RELATIONS.map((kind) => [index.ofKind(kind, name), kind, privileges.tables] as const),
          [index.ofKind('sequence', name), 'sequence', privileges.sequences],
          [index.ofKind('routine', name).filter(isNameable), 'routine', privileges.routines],
        ] as [readonly ObservedObject[], ObjectKind, readonly PrivilegeName[]][],
    ),
  ];
  return [
    ...databaseGrants(place, group, privileges.database),
    ...wanted.flatMap(([objects, kind, names]) => grantsOn(place, group, { objects, kind, names })),
  ];
}

function databaseGrants({ observed, database }: Place, group: string, names: readonly PrivilegeName[]): DesiredGrant[] {
  const lacking = names.filter((name) => needs(observed, group, { ...database, kind: 'database' }, maskOf([name])));
  return lacking.length === 0 ? [] : [grantOf({ kind: 'database', schema: null, names: [] }, lacking, group)];
}

/** One grant for each set of privileges and schema, so that a large database is few entries. */
function grantsOn(
  { observed }: Place,
  group: string,
  of: { objects: readonly ObservedObject[]; kind: ObjectKind; names: readonly PrivilegeName[] },
): DesiredGrant[] {
  const { objects, kind, names } = of;
  if (names.length === 0) return [];
  const bySchema = new Map<string, { schema: string | null; lacking: PrivilegeName[]; objects: ObservedObject[] }>();
  for (const object of objects) {
    const lacking = names.filter((name) => needs(observed, group, object, maskOf([name])));
    if (lacking.length === 0) continue;
    const key = `${object.schema ?? ''}\0${lacking.join(',')}`;
    const entry = bySchema.get(key) ?? { schema: object.schema, lacking, objects: [] };
    entry.objects.push(object);
    bySchema.set(key, entry);
  }
  return [...bySchema.values()].map(({ schema, lacking, objects: some }) =>
    grantOf({ kind, schema, names: some.map(selectorName) }, lacking, group),
  );
}

/** Whether a group has to be granted something on an object, or has it and is to keep it. */
function needs(
  observed: ObservedServer,
  group: string,
  object: Pick<ObservedObject, 'acl' | 'owner' | 'kind'>,
  privilege: PrivilegeMask,
): boolean {
  if (holds(object.acl, group, privilege)) return true;
  const isPublic = holds(object.acl, PUBLIC, privilege);
  const ofSuperuser = isSuperuser(observed, object.owner);
  if (ofSuperuser && !isPublic && object.kind === 'routine') return false;
  if (observed.admin.superuser) return true;
  return !isPublic && !ofSuperuser;
}

function holds(acl: readonly AclEntry[], role: string, privilege: PrivilegeMask): boolean {
  return acl.some(({ grantee, privileges }) => grantee === role && (privileges & privilege) !== 0);
}

function grantOf(on: Selector, privileges: PrivilegeName[], group: string): DesiredGrant {
  return { on, privileges, to: [group], grantOption: false, laterBy: [], at: GROUPS_PATH };
}

function selectorName({ kind, name, args }: ObservedObject): string {
  return kind === 'routine' ? `${name}(${args ?? ''})` : name;
}

/** A name with a parenthesis in it cannot be told from its arguments. */
function isNameable(routine: ObservedObject): boolean {
  const parsed = parseRoutineName(selectorName(routine));
  return parsed.name === routine.name && parsed.args === normalArguments(routine.args ?? '');
}

/** Without schema, so that schemas which are made later are covered, too. */
function defaultsOf({ creators, database }: Place, group: string, privileges: KindPrivileges): DesiredDefault[] {
  const wanted: [DefaultKind, readonly PrivilegeName[]][] = [
    ['schema', privileges.schemas],
    ['table', privileges.tables],
    ['sequence', privileges.sequences],
    ['routine', privileges.routines],
  ];
  return creators
    .map((creator) => (creator === DATABASE_OWNER_ROLE ? database.owner : creator))
    .flatMap((creator) =>
      wanted
        .filter(([on, names]) => names.length > 0 && !(on === 'routine' && givesToPublic(database, creator)))
        .map(([on, names]): DesiredDefault => {
          const common = { schema: null, to: [group], grantOption: false, absent: false, at: GROUPS_PATH };
          return { ...common, creator, on, privileges: [...names] };
        }),
    );
}

/** Whether PUBLIC may call what a creator makes, as it may unless that was changed. */
function givesToPublic({ contents }: ObservedDatabase, creator: string): boolean {
  const row = contents?.defaults.find(
    (entry) => entry.creator === creator && entry.on === 'routine' && entry.schema === null,
  );
  return row === undefined || holds(row.acl, PUBLIC, maskOf(['EXECUTE']));
}
