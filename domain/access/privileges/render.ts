import { type Change, databaseOf } from '../changes.ts';
import { addToGroup } from '../groups.ts';
import type { ObservedServer } from '../observed.ts';
import type { PlanStep } from '../plan.ts';
import { actingRoles } from './acting-role.ts';
import { compareTexts } from './contents-index.ts';
import { renderDefaults } from './render-defaults.ts';
import { renderObjects } from './render-objects.ts';
import { renderOwners } from './render-owners.ts';

/**
 * SQL of changes of owners, privileges and default privileges, as few statements as possible; other changes are left out. What
 * belongs to the whole server comes first, then one database after the other; within each owners, revokes, grants, defaults.
 * @param observed the server before the changes
 * @throws Error when a change names something that was not observed
 */
export function renderPrivileges(changes: readonly Change[], observed: ObservedServer): PlanStep[] {
  const actingRole = actingRoles(changes, observed);
  const byDatabase = new Map<string | null, Change[]>();
  for (const change of changes) addToGroup(byDatabase, databaseOf(change), change);
  return [...byDatabase]
    .sort(([a], [b]) => Number(b === null) - Number(a === null) || compareTexts(a ?? '', b ?? ''))
    .flatMap(([database, ofDatabase]) => [
      ...renderOwners(database, ofDatabase.filter(isOneOf('own_database', 'own_object'))),
      ...renderObjects(database, ofDatabase.filter(isOneOf('grant', 'revoke')), actingRole),
      ...(database === null
        ? []
        : renderDefaults(database, ofDatabase.filter(isOneOf('grant_default', 'revoke_default')))),
    ]);
}

function isOneOf<T extends Change['type']>(...types: T[]): (change: Change) => change is Extract<Change, { type: T }> {
  return (change): change is Extract<Change, { type: T }> => types.some((type) => type === change.type);
}
