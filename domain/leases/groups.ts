import type { LeaseLook } from '../sql/leases.ts';

/** Owner of roles that the role engine made or knows of no owner: anybody who may ask for leases may have them. */
const RESERVED = /^(?:pg_|pgst_)/;

/** What a group is judged by. */
export interface GroupQuestion {
  name: string;
  /** Undefined: the server has no such role. */
  found: LeaseLook['groups'][number] | undefined;
  admin: string;
  /** What it belongs to, where that is not the role engine. */
  owner: string | undefined;
  /** An administrator asks, or made the template that is asked by (R5). */
  foreignAllowed: boolean;
}

/** Why a lease cannot be a member of a role; undefined: it can. */
export function groupProblem(of: GroupQuestion): string | undefined {
  const { name, found, admin, owner } = of;
  if (name === admin) return `role "${name}" is the control plane's own role`;
  if (RESERVED.test(name)) {
    return `role "${name}" is ${name.startsWith('pg_') ? 'a role of PostgreSQL itself' : "one of the control plane's own roles"}: leases are members of group roles that you made`;
  }
  if (found === undefined) return `there is no role "${name}"`;
  if (found.attributes.length > 0) return `role "${name}" has ${found.attributes.join(', ')}`;
  if (found.reaches.length > 0) {
    return `role "${name}" can become ${found.reaches.map((role) => `"${role}"`).join(', ')}`;
  }
  if (owner !== undefined && !of.foreignAllowed) {
    return `role "${name}" belongs to ${owner}; an administrator may ask for it, or make a template with it`;
  }
  return undefined;
}
