import type { Problem } from '../../spec/problems.ts';
import type { DesiredMembership, DesiredRole, DesiredSetting, SubmittedPassword } from '../document.ts';
import type { RoleAttributes } from '../observed.ts';
import { entriesOf, isSound } from './entries.ts';
import type { SubmittedDocument } from './schema.ts';
import { secretProblems, submittedPassword } from './secrets.ts';
import type { Sound } from './shape.ts';
import { canonicalTimestamp } from './timestamps.ts';

type Submitted = Sound<SubmittedDocument>;
type SubmittedRole = NonNullable<NonNullable<Submitted['roles']>[number]>;
type Options = { admin?: boolean | undefined; inherit?: boolean | undefined; set?: boolean | undefined };

/** The control plane knows roles and databases of its own by such comments, and drops them by that. */
const MARKER = /^pgsteward installation=/;

const FLAGS = ['login', 'superuser', 'createdb', 'createrole', 'inherit', 'replication', 'bypassrls'] as const;

/** Whether a comment would make a role count as made by the control plane. */
export function isMarker(comment: string): boolean {
  return MARKER.test(comment);
}

/** The roles of a document, and what is wrong with them one by one. Their passwords are added to `passwords`. */
export function readRoles(
  submitted: Submitted,
  keptPasswords: ReadonlySet<string>,
  found: { problems: Problem[]; passwords: Map<string, SubmittedPassword> },
): DesiredRole[] {
  const roles: DesiredRole[] = [];
  for (const [role, at] of entriesOf(submitted.roles, 'roles')) {
    found.problems.push(...secretProblems(role, at));
    if (role.comment !== undefined && isMarker(role.comment)) {
      found.problems.push({ path: `${at}.comment`, message: 'must not be a mark of the control plane' });
    }
    const attributes = readAttributes(role, at, found.problems);
    const { name } = role;
    if (name === undefined) continue;
    const password = submittedPassword(role);
    if (password !== undefined) found.passwords.set(name, password);
    roles.push({
      name,
      at,
      attributes,
      ...(role.comment !== undefined && { comment: role.comment }),
      hasPassword: password !== undefined || keptPasswords.has(name),
      ...(role.member_of && { memberOf: readMemberOf(role.member_of, name, `${at}.member_of`) }),
      ...(role.members && { members: readMembers(role.members, name, `${at}.members`) }),
      ...(role.settings && { settings: readRoleSettings(role.settings, name, `${at}.settings`) }),
      adopt: role.adopt ?? false,
    });
  }
  return roles;
}

function readAttributes(role: SubmittedRole, at: string, problems: Problem[]): Partial<RoleAttributes> {
  const attributes: Partial<RoleAttributes> = {};
  for (const flag of FLAGS) {
    const value = role[flag];
    if (value !== undefined) attributes[flag] = value;
  }
  if (role.connection_limit !== undefined) attributes.connectionLimit = role.connection_limit;
  if (role.valid_until !== undefined) {
    const isEndless = role.valid_until === null || role.valid_until === 'infinity';
    const validUntil = isEndless ? 'infinity' : canonicalTimestamp(role.valid_until ?? '');
    if (validUntil !== undefined) attributes.validUntil = validUntil;
    else {
      const message = 'must be an RFC 3339 timestamp with offset, such as 2027-01-01T00:00:00Z; null is no end';
      problems.push({ path: `${at}.valid_until`, message });
    }
  }
  return attributes;
}

function readMemberOf(
  list: NonNullable<SubmittedRole['member_of']>,
  member: string,
  path: string,
): DesiredMembership[] {
  return [...entriesOf(list, path)].flatMap(([entry, at]) => {
    const options = typeof entry === 'string' ? { role: entry } : entry;
    return options.role === undefined || !isSound(options)
      ? []
      : [membership({ ...options, role: options.role, member }, at)];
  });
}

function readMembers(list: NonNullable<SubmittedRole['members']>, role: string, path: string): DesiredMembership[] {
  return [...entriesOf(list, path)].flatMap(([entry, at]) => {
    const options = typeof entry === 'string' ? { member: entry } : entry;
    return options.member === undefined || !isSound(options)
      ? []
      : [membership({ ...options, role, member: options.member }, at)];
  });
}

function readRoleSettings(list: NonNullable<SubmittedRole['settings']>, role: string, path: string): DesiredSetting[] {
  return [...entriesOf(list, path)].flatMap(([entry, at]) => setting({ ...entry, role }, at));
}

/** The single memberships of a document. */
export function readMemberships(submitted: Submitted, problems: Problem[]): DesiredMembership[] {
  const memberships: DesiredMembership[] = [];
  for (const [entry, at] of entriesOf(submitted.memberships, 'memberships')) {
    const { role, member, absent = false } = entry;
    if (absent && (entry.admin === true || entry.inherit === false || entry.set === false)) {
      problems.push({ path: at, message: 'asks for options of a membership that is to end' });
    }
    if (role !== undefined && member !== undefined && isSound(entry)) {
      memberships.push({ ...membership({ ...entry, role, member }, at), absent });
    }
  }
  return memberships;
}

function membership(
  { role, member, admin, inherit, set }: Options & { role: string; member: string },
  at: string,
): DesiredMembership {
  return {
    role,
    member,
    admin: admin ?? false,
    ...(inherit !== undefined && { inherit }),
    ...(set !== undefined && { set }),
    absent: false,
    at,
  };
}

/** The single settings of a document. */
export function readSettings(submitted: Submitted): DesiredSetting[] {
  return [...entriesOf(submitted.settings, 'settings')].flatMap(([entry, at]) => setting(entry, at));
}

function setting(entry: NonNullable<NonNullable<Submitted['settings']>[number]>, at: string): DesiredSetting[] {
  const { role, name, value, database = null } = entry;
  if (role === undefined || name === undefined || value === undefined || !isSound(entry)) return [];
  return [{ role, database, name, value, at }];
}
