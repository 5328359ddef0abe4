import type { DropFacts } from './facts.ts';
import type { DropDocument } from './request.ts';

/** What the hash of a drop covers. Sessions come and go, and what locks the role out is part of the drop: neither is in it. */
export function dropPlanText(of: {
  facts: Pick<DropFacts, 'role' | 'heir' | 'memberships'>;
  document: Pick<DropDocument, 'heir' | 'reassign_owned' | 'force'>;
  /** Stands for everything that depends on the role. */
  dependence: string;
}): string {
  const { facts, document, dependence } = of;
  const { role, heir, memberships } = facts;
  return JSON.stringify([
    role === null ? null : [role.oid, role.name, role.superuser, role.createrole],
    heir === null ? null : [heir.oid, heir.name],
    memberships.map(({ role: group, member, grantor, admin }) => [group, member, grantor, admin]),
    [document.heir ?? null, document.reassign_owned ?? false, document.force ?? false],
    dependence,
  ]);
}
