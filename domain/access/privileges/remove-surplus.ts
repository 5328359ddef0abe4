import type { GrantPrivileges, RevokePrivileges } from '../changes.ts';
import type { AclEntry } from '../observed.ts';
import { findEntry } from './acl-list.ts';
import type { Place } from './desired-rights.ts';
import { applyGrant, applyRevoke, copyOfRights, type ObjectRights } from './object-rights.ts';
import { grantOf, listAt, type ObjectPlan, type ObjectTask, placesOf, removalOf } from './object-task.ts';

/** One entry of a list, with the part of it that is to go. */
interface Surplus {
  place: Place;
  entry: AclEntry;
}

/** Revokes what is to go, as far as a REVOKE reaches it. */
export function removeSurplus(task: ObjectTask, work: ObjectRights, plan: ObjectPlan): void {
  for (const surplus of surplusOf(task)) {
    const left = stillThere(work, surplus);
    if (left === undefined) continue;
    const found = firstThatRemoves(surplus, waysToRemove(task, work, { ...surplus, entry: left }));
    if (found === undefined) {
      plan.unreachable.push(left);
      continue;
    }
    plan.revokes.push(...found.changes);
    work.acl = found.after.acl;
    work.columns = found.after.columns;
  }
}

function firstThatRemoves(surplus: Surplus, ways: Iterable<Way>): Way | undefined {
  for (const way of ways) if (stillThere(way.after, surplus) === undefined) return way;
  return undefined;
}

/** Entries with rights that are to go: those of the whole object first, and those by the owner before those that rest on them. */
function surplusOf(task: ObjectTask): Surplus[] {
  const found: Surplus[] = [];
  for (const [place, list] of placesOf(task.object)) {
    const ofPlace: Surplus[] = [];
    for (const entry of list) {
      const removal = removalOf(task, place, entry.grantee);
      const privileges = entry.privileges & removal.privileges;
      const grantable = entry.grantable & (removal.grantable | privileges);
      if ((privileges | grantable) !== 0) ofPlace.push({ place, entry: { ...entry, privileges, grantable } });
    }
    if (ofPlace.length === 0) continue;
    const depths = depthOfGrantors(list, task.object.owner);
    const depthOf = ({ entry }: Surplus) => depths.get(entry.grantor) ?? Number.MAX_SAFE_INTEGER;
    found.push(...ofPlace.sort((a, b) => depthOf(a) - depthOf(b)));
  }
  return found;
}

/** How many grants lie between the owner and each grantor. */
function depthOfGrantors(list: readonly AclEntry[], owner: string): Map<string, number> {
  const depths = new Map([[owner, 0]]);
  const entries = list.filter(({ grantable }) => grantable !== 0);
  for (const [grantor, depth] of depths) {
    for (const entry of entries) {
      if (entry.grantor === grantor && !depths.has(entry.grantee)) depths.set(entry.grantee, depth + 1);
    }
  }
  return depths;
}

function stillThere(rights: ObjectRights, { place, entry }: Surplus): AclEntry | undefined {
  const now = findEntry(listAt(rights, place), entry.grantee, entry.grantor);
  if (now === undefined) return undefined;
  const privileges = now.privileges & entry.privileges;
  const grantable = now.grantable & entry.grantable;
  return (privileges | grantable) === 0 ? undefined : { ...entry, privileges, grantable };
}

interface Way {
  changes: (RevokePrivileges | GrantPrivileges)[];
  after: ObjectRights;
}

/** Ways to take an entry's rights away, the plainest first; not all of them need work. */
function* waysToRemove(task: ObjectTask, work: ObjectRights, surplus: Surplus): Generator<Way> {
  const { place, entry } = surplus;
  const { owner } = work;
  const direct = revokesOf(task, surplus);
  if (entry.grantor === owner) {
    yield tryOut(task, work, direct);
    return;
  }
  const canRevoke = task.canRevokeAs(entry.grantor);
  const bits = entry.privileges | entry.grantable;
  const missing = bits & ~ownOptions(work, place, entry.grantor);
  if (canRevoke && missing === 0) yield tryOut(task, work, direct);
  // A grantor can have lost its option but not what it granted: a table's option behind a column's grant, or one that it had
  // through a role. Then the owner gives it the option for a moment.
  const byOwner = { grantee: entry.grantor, grantor: owner };
  const lent: GrantPrivileges[] = missing === 0 ? [] : [grantOf(task, place, entry.grantor, missing, true)];
  const had = findEntry(listAt(work, place), entry.grantor, owner)?.privileges ?? 0;
  const takenBack = (grantable: number) =>
    revokesOf(task, { place, entry: { ...byOwner, privileges: missing & ~had, grantable } });
  // With the option goes what was granted by it; the option and what others are to keep come back with the grants.
  yield tryOut(task, work, [...lent, ...takenBack(bits)]);
  // Needed where the grantor reaches the option by a role, too.
  if (canRevoke) yield tryOut(task, work, [...lent, ...direct, ...takenBack(missing)]);
}

/** Carries changes out on a copy, with CASCADE where RESTRICT would refuse. */
function tryOut(task: ObjectTask, work: ObjectRights, changes: Way['changes']): Way {
  const after = copyOfRights(work);
  return {
    changes: changes.map((change) => {
      if (change.type === 'revoke') return { ...change, cascade: applyRevoke(after, change, task.hasPrivilegesOf) };
      applyGrant(after, change);
      return change;
    }),
    after,
  };
}

/** REVOKE of the privileges, and of the grant options that go without their privilege. */
function revokesOf(task: ObjectTask, { place, entry }: Surplus): RevokePrivileges[] {
  const optionOnly = entry.grantable & ~entry.privileges;
  const revokes: RevokePrivileges[] = [];
  if (entry.privileges !== 0) revokes.push(revokeOf(task, place, entry, false));
  if (optionOnly !== 0) revokes.push(revokeOf(task, place, { ...entry, privileges: optionOnly }, true));
  return revokes;
}

function revokeOf(
  task: ObjectTask,
  place: Place,
  { grantee, grantor, privileges }: Pick<AclEntry, 'grantee' | 'grantor' | 'privileges'>,
  grantOptionOnly: boolean,
): RevokePrivileges {
  const common = commonOf(task, place);
  return { ...common, type: 'revoke', grantee, grantor, privileges, grantOptionOnly, cascade: false };
}

type Where = Pick<GrantPrivileges, 'database' | 'object' | 'column'>;

function commonOf({ database, ref: object }: ObjectTask, place: Place): Where {
  return place === undefined ? { database, object } : { database, object, column: place };
}

/** Grant options that a role holds itself: for a column those of the table count, too (`ExecGrant_Attribute`). */
function ownOptions({ acl, columns }: ObjectRights, place: Place, role: string): number {
  let options = 0;
  for (const list of place === undefined ? [acl] : [acl, columns.get(place)]) {
    for (const { grantee, grantable } of list?.values() ?? []) if (grantee === role) options |= grantable;
  }
  return options;
}
