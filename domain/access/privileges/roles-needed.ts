import { type Change, databaseOf } from '../changes.ts';
import { getOrAdd } from '../groups.ts';
import type { ObservedServer } from '../observed.ts';
import { actualRole } from './role-reach.ts';

/**
 * Roles whose rights an admin that is no superuser needs for these changes, by database (null: of the whole server), with the
 * INHERIT and the SET option: old and new owners, grantors, and creators of default privileges. The admin itself is left out;
 * for `pg_database_owner`, which nobody can be a member of, stands the database's owner.
 */
export function rolesNeeded(changes: readonly Change[], observed: ObservedServer): Map<string | null, Set<string>> {
  const needed = new Map<string | null, Set<string>>();
  const owners = new Map<string, string>();
  for (const { name, owner } of observed.databases.values()) owners.set(name, owner);
  for (const change of changes) if (change.type === 'own_database') owners.set(change.database, change.owner);
  for (const change of changes) {
    for (const role of rolesOf(change)) {
      const actual =
        'database' in change && change.database !== null ? actualRole(role, owners.get(change.database) ?? role) : role;
      if (actual === observed.admin.name) continue;
      getOrAdd(needed, databaseOf(change), () => new Set<string>()).add(actual);
    }
  }
  return needed;
}

function rolesOf(change: Change): string[] {
  switch (change.type) {
    case 'own_database':
    case 'own_object':
      return [change.from, change.owner];
    case 'grant':
    case 'revoke':
      return [change.grantor];
    case 'grant_default':
    case 'revoke_default':
      return [change.creator];
    default:
      return [];
  }
}
