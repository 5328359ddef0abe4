import type { Change } from '../changes.ts';
import type { ObservedDatabase, ObservedObject, ObservedServer } from '../observed.ts';
import type { Impact } from '../plan.ts';
import { databaseObject } from '../privileges/contents-index.ts';
import { refKey } from '../refs.ts';
import { type AccessGroups, createAccessGroups, type LoginSet } from './access-groups.ts';
import { createBitsIndex, indexesOf } from './bits.ts';
import { createMembershipGraph } from './closure.ts';
import { createObjectComparison, type LoginSets, type ObjectComparison } from './compare-objects.ts';
import { createComparer } from './compare-rights.ts';
import { doorDifferences } from './door-differences.ts';
import type { RightsContext } from './rights.ts';
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
  loginSet: LoginSets;
}

/**
 * What changes do to people: which logins can use which objects that they could not use before, or no longer. It takes the
 * privilege, USAGE on the schema, CONNECT on the database and LOGIN to use an object; single columns count by themselves. What
 * is gained or lost only by SET ROLE is told in entries of its own.
 *
 * A login that gets into a database or schema, or no longer, is told once for that, not for everything that it has rights on there;
 * likewise a new superuser. SET ROLE to pg_database_owner is not followed: owners have its rights anyway, except before 16 those
 * without INHERIT. Databases whose contents were not read are compared by their own rights only.
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
  const groups = createAccessGroups();
  for (const [name, databaseAfter] of after.databases) {
    const databaseBefore = before.databases.get(name);
    if (databaseBefore === undefined) continue;
    compareDatabases({ before: databaseBefore, after: databaseAfter }, { states, everyone, movers, groups });
  }
  const gained = groups.entries('gained', MAX_ENTRIES.gained);
  const lost = groups.entries('lost', MAX_ENTRIES.lost);
  const objects = touchedObjects(changes);
  const roles = touchedRoles(changes);
  const impact: Impact = {
    objects: objects.slice(0, MAX_ENTRIES.objects),
    roles: roles.slice(0, MAX_ENTRIES.roles),
    gained: gained.entries,
    lost: lost.entries,
  };
  const more = {
    objects: objects.length - impact.objects.length,
    roles: roles.length - impact.roles.length,
    gained: gained.more,
    lost: lost.more,
  };
  return Object.values(more).some((count) => count > 0) ? { ...impact, more } : impact;
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

function compareDatabases(
  { before, after }: { before: ObservedDatabase; after: ObservedDatabase },
  work: { states: States; everyone: Perspective; movers: Perspective | undefined; groups: AccessGroups },
): void {
  const { states, everyone, movers, groups } = work;
  const sidesFor = ({ sets, universe }: Perspective) => ({
    before: createSide(states.before, before, { sets: sets.before, universe }),
    after: createSide(states.after, after, { sets: sets.after, universe }),
    sets,
    words: universe.words,
  });
  const objectComparison = (perspective: Perspective): ObjectComparison => {
    const sides = sidesFor(perspective);
    return createObjectComparison({ sides, comparer: createComparer(sides), loginSet: perspective.loginSet, groups });
  };
  const sides = sidesFor(everyone);
  const comparer = createComparer(sides);
  const database = databaseObject(after);
  const rights = comparer.differences(databaseObject(before), database);
  for (const difference of [...doorDifferences(sides), ...rights.filter(({ privilege }) => privilege !== 'CONNECT')]) {
    const change = { ...difference, logins: everyone.loginSet(difference.logins) };
    groups.add(groups.known(change, 'database'), database, after.name);
  }
  if (before.contents === undefined || after.contents === undefined) return;
  const heirs = [states.before.graph.heirOf(before.owner), states.after.graph.heirOf(after.owner)];
  const isOwnerSame = before.owner === after.owner && heirs[0] === heirs[1];
  if (before.contents === after.contents && isOwnerSame && movers === undefined) return;
  const forAll = objectComparison(everyone);
  const forMovers = movers && objectComparison(movers);
  for (const [old, now] of pairsOf(before.contents.objects, after.contents.objects)) {
    (isOwnerSame && hasSameRights(old, now) ? forMovers : forAll)?.(old, now);
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
  if (a === b) return true;
  return a.kind === b?.kind && a.name === b.name && a.schema === b.schema && a.args === b.args;
}
