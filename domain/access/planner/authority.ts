import { quoteIdentifier } from '../../sql/quote.ts';
import type { Change } from '../changes.ts';
import type { ObservedServer, RoleAttributes } from '../observed.ts';
import type { Refusal } from '../plan.ts';
import { hasMembershipOptions, serverVersion } from '../roles/context.ts';
import {
  bestAdmin,
  inheritsFrom,
  isAdminOf,
  type MembershipGraph,
  membershipGraph,
} from '../roles/membership-graph.ts';
import { renderRoles } from '../roles/render-roles.ts';

/** What is missing for a change, without the place in the document. */
export type Missing = Omit<Refusal, 'path'>;

type ChangeOf<T extends Change['type']> = Extract<Change, { type: T }>;

/** The server as the checks see it. */
interface Situation {
  /** Before all changes. */
  before: ObservedServer;
  /** With the roles created and altered, and with the memberships of before. */
  defined: ObservedServer;
  graph: MembershipGraph;
}

/**
 * What the admin role lacks for the changes to roles, memberships and databases' owners; nothing where it is a superuser. The
 * rules are those of src/backend/commands/user.c and src/backend/catalog/aclchk.c: before 16 CREATEROLE covers all roles but
 * superusers, from 16 on only those that the admin role has ADMIN OPTION on.
 *
 * Privileges of other roles, which temporary memberships may give, are not looked at here; see {@link grantorsNeeded}.
 */
export function missingAuthority(
  changes: readonly Change[],
  states: { before: ObservedServer; defined: ObservedServer },
  pathOf: (change: Change) => string,
): Refusal[] {
  if (states.before.admin.superuser) return [];
  const situation: Situation = { ...states, graph: membershipGraph(states.defined.memberships) };
  const refusals = new Map<string, Refusal>();
  for (const change of changes) {
    const check = CHECKS[change.type] as ((s: Situation, change: Change) => Missing | undefined) | undefined;
    const missing = check?.(situation, change);
    if (missing === undefined) continue;
    const refusal = { path: pathOf(change), ...missing };
    refusals.set(JSON.stringify(refusal), refusal);
  }
  return [...refusals.values()];
}

/**
 * Roles whose privileges it takes to revoke what they granted, from 16 on (check_role_grantor in user.c), each with the first
 * such change. Superusers are not among them: nobody else can act for them.
 */
export function grantorsNeeded(changes: readonly Change[], observed: ObservedServer): Map<string, Change> {
  const needed = new Map<string, Change>();
  if (observed.admin.superuser || !hasMembershipOptions(observed.versionNum)) return needed;
  for (const change of changes) {
    if (change.type !== 'revoke_membership' || isSuperuser(observed, change.grantor)) continue;
    if (!needed.has(change.grantor)) needed.set(change.grantor, change);
  }
  return needed;
}

const CHECKS: { [T in Change['type']]?: (situation: Situation, change: ChangeOf<T>) => Missing | undefined } = {
  create_role: (situation, change) => createroleMissing(situation) ?? attributeMissing(situation, change),
  alter_role: (situation, change) =>
    managementMissing(situation, change, situation.before) ?? attributeMissing(situation, change),
  comment_role: (situation, change) => managementMissing(situation, change, situation.defined),
  set_setting: (situation, change) => managementMissing(situation, change, situation.defined),
  reset_setting: (situation, change) => managementMissing(situation, change, situation.defined),
  grant_membership: (situation, change) => membershipMissing(situation, change) ?? grantorMissing(situation, change),
  revoke_membership: (situation, change) =>
    membershipMissing(situation, change) ?? revocationMissing(situation, change),
  own_database: ({ before: { admin } }) =>
    admin.createdb ? undefined : attributeLacking(admin.name, 'CREATEDB', 'to change the owner of a database'),
};

function createroleMissing({ before: { admin } }: Situation): Missing | undefined {
  return admin.createrole ? undefined : attributeLacking(admin.name, 'CREATEROLE', 'to create and change roles');
}

function attributeLacking(admin: string, attribute: string, purpose: string): Missing {
  return {
    message: `"${admin}" lacks ${attribute}, which it takes ${purpose}`,
    remedy: `ALTER ROLE ${quoteIdentifier(admin)} WITH ${attribute}`,
  };
}

/** CREATEROLE, and ADMIN OPTION on the role from 16 on; superusers are for superusers. */
function managementMissing(
  situation: Situation,
  change: ChangeOf<'alter_role' | 'comment_role' | 'set_setting' | 'reset_setting'>,
  at: ObservedServer,
): Missing | undefined {
  const { role } = change;
  if (isSuperuser(at, role)) {
    return superuserOnly(situation, change, `only a superuser may change superuser "${role}"`);
  }
  return createroleMissing(situation) ?? (needsAdmin(situation) ? adminMissing(situation, role) : undefined);
}

