import type { Change } from '../changes.ts';
import type { AclEntry, ObservedDatabase, ObservedObject, ObservedServer } from '../observed.ts';
import type { Impact } from '../plan.ts';
import { databaseObject } from '../privileges/contents-index.ts';
import { refKey } from '../refs.ts';
import { type AccessGroup, groupKey, type LoginSet, toAccessChanges } from './access-groups.ts';
import { type Bits, createBitsIndex, indexesOf } from './bits.ts';
import { createMembershipGraph } from './closure.ts';
import { type Comparer, createComparer, type Difference } from './compare-rights.ts';
import { type DoorDifference, doorDifferences } from './door-differences.ts';
import { type RightsContext, superuserOnly } from './rights.ts';
import { createRoleSets, type RoleSets, type Universe, universeOf } from './role-sets.ts';
import { createSide } from './side.ts';
import { touchedObjects, touchedRoles } from './touched.ts';
import { setRolesOf } from './ways.ts';

/** Entries of each list of an impact. */
const MAX_ENTRIES = { objects: 200, roles: 500, gained: 100, lost: 100 };

interface States {
  before: RightsContext;
  after: RightsContext;
}

/** Logins that are looked at together, in both states. */
interface Perspective {
  universe: Universe;
  sets: { before: RoleSets; after: RoleSets };
  loginSet(bits: Bits): LoginSet;
}

/**
 * What changes do to people: which logins can use which objects that they could not use before, or no longer. It takes the
 * privilege, USAGE on the schema, CONNECT on the database and LOGIN to use an object; single columns count by themselves. What
 * is gained or lost only by SET ROLE is told in entries of its own.
 *
 * A login that gets into a database or schema, or no longer, is told once for that, not for everything that it has rights on there;
 * likewise a new superuser. Databases whose contents were not read are compared by their own rights only.
 *
 * Costs (logins whose memberships change) × objects + logins × (objects whose rights change), as operations on sets of 32 logins.
 */
export function computeImpact(input: {
  before: ObservedServer;
  after: ObservedServer;
  changes: readonly Change[];
}): Impact {
  const { before, after, changes } = input;
  const states = { before: contextOf(before), after: contextOf(after) };
  const logins = loginsOf(before, after);
  const numbering = createNumbering();
  const everyone = createPerspective(states, logins, numbering);
  const moved = states.before.graph === states.after.graph ? [] : logins.filter((login) => isMoved(states, login));
  const movers = moved.length === 0 ? undefined : createPerspective(states, moved, numbering);
  const groups = new Map<string, AccessGroup>();
  for (const [name, databaseAfter] of after.databases) {
    const databaseBefore = before.databases.get(name);
    if (databaseBefore === undefined) continue;
    const collect = createCollector(groups, name);
    compareDatabases({ before: databaseBefore, after: databaseAfter }, { states, everyone, movers, collect });
  }
  const found = [...groups.values()];
  return capped({
    objects: touchedObjects(changes),
    roles: touchedRoles(changes),
    gained: toAccessChanges(found.filter(({ direction }) => direction === 'gained')),
    lost: toAccessChanges(found.filter(({ direction }) => direction === 'lost')),
  });
}

function capped(impact: Impact): Impact {
  const more = {
    objects: Math.max(0, impact.objects.length - MAX_ENTRIES.objects),
    roles: Math.max(0, impact.roles.length - MAX_ENTRIES.roles),
    gained: Math.max(0, impact.gained.length - MAX_ENTRIES.gained),
    lost: Math.max(0, impact.lost.length - MAX_ENTRIES.lost),
  };
  const short: Impact = {
    objects: impact.objects.slice(0, MAX_ENTRIES.objects),
    roles: impact.roles.slice(0, MAX_ENTRIES.roles),
    gained: impact.gained.slice(0, MAX_ENTRIES.gained),
    lost: impact.lost.slice(0, MAX_ENTRIES.lost),
  };
  return Object.values(more).some((count) => count > 0) ? { ...short, more } : short;
}

function contextOf(server: ObservedServer): RightsContext {
  return { server, graph: createMembershipGraph(server) };
}

function loginsOf(...servers: readonly ObservedServer[]): string[] {
  const roles = servers.flatMap((server) => [...server.roles.values()]);
  return [...new Set(roles.filter(({ attributes }) => attributes.login).map(({ name }) => name))];
}

/** Whether a login has the privileges of other roles than before, by inheritance or after SET ROLE. */
function isMoved({ before, after }: States, login: string): boolean {
  const isChanged = (kind: 'inherit' | 'set', role: string) => {
    const [old, now] = [
      new Set(before.graph.reach(kind, role).roles()),
      new Set(after.graph.reach(kind, role).roles()),
    ];
    return old.size !== now.size || [...old].some((reached) => !now.has(reached));
  };
  if (isChanged('inherit', login) || isChanged('set', login)) return true;
  return setRolesOf(after, login).some((target) => isChanged('inherit', target));
}

type Numbering = (names: readonly string[]) => LoginSet;

function createNumbering(): Numbering {
  const known = new Map<string, LoginSet>();
  return (names) => {
    const key = names.join('\0');
    const found = known.get(key) ?? { id: known.size, names };
    known.set(key, found);
    return found;
  };
}

