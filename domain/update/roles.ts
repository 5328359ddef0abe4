import { type DesiredRole, desiredRoles } from '../roles/desired.ts';
import type { ResolvedSpec } from '../spec/normalize.ts';
import type { RoleAttribute } from '../spec/role-attributes.ts';

/** Attributes of a role as pg_roles shows them. */
export interface RoleFlags {
  name: string;
  superuser: boolean;
  inherit: boolean;
  createRole: boolean;
  createDb: boolean;
  login: boolean;
  replication: boolean;
  bypassRls: boolean;
}

/** A role that exists for the database and gets further attributes. */
export interface RoleAdjustment {
  name: string;
  attributes: RoleAttribute[];
}

/**
 * What an update changes about roles that the database has already. Attributes that the specification no longer lists stay, as
 * the contract says; only NOINHERIT, which a login of a service got for that, goes when no service uses it any more. Pure.
 */
export function adjustRoles(input: {
  databaseId: string;
  previous: ResolvedSpec;
  next: ResolvedSpec;
  /** Roles of this database that exist. */
  recorded: ReadonlySet<string>;
  /** Give every role its attributes again. */
  force: boolean;
}): RoleAdjustment[] {
  const before = new Map(desiredRoles(input.previous, input.databaseId).map((role) => [role.name, role]));
  return desiredRoles(input.next, input.databaseId)
    .filter(({ name, adopt }) => input.recorded.has(name) && !adopt)
    .map((role) => ({ name: role.name, attributes: missing(role, before.get(role.name), input) }))
    .filter(({ attributes }) => attributes.length > 0);
}

function missing(
  role: DesiredRole,
  earlier: DesiredRole | undefined,
  { previous, force }: { previous: ResolvedSpec; force: boolean },
): RoleAttribute[] {
  if (force || earlier === undefined) return role.attributes;
  const added = role.attributes.filter((attribute) => !earlier.attributes.includes(attribute));
  const asked = previous.users.find(({ username }) => username === role.name)?.attributes ?? [];
  const wasSwitched = earlier.attributes.includes('NOINHERIT') && !asked.includes('NOINHERIT');
  const isSwitched = role.attributes.includes('NOINHERIT');
  return wasSwitched && !isSwitched && !added.includes('INHERIT') ? [...added, 'INHERIT'] : added;
}

/** The attributes that give a role exactly these flags. */
export function attributesOf(flags: RoleFlags): RoleAttribute[] {
  return FLAG_ATTRIBUTES.map(([flag, on, off]) => (flags[flag] ? on : off));
}

const FLAG_ATTRIBUTES = [
  ['superuser', 'SUPERUSER', 'NOSUPERUSER'],
  ['inherit', 'INHERIT', 'NOINHERIT'],
  ['createRole', 'CREATEROLE', 'NOCREATEROLE'],
  ['createDb', 'CREATEDB', 'NOCREATEDB'],
  ['login', 'LOGIN', 'NOLOGIN'],
  ['replication', 'REPLICATION', 'NOREPLICATION'],
  ['bypassRls', 'BYPASSRLS', 'NOBYPASSRLS'],
] as const satisfies readonly (readonly [Exclude<keyof RoleFlags, 'name'>, RoleAttribute, RoleAttribute])[];
