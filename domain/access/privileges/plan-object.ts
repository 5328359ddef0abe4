import type { GrantPrivileges, RevokePrivileges } from '../changes.ts';
import { type AclEntry, type ObjectRef, type ObservedObject, PUBLIC } from '../observed.ts';
import { type AclList, findEntry, type HasPrivilegesOf, type Held, heldByGrantee, NOTHING_HELD } from './acl-list.ts';
import type { Place, RightsByPlace } from './desired-rights.ts';
import { applyGrant, applyRevoke, COLUMN_MASK, copyOfRights, type ObjectRights, rightsOf } from './object-rights.ts';

/** What is asked of one object, and what the server is like around it. */
export interface ObjectTask {
  database: string;
  /** With the owner that it is to have. */
  object: ObservedObject;
  /** Names it. */
  ref: ObjectRef;
  granted: RightsByPlace;
  revoked: RightsByPlace;
  /** Whose rights are exactly `granted`. */
  exact: ReadonlySet<string>;
  hasPrivilegesOf: HasPrivilegesOf;
  /** Whether REVOKE works after SET ROLE to this role, if it has the grant option. */
  canRevokeAs: (role: string) => boolean;
}

/** What makes one object's rights those that are asked for. */
export interface ObjectPlan {
  /** Grants that need not wait for the revokes; see {@link planSchema}. */
  first: GrantPrivileges[];
  /** Up to the last REVOKE; few of them are grants, which make a later REVOKE possible. */
  revokes: (RevokePrivileges | GrantPrivileges)[];
  /** By the owner. */
  grants: GrantPrivileges[];
  /** Who keeps, from the owner, what a revoked grant option had given. */
  restored: string[];
  /** What was to go from a grantee but PUBLIC has as well. */
  keptByPublic: { grantee: string; privileges: number }[];
  /** Entries that no REVOKE reaches. */
  unreachable: AclEntry[];
  /** Length of the object's own list afterwards. */
  entries: number;
}

/**
 * Compares one object's rights with what is asked for. Nobody but the grantees that are to lose something loses anything: what
 * goes along with a revoked grant option, or with the columns of a revoked table privilege, is granted again by the owner.
 */
export function planObject(task: ObjectTask): ObjectPlan {
  const plan: ObjectPlan = {
    ...{ first: [], revokes: [], grants: [], restored: [], keptByPublic: [], unreachable: [] },
    entries: task.object.acl.length,
  };
  if (isAsAsked(task)) return plan;
  const work = rightsOf(task.object);
  if (task.exact.size > 0 || task.revoked.size > 0) removeSurplus(task, work, plan);
  addMissing(task, work, plan);
  notePublic(task, work, plan);
  plan.entries = work.acl.size;
  return plan;
}

const NOBODY: ReadonlyMap<string, Held> = new Map();

/**
 * Whether there is plainly nothing to do: most objects of a document that was applied before have one entry by their owner for
 * each grantee, and none for columns. What is less plain is looked at as a whole.
 */
function isAsAsked({ object, granted, revoked, exact }: ObjectTask): boolean {
  const { owner, acl, columns } = object;
  const wanted = granted.get(undefined) ?? NOBODY;
  if (revoked.size > 0 || (columns?.size ?? 0) > 0 || granted.size > (granted.has(undefined) ? 1 : 0)) return false;
  let missing = wanted.has(owner) ? wanted.size - 1 : wanted.size;
  for (const { grantee, grantor, privileges, grantable } of acl) {
    if (grantee === owner) continue;
    const asked = wanted.get(grantee);
    if (asked === undefined) {
      if (exact.has(grantee)) return false;
      continue;
    }
    if (grantor !== owner || (asked.privileges & ~privileges) !== 0 || (asked.grantable & ~grantable) !== 0)
      return false;
    const surplus = (privileges & ~asked.privileges) | (grantable & ~asked.grantable);
    if (surplus !== 0 && exact.has(grantee)) return false;
    missing -= 1;
  }
  return missing === 0;
}

