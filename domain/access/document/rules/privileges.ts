import { type Problem, quoted } from '../../../spec/problems.ts';
import type { DesiredDatabase, DesiredGrant, Selector } from '../../document.ts';
import { groupBy } from '../../groups.ts';
import type { ObjectKind } from '../../objects.ts';
import { maskOf, namesOf, type PrivilegeMask, type PrivilegeName } from '../../privileges.ts';
import { granteeLabel } from '../../refs.ts';
import { possiblePrivileges } from '../privilege-words.ts';
import type { Rule } from './rule.ts';

/** What is granted is not revoked, and what is to be absent is not asked for. */
export const privilegesRule: Rule = function* ({ databases }) {
  for (const database of databases) {
    yield* grantsAndRevokes(database);
    yield* defaultsAndAbsences(database);
    yield* owners(database);
  }
};

/** Looked up by grantee and name: documents grow to thousands of entries for one schema. */
function* grantsAndRevokes({ grants, revokes }: DesiredDatabase): Iterable<Problem> {
  if (revokes.length === 0) return;
  const byGrantee = revokesByGrantee(revokes);
  const reported = new Set<Right>();
  for (const grant of grants.map(rightOf)) {
    for (const grantee of grant.entry.to) {
      for (const revoke of overlapping(byGrantee.get(`${grant.place}\0${grantee}`), grant.names)) {
        const mask = conflictOf(grant, revoke);
        if (mask === 0 || reported.has(revoke)) continue;
        reported.add(revoke);
        const what = `${namesOf(mask).join(', ')} ${revoke.entry.grantOption ? 'with grant option ' : ''}`;
        const message = `contradicts ${grant.entry.at}, which grants ${what}to ${label(grantee)}`;
        yield { path: revoke.entry.at, message };
      }
    }
  }
}

interface Right {
  entry: DesiredGrant;
  place: string;
  mask: PrivilegeMask;
  /** Undefined: all of the place. */
  names: readonly string[] | undefined;
}

/** What is revoked from one grantee in one place. */
interface Revokes {
  every: Right[];
  ofAll: Right[];
  byName: Map<string, Right[]>;
}

function rightOf(entry: DesiredGrant): Right {
  const { on, privileges, columns } = entry;
  const names = on.kind === 'database' || on.names === 'all' ? undefined : on.names;
  return { entry, place: placeOf(on), mask: maskOfWords(on.kind, privileges, columns !== undefined), names };
}

function revokesByGrantee(revokes: readonly DesiredGrant[]): Map<string, Revokes> {
  const byGrantee = new Map<string, Revokes>();
  for (const revoke of revokes.map(rightOf)) {
    for (const grantee of revoke.entry.to) {
      const key = `${revoke.place}\0${grantee}`;
      const known = byGrantee.get(key) ?? { every: [], ofAll: [], byName: new Map<string, Right[]>() };
      byGrantee.set(key, known);
      known.every.push(revoke);
      if (revoke.names === undefined) known.ofAll.push(revoke);
      for (const name of revoke.names ?? []) {
        const named = known.byName.get(name);
        if (named === undefined) known.byName.set(name, [revoke]);
        else named.push(revoke);
      }
    }
  }
  return byGrantee;
}

function* overlapping(revokes: Revokes | undefined, names: readonly string[] | undefined): Iterable<Right> {
  if (revokes === undefined) return;
  if (names === undefined) yield* revokes.every;
  else yield* revokes.ofAll;
  for (const name of names ?? []) yield* revokes.byName.get(name) ?? [];
}

/** What both speak of; 0 for nothing. */
function conflictOf(grant: Right, revoke: Right): PrivilegeMask {
  // Taking the grant option from a plain grant takes nothing of it.
  if (revoke.entry.grantOption && !grant.entry.grantOption) return 0;
  return overlapsInColumns(grant.entry.columns, revoke.entry.columns) ? grant.mask & revoke.mask : 0;
}

/** A privilege on a whole relation and one on a column of it are two: one may come in place of the other. */
function overlapsInColumns(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.some((column) => b.includes(column));
}

function* defaultsAndAbsences({ grants, defaultPrivileges }: DesiredDatabase): Iterable<Problem> {
  const absences = defaultPrivileges.filter(({ absent }) => absent);
  if (absences.length === 0) return;
  const asked = [
    ...defaultPrivileges.filter(({ absent }) => !absent),
    ...grants.flatMap(({ on: { kind, schema }, laterBy, ...rest }) =>
      laterBy.map((creator) => ({ ...rest, creator, schema, on: kind })),
    ),
  ].flatMap((entry) => {
    const mask = maskOfWords(entry.on, entry.privileges, false);
    return entry.to.map((grantee) => ({ key: defaultKey(entry, grantee), mask, at: entry.at }));
  });
  const byKey = groupBy(asked, ({ key }) => key);
  for (const absence of absences) {
    const mask = maskOfWords(absence.on, absence.privileges, false);
    for (const grantee of absence.to) {
      const other = byKey.get(defaultKey(absence, grantee))?.find((one) => (one.mask & mask) !== 0);
      if (other === undefined) continue;
      const what = namesOf(other.mask & mask).join(', ');
      yield { path: absence.at, message: `contradicts ${other.at}, which asks for ${what} for ${label(grantee)}` };
      break;
    }
  }
}

function defaultKey(
  { creator, schema, on }: { creator: string; schema: string | null; on: ObjectKind },
  grantee: string,
): string {
  return [creator, schema ?? '', on, grantee].join('\0');
}

type DesiredOwner = DesiredDatabase['owners'][number];

function* owners({ owners: entries }: DesiredDatabase): Iterable<Problem> {
  for (const group of groupBy(entries, ({ on }) => placeOf(on)).values()) {
    // One entry of each owner is enough to find that there is another owner.
    const all = new Map<string, DesiredOwner>();
    const ofWholePlace = new Map<string, DesiredOwner>();
    const named = new Map<string, DesiredOwner>();
    for (const entry of group) {
      const { on, owner, at } = entry;
      const isOther = (other: DesiredOwner) => other.owner !== owner;
      const others = on.names === 'all' ? [] : on.names.flatMap((name) => named.get(name) ?? []);
      const other = first(on.names === 'all' ? all : ofWholePlace, isOther) ?? others.find(isOther);
      if (other !== undefined) {
        yield { path: at, message: `contradicts ${other.at}, which gives the same to ${quoted(other.owner)}` };
      }
      if (!all.has(owner)) all.set(owner, entry);
      if (on.names !== 'all') for (const name of on.names) named.set(name, entry);
      else if (!ofWholePlace.has(owner)) ofWholePlace.set(owner, entry);
    }
  }
}

function first<T>(entries: ReadonlyMap<string, T>, matches: (entry: T) => boolean): T | undefined {
  for (const entry of entries.values()) if (matches(entry)) return entry;
  return undefined;
}

function placeOf({ kind, schema }: Selector): string {
  return `${kind}\0${schema ?? ''}`;
}

function maskOfWords(
  kind: ObjectKind,
  privileges: readonly PrivilegeName[] | 'ALL',
  onColumns: boolean,
): PrivilegeMask {
  return maskOf(privileges === 'ALL' ? possiblePrivileges(kind, onColumns) : privileges);
}

function label(grantee: string): string {
  return quoted(granteeLabel(grantee));
}
