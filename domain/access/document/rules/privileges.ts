import { type Problem, quoted } from '../../../spec/problems.ts';
import type { DesiredDatabase, DesiredDefault, DesiredGrant, Selector } from '../../document.ts';
import type { DefaultKind, ObjectKind } from '../../objects.ts';
import { maskOf, namesOf, type PrivilegeMask, type PrivilegeName } from '../../privileges.ts';
import { granteeLabel } from '../../refs.ts';
import { groupBy } from '../../roles/group-by.ts';
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

function* grantsAndRevokes({ grants, revokes }: DesiredDatabase): Iterable<Problem> {
  if (revokes.length === 0) return;
  const byPlace = groupBy(grants.map(prepared), ({ entry }) => placeOf(entry.on));
  for (const revoke of revokes.map(prepared)) {
    const conflict = firstOf(byPlace.get(placeOf(revoke.entry.on)) ?? [], (grant) => conflictOf(grant, revoke));
    if (conflict === undefined) continue;
    const { mask, grantee, at } = conflict;
    const what = `${namesOf(mask).join(', ')} ${revoke.entry.grantOption ? 'with grant option ' : ''}`;
    yield { path: revoke.entry.at, message: `contradicts ${at}, which grants ${what}to ${label(grantee)}` };
  }
}

interface Prepared {
  entry: DesiredGrant;
  mask: PrivilegeMask;
  to: ReadonlySet<string>;
  names: ReadonlySet<string> | 'all';
}

function prepared(entry: DesiredGrant): Prepared {
  const { on, privileges, columns, to } = entry;
  const mask = maskOfWords(on.kind, privileges, columns !== undefined);
  return { entry, mask, to: new Set(to), names: namesIn(on) };
}

function conflictOf(
  grant: Prepared,
  revoke: Prepared,
): { mask: PrivilegeMask; grantee: string; at: string } | undefined {
  const mask = grant.mask & revoke.mask;
  // Taking the grant option from a plain grant takes nothing of it.
  if (mask === 0 || (revoke.entry.grantOption && !grant.entry.grantOption)) return undefined;
  if (!overlapsInColumns(grant.entry.columns, revoke.entry.columns) || !overlaps(grant.names, revoke.names)) {
    return undefined;
  }
  const grantee = [...revoke.to].find((name) => grant.to.has(name));
  return grantee === undefined ? undefined : { mask, grantee, at: grant.entry.at };
}

/** A privilege on a whole relation and one on a column of it are two: one may come in place of the other. */
function overlapsInColumns(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.some((column) => b.includes(column));
}

interface DefaultPlace {
  creator: string;
  schema: string | null;
  on: DefaultKind;
}
type DefaultRights = DefaultPlace & Pick<DesiredDefault, 'privileges' | 'to' | 'at'>;

function* defaultsAndAbsences({ grants, defaultPrivileges }: DesiredDatabase): Iterable<Problem> {
  const absences = defaultPrivileges.filter(({ absent }) => absent);
  if (absences.length === 0) return;
  const later = grants.flatMap(({ on, laterBy, privileges, to, at }) =>
    laterBy.map(
      (creator): DefaultRights => ({ creator, schema: on.schema, on: on.kind as DefaultKind, privileges, to, at }),
    ),
  );
  const asked = [...defaultPrivileges.filter(({ absent }) => !absent), ...later];
  const byPlace = groupBy(asked, defaultPlace);
  for (const absence of absences) {
    const mask = maskOfWords(absence.on, absence.privileges, false);
    const to = new Set(absence.to);
    const conflict = firstOf(byPlace.get(defaultPlace(absence)) ?? [], (other) => {
      const grantee = other.to.find((name) => to.has(name));
      const common = mask & maskOfWords(other.on, other.privileges, false);
      return grantee === undefined || common === 0 ? undefined : { grantee, common, at: other.at };
    });
    if (conflict === undefined) continue;
    const { common, grantee, at } = conflict;
    const message = `contradicts ${at}, which asks for ${namesOf(common).join(', ')} for ${label(grantee)}`;
    yield { path: absence.at, message };
  }
}

function* owners({ owners: entries }: DesiredDatabase): Iterable<Problem> {
  const byPlace = groupBy(entries, ({ on }) => placeOf(on));
  for (const group of byPlace.values()) {
    const wholes: typeof entries = [];
    const named = new Map<string, (typeof entries)[number]>();
    for (const entry of group) {
      const { on, owner, at } = entry;
      const others =
        on.names === 'all'
          ? [...wholes, ...named.values()]
          : [...wholes, ...on.names.flatMap((name) => named.get(name) ?? [])];
      const other = others.find((one) => one.owner !== owner);
      if (other !== undefined) {
        yield { path: at, message: `contradicts ${other.at}, which gives the same to ${quoted(other.owner)}` };
      }
      if (on.names === 'all') wholes.push(entry);
      else for (const name of on.names) named.set(name, entry);
    }
  }
}

function placeOf({ kind, schema }: Selector): string {
  return `${kind}\0${schema ?? ''}`;
}

function defaultPlace({ creator, schema, on }: DefaultPlace): string {
  return `${creator}\0${schema ?? ''}\0${on}`;
}

function namesIn({ kind, names }: Selector): ReadonlySet<string> | 'all' {
  return kind === 'database' || names === 'all' ? 'all' : new Set(names);
}

function overlaps(a: ReadonlySet<string> | 'all', b: ReadonlySet<string> | 'all'): boolean {
  if (a === 'all' || b === 'all') return true;
  const [fewer, more] = a.size < b.size ? [a, b] : [b, a];
  for (const name of fewer) if (more.has(name)) return true;
  return false;
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

function firstOf<T, R>(entries: readonly T[], find: (entry: T) => R | undefined): R | undefined {
  for (const entry of entries) {
    const found = find(entry);
    if (found !== undefined) return found;
  }
  return undefined;
}
