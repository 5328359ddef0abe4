import type { Change } from '../changes.ts';
import { roleNameProblem } from '../document/names.ts';
import { canonicalTimestamp } from '../document/timestamps.ts';
import type { DesiredRole } from '../document.ts';
import type { ObservedRole, ObservedServer, RoleAttributes } from '../observed.ts';
import { type AccessContext, type AccessDiff, addChange, emptyDiff, hasMembershipOptions } from './context.ts';
import { BOOTSTRAP_OID, createProtection } from './rules.ts';
import { CREATE_ROLE_DEFAULTS } from './simulate-roles.ts';

type Attribute = keyof RoleAttributes;

/**
 * Roles to create and to alter, with comments. Creations come first, then alterations, then comments. A role that needs
 * nothing is not touched: to name it is to adopt it.
 *
 * A creation that a rule refuses stays among the changes, so that what builds on the role is still planned.
 */
export function diffRoles(context: AccessContext): AccessDiff {
  const diff = emptyDiff();
  const protection = createProtection(context);
  for (const desired of context.document.roles) {
    const existing = context.observed.roles.get(desired.name);
    if (existing === undefined) create(context, desired, protection(desired.name), diff);
    else alter(context, desired, existing, protection(desired.name), diff);
  }
  diff.changes.sort((a, b) => ORDER.indexOf(a.type) - ORDER.indexOf(b.type));
  return diff;
}

const ORDER: Change['type'][] = ['create_role', 'alter_role', 'comment_role'];

function create(context: AccessContext, desired: DesiredRole, protection: string | undefined, diff: AccessDiff): void {
  const { name, at, attributes } = desired;
  const nameProblem = roleNameProblem(name, { legacy: context.document.allow.has('legacy_names') });
  if (nameProblem !== undefined) {
    diff.problems.push({ path: `${at}.name`, message: nameProblem });
    return;
  }
  if (protection !== undefined) diff.refusals.push({ path: at, message: protection });
  if (attributes.superuser === true) needsSuperuserAllowance(context, desired, 'to create a superuser', diff);
  addChange(diff, { type: 'create_role', role: name, attributes, setsPassword: desired.hasPassword }, at);
  if (desired.comment) addChange(diff, { type: 'comment_role', role: name, comment: desired.comment }, at);
  noteConnectionLimit(name, { ...CREATE_ROLE_DEFAULTS, ...attributes }, diff);
}

function alter(
  context: AccessContext,
  desired: DesiredRole,
  existing: ObservedRole,
  protection: string | undefined,
  diff: AccessDiff,
): void {
  const { name, at } = desired;
  const attributes = differing(desired.attributes, existing.attributes);
  const names = Object.keys(attributes) as Attribute[];
  const setsPassword = desired.hasPassword && context.changedPasswords.has(name);
  const changesRole = setsPassword || names.length > 0;
  const changesComment = desired.comment !== undefined && desired.comment !== (existing.comment ?? '');
  if (existing.password === 'md5' && !setsPassword) diff.notes.push(md5Note(name));
  if (!changesRole && !changesComment) return;
  if (protection !== undefined) {
    diff.refusals.push({ path: at, message: protection });
    return;
  }
  const wasSuperuser = existing.attributes.superuser;
  if (changesRole && (wasSuperuser || attributes.superuser === true)) {
    const why = wasSuperuser ? `to change superuser "${name}"` : `to make "${name}" a superuser`;
    if (!needsSuperuserAllowance(context, desired, why, diff)) return;
  }
  if (existing.oid === BOOTSTRAP_OID && attributes.superuser === false) {
    const message = `"${name}" is the server's bootstrap superuser, which cannot lose SUPERUSER`;
    diff.refusals.push({ path: `${at}.superuser`, message });
    return;
  }
  if (changesRole) addChange(diff, { type: 'alter_role', role: name, attributes, setsPassword }, at);
  if (changesComment) addChange(diff, { type: 'comment_role', role: name, comment: desired.comment || null }, at);
  noteConnectionLimit(name, { ...existing.attributes, ...attributes }, diff);
  noteInherit(context.observed, name, attributes.inherit, diff);
}

/** The part of `wanted` that is not so yet. */
function differing(wanted: Partial<RoleAttributes>, actual: RoleAttributes): Partial<RoleAttributes> {
  const entries = Object.entries(wanted) as [Attribute, RoleAttributes[Attribute] | undefined][];
  const different = entries.filter(([name, value]) => {
    if (value === undefined) return false;
    return name === 'validUntil' ? !sameInstant(String(value), actual.validUntil) : value !== actual[name];
  });
  return Object.fromEntries(different);
}

/** Text that is no timestamp, such as `infinity`, is the same only as itself. */
function sameInstant(a: string, b: string): boolean {
  return (canonicalTimestamp(a) ?? a) === (canonicalTimestamp(b) ?? b);
}

/** Returns whether the document allows it. */
function needsSuperuserAllowance(
  context: AccessContext,
  desired: DesiredRole,
  purpose: string,
  diff: AccessDiff,
): boolean {
  if (context.document.allow.has('superuser')) return true;
  diff.refusals.push({ path: desired.at, message: `"allow" must list "superuser" ${purpose}` });
  return false;
}

function md5Note(role: string): string {
  return `role "${role}" has a password stored as md5, which a server that asks for SCRAM refuses: set it again`;
}

function noteConnectionLimit(role: string, after: RoleAttributes, diff: AccessDiff): void {
  if (!after.superuser || !after.login || after.connectionLimit < 0) return;
  diff.notes.push(`role "${role}" is a superuser: PostgreSQL does not enforce its connection limit`);
}

/** From 16 on the attribute is only what later grants without INHERIT start from. */
function noteInherit(observed: ObservedServer, role: string, inherit: boolean | undefined, diff: AccessDiff): void {
  if (inherit === undefined || !hasMembershipOptions(observed.versionNum)) return;
  if (!observed.memberships.some(({ member }) => member === role)) return;
  diff.notes.push(
    `${inherit ? 'INHERIT' : 'NOINHERIT'} of role "${role}" does not change the memberships that it already has: ` +
      'name them with the inherit that they are to have',
  );
}
