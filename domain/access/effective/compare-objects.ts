import type { AclEntry, ObservedObject } from '../observed.ts';
import type { AccessGroup, AccessGroups, LoginChange, LoginSet } from './access-groups.ts';
import type { Bits } from './bits.ts';
import type { Comparer, Difference } from './compare-rights.ts';
import { superuserOnly } from './rights.ts';
import type { Side } from './side.ts';

/** Numbers the logins of a set. */
export type LoginSets = (bits: Bits) => LoginSet;

/** Takes an object before and after; one that is new or gone has only one of them. */
export type ObjectComparison = (before: ObservedObject | undefined, after: ObservedObject | undefined) => void;

/** What changes on objects of equal rights; the groups that they belong to, by schema. */
interface Outcome {
  changes: readonly LoginChange[];
  groups: Map<string | null, readonly AccessGroup[]>;
}

/** Compares objects one by one, and those with the same rights of the roles that are looked at only once. */
export function createObjectComparison(of: {
  sides: { before: Side; after: Side };
  comparer: Comparer;
  loginSet: LoginSets;
  groups: AccessGroups;
}): ObjectComparison {
  const { sides, comparer, loginSet, groups } = of;
  const outcomes = new Map<string, Outcome>();
  const keyOf = createRightsKeys(sides);

  function outcomeOf(before: ObservedObject | undefined, after: ObservedObject | undefined): Outcome {
    const objectKind = (after ?? before)?.kind ?? 'table';
    const changes = mergeColumns(comparer.differences(before, after), loginSet).map((difference) =>
      groups.known({ ...difference, logins: loginSet(difference.logins) }, objectKind),
    );
    return { changes, groups: new Map() };
  }

  return (before, after) => {
    const object = after ?? before;
    if (object === undefined) return;
    const key = keyOf(before, after);
    const outcome = (key === undefined ? undefined : outcomes.get(key)) ?? outcomeOf(before, after);
    if (key !== undefined) outcomes.set(key, outcome);
    if (outcome.changes.length === 0) return;
    const known = outcome.groups.get(object.schema);
    if (known === undefined) {
      const found = outcome.changes.map((change) => groups.add(change, object, sides.after.database.name));
      outcome.groups.set(object.schema, found);
    } else for (const group of known) group.objects.push(object);
  };
}

/** Texts that are the same for pairs of objects with the same differences; undefined where columns have lists of their own. */
function createRightsKeys(sides: { before: Side; after: Side }) {
  const texts = new Map<readonly AclEntry[], string>();
  const places = new Map<string | null, string>();
  const gateNumbers = new Map<string, number>();
  const numberOfGate = (gate: Bits): number => {
    const text = gate.join();
    const number = gateNumbers.get(text) ?? gateNumbers.size;
    gateNumbers.set(text, number);
    return number;
  };
  const counts = (role: string) => (sides.before.members(role) ?? sides.after.members(role)) !== undefined;

  function textOf(acl: readonly AclEntry[]): string {
    const known = texts.get(acl);
    if (known !== undefined) return known;
    let text = '';
    for (const { grantee, privileges } of acl) if (counts(grantee)) text += `${privileges} ${grantee}\0`;
    texts.set(acl, text);
    return text;
  }

  function placeOf(schema: string | null): string {
    const known = places.get(schema);
    if (known !== undefined) return known;
    const gates = [sides.before, sides.after].map((side) => numberOfGate(side.usingSchema(schema)));
    const text = gates.join(' ');
    places.set(schema, text);
    return text;
  }

  function half(object: ObservedObject | undefined): string {
    if (object === undefined) return '-';
    return `${textOf(object.acl)}\0${counts(object.owner) ? object.owner : ''}\0${superuserOnly(object)}`;
  }

  return (before: ObservedObject | undefined, after: ObservedObject | undefined): string | undefined => {
    if (before?.columns !== undefined || after?.columns !== undefined) return undefined;
    const object = after ?? before;
    return `${object?.kind} ${placeOf(object?.schema ?? null)}\0${half(before)}\0\0${before === after ? '' : half(after)}`;
  };
}

/** Columns of one object on which the same changes are one difference. */
function mergeColumns(differences: readonly Difference[], loginSet: LoginSets): Difference[] {
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