function createPerspective(states: States, logins: readonly string[], numbering: Numbering): Perspective {
  const universe = universeOf(logins, [states.before, states.after]);
  return {
    universe,
    sets: { before: createRoleSets(states.before, universe), after: createRoleSets(states.after, universe) },
    loginSet: createBitsIndex((bits) => numbering(indexesOf(bits).map((index) => universe.names[index] ?? ''))),
  };
}

/** Puts a difference into its group; answers the group, which further objects can be added to. */
type Collect = (difference: Difference | DoorDifference, object: ObservedObject, of: Perspective) => AccessGroup;

function createCollector(groups: Map<string, AccessGroup>, database: string): Collect {
  return ({ logins, ...difference }, object, { loginSet }) => {
    const group = { ...difference, database, logins: loginSet(logins), objects: [object] };
    const key = groupKey(group);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, group);
    else known.objects.push(object);
    return known ?? group;
  };
}

function compareDatabases(
  { before, after }: { before: ObservedDatabase; after: ObservedDatabase },
  work: { states: States; everyone: Perspective; movers: Perspective | undefined; collect: Collect },
): void {
  const { states, everyone, movers, collect } = work;
  const sidesFor = ({ sets, universe }: Perspective) => ({
    before: createSide(states.before, before, { sets: sets.before, universe }),
    after: createSide(states.after, after, { sets: sets.after, universe }),
    sets,
    words: universe.words,
  });
  const sides = sidesFor(everyone);
  const database = databaseObject(after);
  for (const difference of doorDifferences(sides)) collect(difference, database, everyone);
  const comparer = createComparer(sides);
  for (const difference of comparer.differences(databaseObject(before), database)) {
    if (difference.privilege !== 'CONNECT') collect(difference, database, everyone);
  }
  if (before.contents === undefined || after.contents === undefined) return;
  const forAll = createObjectComparison({ comparer, perspective: everyone, collect });
  const forMovers =
    movers && createObjectComparison({ comparer: createComparer(sidesFor(movers)), perspective: movers, collect });
  if (before.contents === after.contents && before.owner === after.owner && forMovers === undefined) return;
  for (const [old, now] of pairsOf(before.contents.objects, after.contents.objects)) {
    const isSame = before.owner === after.owner && hasSameRights(old, now);
    (isSame ? forMovers : forAll)?.(old, now);
  }
}

function hasSameRights(a: ObservedObject | undefined, b: ObservedObject | undefined): boolean {
  return a === b || (a?.acl === b?.acl && a?.owner === b?.owner && a?.columns === b?.columns);
}

/** The same objects in both states, which as a rule stand at the same place. */
function* pairsOf(
  before: readonly ObservedObject[],
  after: readonly ObservedObject[],
): Generator<[ObservedObject | undefined, ObservedObject | undefined]> {
  const inOrder = before.length === after.length && before.every((object, at) => isSameObject(object, after[at]));
  if (inOrder) {
    for (let at = 0; at < before.length; at += 1) yield [before[at], after[at]];
    return;
  }
  const rest = new Map(before.map((object) => [refKey(object), object]));
  for (const object of after) {
    yield [rest.get(refKey(object)), object];
    rest.delete(refKey(object));
  }
  for (const object of rest.values()) yield [object, undefined];
}

function isSameObject(a: ObservedObject, b: ObservedObject | undefined): boolean {
  return a === b || (b !== undefined && a.name === b.name && refKey(a) === refKey(b));
}

/** Compares objects one by one; those with the same lists, kind and schema have the same differences. */
function createObjectComparison(of: { comparer: Comparer; perspective: Perspective; collect: Collect }) {
  const { comparer, perspective, collect } = of;
  const numbers = new Map<readonly AclEntry[] | undefined, number>();
  const known = new Map<string, AccessGroup[]>();

  function numberOf(acl: readonly AclEntry[] | undefined): number {
    const number = numbers.get(acl) ?? numbers.size;
    numbers.set(acl, number);
    return number;
  }

  return (before: ObservedObject | undefined, after: ObservedObject | undefined): void => {
    const object = after ?? before;
    if (object === undefined) return;
    const key = `${numberOf(before?.acl)} ${numberOf(after?.acl)} ${object.kind} ${superuserOnly(object)}\0${before?.owner}\0${after?.owner}\0${object.schema}`;
    const hasColumns = before?.columns !== undefined || after?.columns !== undefined;
    const groups = hasColumns ? undefined : known.get(key);
    if (groups !== undefined) {
      for (const group of groups) group.objects.push(object);
      return;
    }
    const found = mergeColumns(comparer.differences(before, after), perspective).map((difference) =>
      collect(difference, object, perspective),
    );
    if (!hasColumns) known.set(key, found);
  };
}

/** Columns of one object on which the same changes are one difference. */
function mergeColumns(differences: readonly Difference[], { loginSet }: Perspective): Difference[] {
  if (differences.every(({ columns }) => columns.length === 0)) return [...differences];
  const merged = new Map<string, Difference>();
  for (const difference of differences) {
    const { direction, privilege, columns, logins, through, direct, bySetRole } = difference;
    const key = JSON.stringify([direction, privilege, columns.length, loginSet(logins).id, through, direct, bySetRole]);
    const known = merged.get(key);
    merged.set(key, known === undefined ? difference : { ...known, columns: [...known.columns, ...columns] });
  }
  return [...merged.values()];
}
