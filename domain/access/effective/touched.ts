import type { Change } from '../changes.ts';
import { DEFAULT_KINDS } from '../objects.ts';
import type { Impact } from '../plan.ts';
import { refLabel } from '../refs.ts';

/** What a change is made to, other than roles. */
function objectOf(change: Change): { database: string; label: string } | undefined {
  switch (change.type) {
    case 'grant':
    case 'revoke':
    case 'own_object':
      return { database: change.database, label: refLabel(change.object) };
    case 'own_database':
      return { database: change.database, label: `database ${change.database}` };
    case 'grant_default':
    case 'revoke_default': {
      const place = change.schema === null ? '' : ` in schema ${change.schema}`;
      const kind = DEFAULT_KINDS[change.on].keyword.toLowerCase();
      return { database: change.database, label: `default privileges of ${change.creator} on ${kind}${place}` };
    }
    default:
      return undefined;
  }
}

function rolesOf(change: Change): string[] {
  if ('member' in change) return [change.role, change.member];
  return 'role' in change ? [change.role] : [];
}

/** Objects that are changed, with the number of changes to each, by database and name. */
export function touchedObjects(changes: readonly Change[]): Impact['objects'] {
  const touched = new Map<string, Impact['objects'][number]>();
  for (const change of changes) {
    const object = objectOf(change);
    if (object === undefined) continue;
    const key = `${object.database}\0${object.label}`;
    const known = touched.get(key);
    if (known === undefined) touched.set(key, { ...object, changes: 1 });
    else known.changes += 1;
  }
  return [...touched].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

/** Roles that are made or changed, or whose memberships are. */
export function touchedRoles(changes: readonly Change[]): string[] {
  return [...new Set(changes.flatMap(rolesOf))].toSorted();
}
