import type { Change, GrantMembership } from '../../../../domain/access/changes.ts';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import type { PlanStep } from '../../../../domain/access/plan.ts';
import { renderRoles } from '../../../../domain/access/roles/render-roles.ts';

/** What a request does, and by which steps. */
interface Work {
  steps: readonly PlanStep[];
  changes: readonly Change[];
}

/** Changes of a role that do not depend on whether it is a member of something yet. */
const OF_THE_ROLE: ReadonlySet<Change['type']> = new Set([
  'create_role',
  'alter_role',
  'comment_role',
  'set_setting',
  'reset_setting',
  'grant_membership',
]);

/**
 * Steps of independent requests in two parts: the memberships of roles come last, those of one group in one statement. From 16 on
 * the server lets one transaction at a time add members to a group (AddRoleMems in src/backend/commands/user.c), until it ends: so
 * transactions side by side make their roles, which takes time, before that, and take the groups in the order of their names.
 */
export function membershipsLast(
  works: readonly Work[],
  observed: ObservedServer,
): { steps: PlanStep[]; memberships: PlanStep[] } {
  const steps: PlanStep[] = [];
  const grants: GrantMembership[] = [];
  for (const work of works) {
    const plain = work.changes.every(({ type }) => OF_THE_ROLE.has(type)) && work.steps.every(isOfTheRole);
    if (!plain) {
      steps.push(...work.steps);
      continue;
    }
    steps.push(...work.steps.filter(({ action }) => action !== 'grant memberships'));
    for (const change of work.changes) if (change.type === 'grant_membership') grants.push(change);
  }
  grants.sort((a, b) => (a.role < b.role ? -1 : Number(a.role > b.role)));
  return { steps, memberships: renderRoles(grants, observed) };
}

/** Not one that lends the admin role something, and takes it back after what it was lent for. */
function isOfTheRole({ action }: PlanStep): boolean {
  return !/ privileges$/.test(action);
}
