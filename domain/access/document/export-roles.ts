import { groupBy } from '../groups.ts';
import { type ObservedMembership, type ObservedRole, type ObservedServer, PUBLIC } from '../observed.ts';
import { compareTexts } from '../privileges/contents-index.ts';
import { hasMembershipOptions, serverVersion } from '../roles/context.ts';
import { parameterOf, parameterProblem } from '../roles/parameters.ts';
import { type MembershipOptions, unionOf } from '../roles/role-members.ts';
import { isPredefined, SERVER_ACCESS_ROLES } from '../roles/rules.ts';
import { roleNameProblem } from './names.ts';
import { isMarker } from './read-roles.ts';
import type { SubmittedDocument } from './schema.ts';
import { roleName } from './schema-members.ts';
import { roleSchema } from './schema-roles.ts';
import { canonicalTimestamp } from './timestamps.ts';

type SubmittedRole = NonNullable<SubmittedDocument['roles']>[number];
type SubmittedSetting = NonNullable<SubmittedRole['settings']>[number];

/** Attributes that are switches. */
const FLAGS = ['login', 'superuser', 'createdb', 'createrole', 'inherit', 'replication', 'bypassrls'] as const;

/** True for names that a document can refer to. A role may be called "PUBLIC", which in a document is everyone. */
export function isExpressible(role: string): boolean {
  return role === PUBLIC || roleName.safeParse(role).success;
}

/** Roles of a server that a document can manage: neither PostgreSQL's own nor the control plane's. */
function manageableRoles(server: ObservedServer): ObservedRole[] {
  return [...server.roles.values()]
    .filter(({ name }) => !isPredefined(name) && name !== server.admin.name && isExpressible(name))
    .sort((a, b) => compareTexts(a.name, b.name));
}

/**
 * The roles of a server with all their attributes and complete lists of groups, members and settings, and what a document must allow to have them.
 * Members do not include the control plane's own role, which documents leave alone. Marks of the control plane are no comments.
 */
export function exportRoles(
  server: ObservedServer,
  notes: string[],
): { roles: SubmittedRole[]; allow: NonNullable<SubmittedDocument['allow']> } {
  for (const name of server.roles.keys()) {
    if (!isExpressible(name)) notes.push(`role ${JSON.stringify(name)} is left out: a document cannot name it`);
  }
  const exported = manageableRoles(server);
  const groups = groupBy(server.memberships, ({ member }) => member);
  const members = groupBy(server.memberships, ({ role }) => role);
  const settings = groupBy(server.settings, ({ role }) => role);
  const roles = exported.map((role): SubmittedRole => {
    const { name } = role;
    const others = (members.get(name) ?? []).filter(({ member }) => member !== server.admin.name);
    const memberOf = membershipList(server, groups.get(name) ?? [], 'role');
    const memberList = membershipList(server, others, 'member');
    const settingList = exportSettings(server, settings.get(name) ?? []);
    const missing = [!memberOf && 'its groups', !memberList && 'its members', !settingList && 'its settings'].filter(
      Boolean,
    );
    for (const what of missing)
      notes.push(`role ${JSON.stringify(name)}: ${what} are left out: a document cannot name all`);
    return {
      name,
      ...exportAttributes(role, notes),
      ...(memberOf && { member_of: memberOf }),
      ...(memberList && { members: memberList }),
      ...(settingList && { settings: settingList }),
    };
  });
  return { roles, allow: allowances(server, exported, [...groups.values()].flat()) };
}

function exportAttributes({ name, attributes, comment }: ObservedRole, notes: string[]): Omit<SubmittedRole, 'name'> {
  const exported: Omit<SubmittedRole, 'name'> = { connection_limit: attributes.connectionLimit };
  for (const flag of FLAGS) exported[flag] = attributes[flag];
  const validUntil = attributes.validUntil === 'infinity' ? null : canonicalTimestamp(attributes.validUntil);
  if (validUntil !== undefined) exported.valid_until = validUntil;
  else notes.push(`role ${JSON.stringify(name)}: valid_until is left out: ${attributes.validUntil} cannot be written`);
  if (comment !== null && !isMarker(comment)) {
    if (roleSchema.shape.comment.safeParse(comment).success) exported.comment = comment;
    else notes.push(`role ${JSON.stringify(name)}: its comment is left out: it is too long`);
  }
  return exported;
}

/** Groups or members with their options, by name; undefined where one of them cannot be named. */
function membershipList<Side extends 'role' | 'member'>(
  server: ObservedServer,
  rows: readonly ObservedMembership[],
  side: Side,
): (string | (Record<Side, string> & Partial<MembershipOptions>))[] | undefined {
  const byName = groupBy(rows, (row) => row[side]);
  const names = [...byName.keys()].sort(compareTexts);
  if (!names.every(isExpressible)) return undefined;
  return names.map((name) => {
    const { admin, inherit, set } = unionOf(byName.get(name) ?? []) ?? { admin: false, inherit: true, set: true };
    const options = {
      ...(admin && { admin }),
      ...(hasMembershipOptions(server.versionNum) && { ...(!inherit && { inherit }), ...(!set && { set }) }),
    };
    if (Object.keys(options).length === 0) return name;
    return { [side]: name, ...options } as Record<Side, string> & Partial<MembershipOptions>;
  });
}

function exportSettings(server: ObservedServer, settings: ObservedServer['settings']): SubmittedSetting[] | undefined {
  const exported: SubmittedSetting[] = settings
    .toSorted((a, b) => compareTexts(a.database ?? '', b.database ?? '') || compareTexts(a.name, b.name))
    .map(({ name, value, database }) => ({ name, value, ...(database !== null && { database }) }));
  const isSettable = ({ name, database }: SubmittedSetting) =>
    parameterProblem(name, parameterOf(server, name), serverVersion(server.versionNum)) === undefined &&
    (database === undefined || server.databases.has(database));
  return roleSchema.shape.settings.safeParse(exported).success && exported.every(isSettable) ? exported : undefined;
}

function allowances(
  server: ObservedServer,
  roles: readonly ObservedRole[],
  memberships: readonly ObservedMembership[],
): NonNullable<SubmittedDocument['allow']> {
  const isSuperuser = (name: string) => server.roles.get(name)?.attributes.superuser ?? false;
  const needed = {
    superuser: roles.some(({ name }) => isSuperuser(name)) || memberships.some(({ role }) => isSuperuser(role)),
    server_access: memberships.some(({ role }) => SERVER_ACCESS_ROLES.has(role)),
    legacy_names: roles.some(({ name }) => isLegacy(name)),
  };
  return (Object.keys(needed) as (keyof typeof needed)[]).filter((allowance) => needed[allowance]);
}

/** A name that only the allowance makes possible for a new role. */
function isLegacy(name: string): boolean {
  return roleNameProblem(name, { legacy: false }) !== roleNameProblem(name, { legacy: true });
}