/** As {@link planObject}, with what is asked for granted first and not after the revokes. */
export function planSchema(task: ObjectTask): ObjectPlan {
  if (isAsAsked(task)) return planObject(task);
  const { grants } = planObject({ ...task, revoked: new Map(), exact: new Set() });
  if (task.exact.size === 0 && task.revoked.size === 0) return { ...planObject(task), first: grants, grants: [] };
  const given = rightsOf(task.object);
  for (const grant of grants) applyGrant(given, grant);
  return { ...planObject({ ...task, object: { ...task.object, acl: [...given.acl.values()] } }), first: grants };
}

/** One entry of a list, with the part of it that is to go. */
interface Surplus {
  place: Place;
  entry: AclEntry;
}

function removeSurplus(task: ObjectTask, work: ObjectRights, plan: ObjectPlan): void {
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

/** What a grantee is not to have at a place. */
function removalOf(task: ObjectTask, place: Place, grantee: string): Held {
  if (grantee === task.object.owner) return NOTHING_HELD;
  const granted = task.granted.get(place)?.get(grantee) ?? NOTHING_HELD;
  if (task.exact.has(grantee)) return { privileges: ~granted.privileges, grantable: ~granted.grantable };
  const here = task.revoked.get(place)?.get(grantee) ?? NOTHING_HELD;
  if (place === undefined) return here;
  // As in SQL, what is revoked on the whole relation is revoked on its columns, except where they are granted by name.
  const whole = task.revoked.get(undefined)?.get(grantee) ?? NOTHING_HELD;
  return {
    privileges: here.privileges | (whole.privileges & COLUMN_MASK & ~granted.privileges),
    grantable: here.grantable | (whole.grantable & COLUMN_MASK & ~granted.grantable),
  };
}

function stillThere(rights: ObjectRights, { place, entry }: Surplus): AclEntry | undefined {
  const now = findEntry(listAt(rights, place), entry.grantee, entry.grantor);
  if (now === undefined) return undefined;
  const privileges = now.privileges & entry.privileges;
  const grantable = now.grantable & entry.grantable;
  return (privileges | grantable) === 0 ? undefined : { ...entry, privileges, grantable };
}

function listAt({ acl, columns }: ObjectRights, place: Place): AclList | undefined {
  return place === undefined ? acl : columns.get(place);
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

/** Lists of an object by place, the whole object first. */
function* placesOf({ acl, columns }: ObservedObject): Generator<[Place, readonly AclEntry[]]> {
  yield [undefined, acl];
  if (columns !== undefined) yield* columns;
}

/** Grants by the owner what is asked for, or was there and is to stay, and is not there now. */
function addMissing(task: ObjectTask, work: ObjectRights, plan: ObjectPlan): void {
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

/** Written out, because most of a large plan is made here. */
function grantOf(
  { database, ref, object }: ObjectTask,
  place: Place,
  grantee: string,
  privileges: number,
  grantOption: boolean,
): GrantPrivileges {
  const grantor = object.owner;
  if (place === undefined) return { type: 'grant', database, object: ref, grantee, grantor, privileges, grantOption };
  return { type: 'grant', database, object: ref, column: place, grantee, grantor, privileges, grantOption };
}

/** What PUBLIC has, every grantee has: revoking it from one takes nothing away. */
function notePublic(task: ObjectTask, work: ObjectRights, plan: ObjectPlan): void {
  if (task.revoked.size === 0 && plan.revokes.length === 0) return;
  const taken = new Map<string, number>();
  const add = (grantee: string, mask: number) => taken.set(grantee, (taken.get(grantee) ?? 0) | mask);
  for (const held of task.revoked.values()) for (const [grantee, { privileges }] of held) add(grantee, privileges);
  for (const change of plan.revokes) {
    if (change.type === 'revoke' && !change.grantOptionOnly) add(change.grantee, change.privileges);
  }
  taken.delete(PUBLIC);
  if (taken.size === 0) return;
  const byPublic = heldByGrantee([...work.acl.values()].filter(({ grantee }) => grantee === PUBLIC)).get(PUBLIC);
  if (byPublic === undefined) return;
  for (const [grantee, mask] of taken) {
    const privileges = mask & byPublic.privileges;
    if (privileges !== 0) plan.keptByPublic.push({ grantee, privileges });
  }
}