function needsAdmin({ before }: Situation): boolean {
  return hasMembershipOptions(before.versionNum);
}

function adminMissing({ before: { admin }, graph }: Situation, role: string): Missing | undefined {
  if (isAdminOf(graph, admin.name, role)) return undefined;
  return {
    message: `"${admin.name}" has no ADMIN OPTION on role "${role}"`,
    remedy: adminRemedy(admin.name, role),
  };
}

function adminRemedy(admin: string, role: string): string {
  return `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(admin)} WITH ADMIN OPTION`;
}

/** From 16 on these can be given, and changed either way, by whoever has them. */
const HELD_ATTRIBUTES = ['createdb', 'replication', 'bypassrls'] as const satisfies (keyof RoleAttributes)[];

function attributeMissing(situation: Situation, change: ChangeOf<'create_role' | 'alter_role'>): Missing | undefined {
  const { before } = situation;
  const { role, attributes } = change;
  const creates = change.type === 'create_role';
  const touches = (name: keyof RoleAttributes) =>
    creates ? attributes[name] === true : attributes[name] !== undefined;
  if (touches('superuser')) return superuserOnly(situation, change, 'only a superuser may give or take SUPERUSER');
  if (hasMembershipOptions(before.versionNum)) {
    const lacking = HELD_ATTRIBUTES.find((name) => touches(name) && !before.admin[name]);
    if (lacking === undefined) return undefined;
    const attribute = lacking.toUpperCase();
    return attributeLacking(before.admin.name, attribute, `to decide on ${attribute} of role "${role}"`);
  }
  const reserved = (['replication', 'bypassrls'] as const).find(touches);
  const version = serverVersion(before.versionNum);
  if (reserved !== undefined) {
    return superuserOnly(situation, change, `on ${version} only a superuser may decide on ${reserved.toUpperCase()}`);
  }
  if (creates || !before.roles.get(role)?.attributes.replication) return undefined;
  return superuserOnly(
    situation,
    change,
    `on ${version} only a superuser may change role "${role}": it has REPLICATION`,
  );
}

function membershipMissing(
  situation: Situation,
  change: ChangeOf<'grant_membership' | 'revoke_membership'>,
): Missing | undefined {
  const { before, defined, graph } = situation;
  const { role } = change;
  if (isSuperuser(defined, role)) {
    return superuserOnly(situation, change, `only a superuser may grant or revoke superuser "${role}"`);
  }
  if (needsAdmin(situation)) return adminMissing(situation, role);
  if (isAdminOf(graph, before.admin.name, role)) return undefined;
  return createroleMissing(situation);
}

/** The server does not find a grantor where ADMIN OPTION comes through a membership that is not inherited. */
function grantorMissing(situation: Situation, { role }: ChangeOf<'grant_membership'>): Missing | undefined {
  const { before, graph } = situation;
  const { admin } = before;
  if (!needsAdmin(situation) || bestAdmin(graph, admin.name, role) !== undefined) return undefined;
  return {
    message: `"${admin.name}" has ADMIN OPTION on role "${role}" only through a membership that it does not inherit`,
    remedy: adminRemedy(admin.name, role),
  };
}

function revocationMissing(situation: Situation, change: ChangeOf<'revoke_membership'>): Missing | undefined {
  const { defined, graph, before } = situation;
  if (!needsAdmin(situation) || !isSuperuser(defined, change.grantor)) return undefined;
  if (inheritsFrom(graph, before.admin.name, change.grantor)) return undefined;
  const message = `only a superuser may revoke what "${change.grantor}" granted: "${change.role}" to "${change.member}"`;
  return superuserOnly(situation, change, message);
}

/** With the statement itself as remedy, unless it sets a password. */
function superuserOnly({ defined }: Situation, change: Change, message: string): Missing {
  const asSuperuser = { ...defined, admin: { ...defined.admin, superuser: true } };
  const statements = renderRoles([change], asSuperuser).flatMap((step) => step.statements);
  const isComplete = statements.every(({ verifierOf }) => verifierOf === undefined);
  return isComplete ? { message, remedy: statements.map(({ sql }) => sql).join('; ') } : { message };
}

/** Whether a role is a superuser. */
export function isSuperuser(observed: ObservedServer, role: string): boolean {
  return observed.roles.get(role)?.attributes.superuser ?? false;
}
