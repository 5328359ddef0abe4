import type { Change } from '../changes.ts';
import type { ObservedServer, RoleAttributes } from '../observed.ts';
import type { Refusal } from '../plan.ts';
import { indexOfContents } from '../privileges/contents-index.ts';
import { isSystemSchema } from '../privileges/select-objects.ts';
import type { AccessContext } from '../roles/context.ts';
import { groupsOf, type MembershipGraph, membershipGraph } from '../roles/membership-graph.ts';
import { parameterOf } from '../roles/parameters.ts';
import { isPredefined } from '../roles/rules.ts';

type ChangeOf<T extends Change['type']> = Extract<Change, { type: T }>;

/** Attributes that reach beyond a database (R1), as people write them. */
const POWERS = {
  superuser: 'SUPERUSER',
  createrole: 'CREATEROLE',
  createdb: 'CREATEDB',
  replication: 'REPLICATION',
  bypassrls: 'BYPASSRLS',
} as const satisfies Partial<Record<keyof RoleAttributes, string>>;
const POWER_NAMES = Object.keys(POWERS) as (keyof typeof POWERS)[];

interface Situation {
  context: AccessContext;
  /** Before, and with the memberships of afterwards: what either of them gives counts. */
  graphs: readonly MembershipGraph[];
}

/**
 * What of a plan only administrators may ask for: attributes that reach beyond a database, changes of roles that have them or
 * belong to others, whatever makes somebody a member of those, gives them objects, or opens what PostgreSQL keeps for superusers
 * (R1, R5). Nothing that is so already counts.
 * @param of.members the server with the roles and memberships of afterwards
 */
export function adminRoleNeeded(of: {
  changes: readonly Change[];
  context: AccessContext;
  members: ObservedServer;
  pathOf: (change: Change) => string;
}): Refusal[] {
  const { context, members } = of;
  const graphs = [membershipGraph(context.observed.memberships), membershipGraph(members.memberships)];
  const refusals = new Map<string, Refusal>();
  for (const change of of.changes) {
    const check = CHECKS[change.type] as ((situation: Situation, change: Change) => string | undefined) | undefined;
    const reason = check?.({ context, graphs }, change);
    if (reason === undefined) continue;
    const refusal = { path: of.pathOf(change), message: `${reason}: this needs the admin role` };
    refusals.set(JSON.stringify(refusal), refusal);
  }
  return [...refusals.values()];
}

/** Why a change needs the admin role, by its type; types that are left out never do. */
const CHECKS: { [T in Change['type']]?: (situation: Situation, change: ChangeOf<T>) => string | undefined } = {
  create_role: (_, { role, attributes }) => newPowers(role, attributes),
  alter_role: (s, { role, attributes }) => newPowers(role, attributes) ?? standing(s, role),
  comment_role: (s, { role }) => standing(s, role),
  set_setting: (s, { role, name }) => superuserParameter(s, name) ?? standing(s, role),
  reset_setting: (s, { role, name }) => superuserParameter(s, name) ?? standing(s, role),
  grant_membership: (s, { role, member }) => reach(s, role) ?? standing(s, member),
  revoke_membership: (s, { role, member }) => reach(s, role) ?? standing(s, member),
  own_database: (s, { owner }) => reach(s, owner),
  own_object: (s, { owner, object }) => reach(s, owner) ?? systemObject(object),
  grant: (s, { database, object }) => systemObject(object) ?? superusersRoutine(s, database, object),
  revoke: (_, { object }) => systemObject(object),
};

function newPowers(role: string, attributes: Partial<RoleAttributes>): string | undefined {
  const given = POWER_NAMES.filter((name) => attributes[name] === true).map((name) => POWERS[name]);
  return given.length === 0 ? undefined : `role "${role}" would have ${given.join(', ')}`;
}

/** Why a role is not for everybody to change. */
function standing({ context }: Situation, role: string): string | undefined {
  const has = POWER_NAMES.filter((name) => context.observed.roles.get(role)?.attributes[name] === true);
  if (has.length > 0) return `role "${role}" has ${has.map((name) => POWERS[name]).join(', ')}`;
  if (isPredefined(role)) return `"${role}" is a role of PostgreSQL itself`;
  const owner = context.foreign.get(role);
  return owner === undefined ? undefined : `role "${role}" belongs to ${owner}`;
}

/** Why members of a role, or what it owns, are not for everybody to change: it, or a group that it is in, has standing. */
function reach(situation: Situation, role: string): string | undefined {
  for (const graph of situation.graphs) {
    for (const group of groupsOf(graph, role)) {
      const reason = standing(situation, group);
      if (reason !== undefined) return group === role ? reason : `role "${role}" is in "${group}", and ${reason}`;
    }
  }
  return undefined;
}

/** What only superusers may set, such as libraries that sessions load. */
function superuserParameter({ context }: Situation, name: string): string | undefined {
  const parameter = parameterOf(context.observed, name);
  return parameter?.context === 'superuser' ? `parameter "${name}" is for superusers` : undefined;
}

type ChangedObject = ChangeOf<'grant'>['object'];

/** Functions that read files of the server, tables with password hashes, code in languages without bounds, … */
function systemObject({ kind, schema, name }: ChangedObject): string | undefined {
  const place = kind === 'schema' ? name : schema;
  if (place !== null && isSystemSchema(place)) return `schema "${place}" belongs to PostgreSQL itself`;
  const what = kind.replaceAll('_', ' ');
  return kind === 'language' || kind === 'foreign_data_wrapper'
    ? `${what} "${name}" is one of the whole database`
    : undefined;
}

/** It may act with the rights of its owner, and extensions bring some that are kept from others for a reason. */
function superusersRoutine({ context }: Situation, database: string, object: ChangedObject): string | undefined {
  if (object.kind !== 'routine') return undefined;
  const { observed } = context;
  const contents = observed.databases.get(database)?.contents;
  if (contents === undefined) return undefined;
  const found = indexOfContents(contents).named(object.kind, object.schema, object.name);
  const owner = found.find(({ args }) => args === object.args)?.owner;
  // An owner that was not read is a superuser's for all that is known.
  const isSuperuser = owner !== undefined && observed.roles.get(owner)?.attributes.superuser !== false;
  return isSuperuser ? `routine "${object.name}" belongs to superuser "${owner}"` : undefined;
}
