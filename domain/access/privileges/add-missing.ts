import type { GrantPrivileges } from '../changes.ts';
import { type Held, heldByGrantee, NOTHING_HELD } from './acl-list.ts';
import type { Place, RightsByPlace } from './desired-rights.ts';
import { applyGrant, type ObjectRights } from './object-rights.ts';
import { grantOf, listAt, type ObjectPlan, type ObjectTask, placesOf, removalOf } from './object-task.ts';

/** Grants by the owner what is asked for, or was there and is to stay, and is not there now. */
export function addMissing(task: ObjectTask, work: ObjectRights, plan: ObjectPlan): void {
  const restored = new Set<string>();
  const before: RightsByPlace = new Map();
  if (plan.revokes.length > 0) {
    for (const [place, list] of placesOf(task.object)) before.set(place, heldByGrantee(list));
  }
  // The whole object first: what is granted there need not be granted on a column.
  const places = new Set([undefined, ...before.keys(), ...task.granted.keys()]);
  for (const place of places) {
    const had = before.get(place);
    const granted = task.granted.get(place);
    if (had === undefined && granted === undefined) continue;
    const has = heldByGrantee(listAt(work, place)?.values() ?? []);
    const onWhole = place === undefined ? undefined : heldByGrantee(work.acl.values());
    const grantees = had === undefined ? (granted?.keys() ?? []) : new Set([...had.keys(), ...(granted?.keys() ?? [])]);
    for (const grantee of grantees) {
      const now = has.get(grantee) ?? NOTHING_HELD;
      const kept =
        had === undefined ? NOTHING_HELD : keptOf(task, place, grantee, had.get(grantee) ?? NOTHING_HELD, now);
      const asked = askedOf(task, grantee, granted?.get(grantee), onWhole?.get(grantee));
      if ((kept.privileges | kept.grantable) !== 0) restored.add(grantee);
      const grantable = (kept.grantable | asked.grantable) & ~now.grantable;
      const privileges = (kept.privileges | asked.privileges) & ~now.privileges & ~grantable;
      if (grantable !== 0) grantByOwner(work, plan, grantOf(task, place, grantee, grantable, true));
      if (privileges !== 0) grantByOwner(work, plan, grantOf(task, place, grantee, privileges, false));
    }
  }
  if (plan.revokes.some((change) => change.type === 'revoke' && change.cascade)) plan.restored.push(...restored);
}

/** What a grantee had, is to keep, and lost on the way. An owner has every grant option without any entry. */
function keptOf(task: ObjectTask, place: Place, grantee: string, had: Held, now: Held): Held {
  const removal = removalOf(task, place, grantee);
  return {
    privileges: had.privileges & ~removal.privileges & ~now.privileges,
    grantable:
      grantee === task.object.owner ? 0 : had.grantable & ~removal.grantable & ~removal.privileges & ~now.grantable,
  };
}

function askedOf(task: ObjectTask, grantee: string, granted = NOTHING_HELD, onWhole = NOTHING_HELD): Held {
  if (grantee === task.object.owner) return NOTHING_HELD;
  return {
    privileges: granted.privileges & ~onWhole.privileges,
    grantable: granted.grantable & ~onWhole.grantable,
  };
}

function grantByOwner(work: ObjectRights, plan: ObjectPlan, grant: GrantPrivileges): void {
  applyGrant(work, grant);
  plan.grants.push(grant);
}
