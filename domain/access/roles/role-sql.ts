import { quoteIdentifier, quoteLiteral } from '../../sql/quote.ts';
import type { Change, GrantMembership, RevokeMembership } from '../changes.ts';
import type { ObservedServer, RoleAttributes } from '../observed.ts';
import type { PlannedStatement } from '../plan.ts';
import { hasMembershipOptions } from './context.ts';
import { splitGucList } from './guc-list.ts';
import { parameterOf } from './parameters.ts';

type ChangeOf<T extends Change['type']> = Extract<Change, { type: T }>;

const ATTRIBUTE_SQL: { [A in keyof RoleAttributes]: (value: RoleAttributes[A]) => string } = {
  login: (on) => (on ? 'LOGIN' : 'NOLOGIN'),
  superuser: (on) => (on ? 'SUPERUSER' : 'NOSUPERUSER'),
  createdb: (on) => (on ? 'CREATEDB' : 'NOCREATEDB'),
  createrole: (on) => (on ? 'CREATEROLE' : 'NOCREATEROLE'),
  inherit: (on) => (on ? 'INHERIT' : 'NOINHERIT'),
  replication: (on) => (on ? 'REPLICATION' : 'NOREPLICATION'),
  bypassrls: (on) => (on ? 'BYPASSRLS' : 'NOBYPASSRLS'),
  connectionLimit: (limit) => `CONNECTION LIMIT ${Math.trunc(limit)}`,
  // NULL is a syntax error there: no end is `infinity`.
  validUntil: (until) => `VALID UNTIL ${quoteLiteral(until)}`,
};

/** CREATE ROLE or ALTER ROLE; the verifier, where there is one, is the last option. */
export function defineRoleSql(change: ChangeOf<'create_role' | 'alter_role'>): PlannedStatement {
  const { role, attributes, setsPassword } = change;
  const command = change.type === 'create_role' ? 'CREATE ROLE' : 'ALTER ROLE';
  const options = (Object.keys(ATTRIBUTE_SQL) as (keyof RoleAttributes)[])
    .filter((name) => attributes[name] !== undefined)
    .map((name) => attributeSql(name, attributes));
  if (setsPassword) options.push('PASSWORD ');
  const sql = [command, quoteIdentifier(role), ...(options.length === 0 ? [] : ['WITH', ...options])].join(' ');
  return setsPassword ? { sql, verifierOf: role } : { sql };
}

function attributeSql<A extends keyof RoleAttributes>(name: A, attributes: Partial<RoleAttributes>): string {
  return ATTRIBUTE_SQL[name](attributes[name] as RoleAttributes[A]);
}

/** COMMENT ON ROLE; null takes the comment away. */
export function commentRoleSql({ role, comment }: ChangeOf<'comment_role'>): string {
  return `COMMENT ON ROLE ${quoteIdentifier(role)} IS ${comment === null ? 'NULL' : quoteLiteral(comment)}`;
}

/**
 * ALTER ROLE … SET. Elements of a quoted list are literals of their own: one literal with commas would become one element
 * (makeAlterConfigCommand in src/bin/pg_dump/dumputils.c).
 */
export function setSettingSql(change: ChangeOf<'set_setting'>, observed: Pick<ObservedServer, 'parameters'>): string {
  const isList = parameterOf(observed, change.name)?.isQuotedList ?? false;
  const elements = (isList ? splitGucList(change.value) : undefined) ?? [change.value];
  return `${alterRoleSettings(change)} SET ${parameterSql(change.name)} TO ${elements.map(quoteLiteral).join(', ')}`;
}

/** ALTER ROLE … RESET. */
export function resetSettingSql(change: Pick<ChangeOf<'reset_setting'>, 'role' | 'database' | 'name'>): string {
  return `${alterRoleSettings(change)} RESET ${parameterSql(change.name)}`;
}

function alterRoleSettings({ role, database }: { role: string; database: string | null }): string {
  const where = database === null ? '' : ` IN DATABASE ${quoteIdentifier(database)}`;
  return `ALTER ROLE ${quoteIdentifier(role)}${where}`;
}

function parameterSql(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.');
}

/**
 * GRANT of memberships, of each role to each member. On 16+ with every option written out: a plain one takes INHERIT from the
 * member and changes nothing where there is a row already. The grantor is named, too, unless it is the bootstrap superuser,
 * which every superuser grants as.
 */
export function grantMembershipsSql(
  roles: readonly string[],
  members: readonly string[],
  change: Pick<GrantMembership, 'grantor' | 'admin' | 'inherit' | 'set'>,
  { admin, versionNum }: Pick<ObservedServer, 'admin' | 'versionNum'>,
): string {
  const grant = `GRANT ${names(roles)} TO ${names(members)}`;
  if (!hasMembershipOptions(versionNum)) return change.admin ? `${grant} WITH ADMIN OPTION` : grant;
  const options = `ADMIN ${bool(change.admin)}, INHERIT ${bool(change.inherit)}, SET ${bool(change.set)}`;
  const grantedBy = admin.superuser ? '' : ` GRANTED BY ${quoteIdentifier(change.grantor)}`;
  return `${grant} WITH ${options}${grantedBy}`;
}

/**
 * REVOKE of memberships, or of one option of them, of each role from each member. On 16+ by the grantor's name: a plain one
 * ends only what the own grantor granted, with nothing but a warning for the rest.
 */
export function revokeMembershipsSql(
  roles: readonly string[],
  members: readonly string[],
  change: Pick<RevokeMembership, 'grantor' | 'cascade'> & { option: 'all' | 'admin' | 'inherit' | 'set' },
  versionNum: number,
): string {
  const option = change.option === 'all' ? '' : `${change.option.toUpperCase()} OPTION FOR `;
  const revoke = `REVOKE ${option}${names(roles)} FROM ${names(members)}`;
  if (!hasMembershipOptions(versionNum)) return revoke;
  return `${revoke} GRANTED BY ${quoteIdentifier(change.grantor)}${change.cascade ? ' CASCADE' : ''}`;
}

function names(roles: readonly string[]): string {
  return roles.map(quoteIdentifier).join(', ');
}

function bool(value: boolean): string {
  return value ? 'TRUE' : 'FALSE';
}
