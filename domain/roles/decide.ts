import type { FailureType } from '../failures.ts';
import { parseMarker } from '../marker.ts';
import type { DesiredRole } from './desired.ts';

/** A role as the server has it. */
export interface ExistingRole {
  name: string;
  oid: number;
  isSuperuser: boolean;
  canCreateRoles: boolean;
  canLogin: boolean;
  comment: string | null;
}

/** What is known about roles beside the server itself. */
export interface RoleOwnership {
  taskId: string;
  /** Roles that this database's own `post_init` made. */
  madeByScript: ReadonlySet<string>;
  /** Roles that an operator opened to every database. */
  allowed: ReadonlySet<string>;
  /** Roles that earlier tasks made for this database, or adopted: they are changed elsewhere, and no conflict. */
  recorded?: ReadonlySet<string>;
}

export interface RoleDecision {
  create: DesiredRole[];
  /** Exist and are ours to shape: made by `post_init`. */
  alter: DesiredRole[];
  /** Exist and are taken over: only a password that the specification names is set. */
  adopt: DesiredRole[];
  /** Memberships to grant. */
  memberships: { role: string; member: string; inherit: boolean }[];
  /** Why the specification cannot be carried out; nothing is done when there is any. */
  problems: { type: FailureType; message: string }[];
}

/**
 * Decides what to do about the roles of a database (R1): an existing role is a conflict unless this task's earlier
 * attempt or its `post_init` made it, or the specification adopts it; a granted role belongs to this database or to the
 * operator's allow-list, and is never a superuser. Pure.
 */
export function decideRoles(
  desired: readonly DesiredRole[],
  existing: readonly ExistingRole[],
  ownership: RoleOwnership,
): RoleDecision {
  const known = new Map(existing.map((role) => [role.name, role]));
  const own = new Set(desired.map((role) => role.name));
  const superusers = new Set(desired.filter((role) => role.attributes.includes('SUPERUSER')).map((role) => role.name));
  const decision: RoleDecision = { create: [], alter: [], adopt: [], memberships: [], problems: [] };
  for (const role of desired) {
    const found = known.get(role.name);
    if (found === undefined) decision.create.push(role);
    else if (parseMarker(found.comment)?.taskId === ownership.taskId || ownership.recorded?.has(role.name)) continue;
    else if (found.isSuperuser) decision.problems.push(refused(role, 'is a superuser of the server'));
    else if (ownership.madeByScript.has(role.name)) decision.alter.push(role);
    else if (role.adopt) decision.adopt.push(role);
    else decision.problems.push(conflict(role));
  }
  for (const role of desired) {
    role.memberOf.forEach((name, index) => {
      const path = `${role.path}.roles[${index}]`;
      const problem = superusers.has(name)
        ? superuserProblem(name, path)
        : grantProblem(name, path, known.get(name), own, ownership);
      if (problem === undefined) decision.memberships.push({ role: name, member: role.name, inherit: role.inherit });
      else decision.problems.push(problem);
    });
  }
  return decision;
}

/** Why a role cannot be granted to a user of this database, or undefined when it can. */
export function grantProblem(
  name: string,
  path: string,
  found: ExistingRole | undefined,
  own: ReadonlySet<string>,
  ownership: Pick<RoleOwnership, 'madeByScript' | 'allowed' | 'recorded'>,
): { type: FailureType; message: string } | undefined {
  if (found?.isSuperuser) return superuserProblem(name, path);
  if (own.has(name)) return undefined;
  if (found === undefined) {
    return {
      type: 'PreflightFailed',
      message: `${path}: role "${name}" does not exist; create it in scripts.post_init or on the server first`,
    };
  }
  if (ownership.madeByScript.has(name) || ownership.allowed.has(name) || ownership.recorded?.has(name))
    return undefined;
  return {
    type: 'NotAllowed',
    message: `${path}: role "${name}" was not made for this database; an operator can open it with PGSTEWARD_ALLOWED_ROLES`,
  };
}

function superuserProblem(name: string, path: string): { type: FailureType; message: string } {
  return { type: 'NotAllowed', message: `${path}: role "${name}" is a superuser` };
}

function refused(role: DesiredRole, why: string): { type: FailureType; message: string } {
  return { type: 'NotAllowed', message: `${role.path}.username: role "${role.name}" ${why}` };
}

function conflict(role: DesiredRole): { type: FailureType; message: string } {
  return {
    type: 'NameConflict',
    message: `${role.path}.username: role "${role.name}" exists on the server and was not made for this database; choose another name, or set "adopt": true to take it over`,
  };
}
