import { DATABASE_OWNER_ROLE } from '../roles/rules.ts';
import type { DropFacts, DropHeir } from './facts.ts';

/**
 * Name of the role that gets what a dropped role owns, where the request names none: one heir for each dropped role, by its OID.
 * What the dropped role left may be hostile (a function that runs with its owner's rights, a trigger on its table); owned by a
 * role of its own it can reach just what it could reach before, and never what another dropped role has left.
 */
export function defaultHeirName(oid: number): string {
  return `pgst_heir_${oid}`;
}

/** Comment by which such a role is known again. */
export function heirComment(installationId: string, role: string): string {
  return `pgsteward installation=${installationId} heir of role ${role}`;
}

/** What is known of whoever is to inherit. */
interface HeirQuestion {
  facts: DropFacts;
  /** As the request names it. */
  named: string | undefined;
  installationId: string;
}

/**
 * Why a role cannot inherit. Never the control plane's own role, and nobody who can do more than what he owns: code that the
 * dropped role left would run with the heir's rights.
 */
export function heirProblem({ facts, named, installationId }: HeirQuestion): string | undefined {
  const { role, heir, admin } = facts;
  if (role === null) return undefined;
  if (named === undefined) {
    return heir === null ? undefined : defaultHeirProblem(heir, heirComment(installationId, role.name));
  }
  if (named === role.name) return `role "${named}" is the one that is dropped`;
  if (heir === null) return `there is no role "${named}"`;
  if (heir.name === admin.name) return `role "${named}" is the control plane's own role`;
  if (heir.name.startsWith('pg_')) return `role "${named}" is a role of PostgreSQL itself`;
  if (heir.attributes.length > 0) {
    return `role "${named}" has ${heir.attributes.join(', ')}: what a dropped role leaves may hold code that runs with its owner's rights`;
  }
  const reaches = heir.reaches.filter((name) => name !== DATABASE_OWNER_ROLE);
  return reaches.length === 0
    ? undefined
    : `role "${named}" can become ${reaches.map((name) => `"${name}"`).join(', ')}`;
}

function defaultHeirProblem(heir: DropHeir, comment: string): string | undefined {
  if (heir.comment !== comment) {
    return `role "${heir.name}" exists and was not made to inherit from this role; name another heir`;
  }
  const extra = [
    ...(heir.login ? ['LOGIN'] : []),
    ...heir.attributes,
    ...heir.memberOf.map((group) => `membership of "${group}"`),
  ];
  return extra.length === 0
    ? undefined
    : `role "${heir.name}" was made to inherit and has got ${extra.join(', ')} since; take that away, or name another heir`;
}
