import { type Problem, quoted } from '../../spec/problems.ts';
import type { GrantDefault, RevokeDefault } from '../changes.ts';
import type { DesiredDatabase, DesiredDefault, DesiredGrant } from '../document.ts';
import { getOrAdd } from '../groups.ts';
import { DEFAULT_KINDS, type DefaultKind, privilegesOf } from '../objects.ts';
import { type ObservedDatabase, type ObservedServer, PUBLIC } from '../observed.ts';
import { maskOf } from '../privileges.ts';
import { granteeLabel } from '../refs.ts';
import { type AclList, addToAcl, type Held, heldByGrantee, NOTHING_HELD, removeFromAcl } from './acl-list.ts';
import { compareTexts } from './contents-index.ts';
import { type DefaultAcls, type DefaultPlace, defaultAclsOf, defaultKey } from './default-acls.ts';
import { describePrivileges } from './describe.ts';
import { unknownPrivileges } from './desired-rights.ts';
import { type DiffContext, type Findings, knownGrantees, knownRoles, missingRole, noFindings } from './findings.ts';
import { hasSchema, kindLabel, unreadContents } from './select-objects.ts';

/**
 * Default privileges that differ from what is asked for: those asked for by themselves, and those of grants that cover later
 * objects. What a creator's defaults for all schemas give is not repeated in one schema, and cannot be taken away there.
 *
 * The defaults of grantees with exact privileges are exact, too. For PUBLIC, which the built-in defaults give EXECUTE and USAGE,
 * this reaches creators that have defaults of their own or that the document names for the kind.
 */
export function diffDefaults(context: DiffContext): Findings {
  const findings = noFindings();
  const isKnown = knownRoles(context);
  for (const desired of context.document.databases) {
    const database = context.observed.databases.get(desired.name);
    // That it is missing is reported with its privileges.
    if (database === undefined) continue;
    const wishes = readWishes({ desired, database, server: context.observed, isKnown, findings });
    diffRows({ desired, database, server: context.observed, wishes, findings });
  }
  return findings;
}

/** Default privileges that are asked for, or are not to be, in one place. */
interface PlaceWishes {
  place: DefaultPlace;
  granted: Map<string, Held>;
  absent: Map<string, Held & { at: string }>;
}

interface Reading {
  desired: DesiredDatabase;
  database: ObservedDatabase;
  server: ObservedServer;
  isKnown: (role: string) => boolean;
  findings: Findings;
}

function readWishes(reading: Reading): PlaceWishes[] {
  const places = new Map<string, PlaceWishes>();
  const { desired, findings } = reading;
  const entries = [
    ...desired.grants.flatMap((grant) => laterDefaults(grant, findings.problems)),
    ...desired.defaultPrivileges,
  ];
  for (const entry of entries) {
    const mask = maskOfEntry(entry, reading);
    if (mask === undefined) continue;
    const place: DefaultPlace = { creator: entry.creator, schema: entry.schema, on: entry.on };
    const wishes = getOrAdd(places, defaultKey(place), () => ({ place, granted: new Map(), absent: new Map() }));
    const problems = isFromGrant(entry) ? [] : findings.problems;
    for (const grantee of knownGrantees(entry.to, `${entry.at}.to`, reading.isKnown, problems)) {
      // A creator's own rights come with the object.
      if (grantee !== entry.creator) addWish(wishes, grantee, mask, entry, findings.problems);
    }
  }
  return [...places.values()];
}

/** A default that a grant brings along: what is wrong with its other parts is reported with the grant. */
type EntryOfGrant = DesiredDefault & { creatorAt: string };

function isFromGrant(entry: DesiredDefault): entry is EntryOfGrant {
  return 'creatorAt' in entry;
}

/** Default privileges that cover the later objects of a grant. */
function laterDefaults(grant: DesiredGrant, problems: Problem[]): EntryOfGrant[] {
  const { on, privileges, to, grantOption, at } = grant;
  if (grant.laterBy.length === 0) return [];
  const path = `${at}.later`;
  if (!isDefaultKind(on.kind)) {
    const instead = on.kind === 'view' || on.kind === 'foreign_table' ? ': those of tables cover it' : '';
    problems.push({ path, message: `there are no default privileges for a ${kindLabel(on.kind)}${instead}` });
    return [];
  }
  if (grant.columns !== undefined) {
    problems.push({ path, message: 'default privileges cannot be given for columns' });
    return [];
  }
  const place = { schema: on.schema, on: on.kind, privileges, to, grantOption, absent: false, at };
  return grant.laterBy.map((creator, index) => ({ ...place, creator, creatorAt: `${path}[${index}]` }));
}

function isDefaultKind(kind: string): kind is DefaultKind {
  return Object.hasOwn(DEFAULT_KINDS, kind);
}

/** Privileges of an entry; undefined where its creator, schema or privileges are wrong. */
function maskOfEntry(entry: DesiredDefault, reading: Reading): number | undefined {
  const { database, server, findings, isKnown } = reading;
  const { creator, schema, on, at, privileges } = entry;
  const before = findings.problems.length;
  const problem = (path: string, message: string) => findings.problems.push({ path, message });
  const fromGrant = isFromGrant(entry);
  if (!isKnown(creator)) problem(fromGrant ? entry.creatorAt : `${at}.creator`, missingRole(creator));
  const possible = privilegesOf(on, server.versionNum);
  if (fromGrant)
    return findings.problems.length > before ? undefined : maskOf(privileges === 'ALL' ? possible : privileges);
  if (schema !== null && !DEFAULT_KINDS[on].perSchema) {
    problem(`${at}.schema`, `default privileges of a ${kindLabel(on)} are for the whole database`);
  } else if (database.contents === undefined) problem(at, unreadContents(database.name));
  else if (schema !== null && !hasSchema(database.contents, schema)) {
    problem(`${at}.schema`, `there is no schema ${quoted(schema)} in database ${quoted(database.name)}`);
  }
  const impossible = privileges === 'ALL' ? [] : privileges.filter((name) => !possible.includes(name));
  if (impossible.length > 0) {
    problem(`${at}.privileges`, unknownPrivileges(impossible, `a ${kindLabel(on)}`, server.versionNum));
  }
  if (entry.grantOption && !entry.absent && entry.to.includes(PUBLIC)) {
    problem(`${at}.to[${entry.to.indexOf(PUBLIC)}]`, 'PUBLIC cannot have a grant option');
  }
  return findings.problems.length > before ? undefined : maskOf(privileges === 'ALL' ? possible : privileges);
}

function addWish(wishes: PlaceWishes, grantee: string, mask: number, entry: DesiredDefault, problems: Problem[]): void {
  const { absent, at, grantOption } = entry;
  const added = absent
    ? { privileges: grantOption ? 0 : mask, grantable: mask }
    : { privileges: mask, grantable: grantOption ? mask : 0 };
  const held = absent
    ? getOrAdd(wishes.absent, grantee, () => ({ ...NOTHING_HELD, at }))
    : getOrAdd(wishes.granted, grantee, () => ({ ...NOTHING_HELD }));
  held.privileges |= added.privileges;
  held.grantable |= added.grantable;
  const other = (absent ? wishes.granted : wishes.absent).get(grantee) ?? NOTHING_HELD;
  const both = (held.privileges & other.privileges) | (held.grantable & other.grantable);
  if (both === 0) return;
  const message = `${describePrivileges(both)} is both to be given to ${granteeLabel(grantee)} by default and not`;
  problems.push({ path: at, message });
}

interface RowsTask {
  desired: DesiredDatabase;
  database: ObservedDatabase;
  server: ObservedServer;
  wishes: PlaceWishes[];
  findings: Findings;
}

function diffRows(task: RowsTask): void {
  const { desired, database, server, findings } = task;
  if (database.contents === undefined) return;
  const acls = defaultAclsOf(database.contents.defaults, server);
  const exact = new Set(desired.exactGrantees);
  const wishes = [...task.wishes];
  const mentioned = new Set(wishes.map(({ place }) => defaultKey(place)));
  if (exact.size > 0) {
    const others = [...acls.places(), ...wishes.map(({ place }) => ({ ...place, schema: null }))];
    others.sort((a, b) => compareTexts(defaultKey(a), defaultKey(b)));
    for (const place of others) {
      if (mentioned.has(defaultKey(place))) continue;
      mentioned.add(defaultKey(place));
      wishes.push({ place, granted: new Map(), absent: new Map() });
    }
  }
  const revokes: RevokeDefault[] = [];
  const grants: GrantDefault[] = [];
  // What all schemas give decides what is left to give in one.
  for (const isGlobal of [true, false]) {
    for (const wish of wishes) {
      if ((wish.place.schema === null) !== isGlobal) continue;
      const onAll = isGlobal ? undefined : heldByGrantee(acls.listOf({ ...wish.place, schema: null }).values());
      const context = { database: database.name, wish, exact, list: acls.listOf(wish.place), onAll };
      revokes.push(...revokesAt(context));
      grants.push(...grantsAt(context));
      if (onAll !== undefined) reportGlobal(wish, onAll, acls, findings);
    }
  }
  noteSchemas(wishes, acls, findings);
  findings.changes.push(...revokes, ...grants);
}

interface PlaceTask {
  database: string;
  wish: PlaceWishes;
  exact: ReadonlySet<string>;
  /** The place's list, which is changed along. */
  list: AclList;
  /** What the creator's defaults for all schemas give; undefined for those themselves. */
  onAll: Map<string, Held> | undefined;
}

function revokesAt({ database, wish, exact, list }: PlaceTask): RevokeDefault[] {
  const { place, granted, absent } = wish;
  const changes: RevokeDefault[] = [];
  for (const { grantee, grantor, ...held } of [...list.values()]) {
    if (grantee === place.creator) continue;
    const wanted = granted.get(grantee) ?? NOTHING_HELD;
    const removal = exact.has(grantee)
      ? { privileges: ~wanted.privileges, grantable: ~wanted.grantable }
      : (absent.get(grantee) ?? NOTHING_HELD);
    const privileges = held.privileges & removal.privileges;
    const optionOnly = held.grantable & removal.grantable & ~privileges;
    const change = { type: 'revoke_default', database, ...place, grantee } as const;
    if (privileges !== 0) changes.push({ ...change, privileges, grantOptionOnly: false });
    if (optionOnly !== 0) changes.push({ ...change, privileges: optionOnly, grantOptionOnly: true });
    // Nothing rests on a default's grant option: every entry is the creator's.
    const context = { owner: place.creator, hasPrivilegesOf: () => true };
    removeFromAcl(list, { grantee, grantor, privileges, grantable: privileges | optionOnly }, context);
  }
  return changes;
}

function grantsAt({ database, wish, list, onAll }: PlaceTask): GrantDefault[] {
  const { place, granted } = wish;
  const here = heldByGrantee(list.values());
  const changes: GrantDefault[] = [];
  for (const [grantee, wanted] of granted) {
    const has = here.get(grantee) ?? NOTHING_HELD;
    const always = onAll?.get(grantee) ?? NOTHING_HELD;
    const grantable = wanted.grantable & ~(has.grantable | always.grantable);
    const privileges = wanted.privileges & ~(has.privileges | always.privileges) & ~grantable;
    const change = { type: 'grant_default', database, ...place, grantee } as const;
    if (grantable !== 0) changes.push({ ...change, privileges: grantable, grantOption: true });
    if (privileges !== 0) changes.push({ ...change, privileges, grantOption: false });
    addToAcl(list, { grantee, grantor: place.creator, privileges: privileges | grantable, grantable });
  }
  return changes;
}

/** A schema's defaults only add to those of all schemas: they take nothing away (`get_user_default_acl`). */
function reportGlobal(
  { place, absent }: PlaceWishes,
  onAll: Map<string, Held>,
  acls: DefaultAcls,
  { problems }: Findings,
): void {
  for (const [grantee, { at, ...removal }] of absent) {
    const given = onAll.get(grantee) ?? NOTHING_HELD;
    const mask = (given.privileges & removal.privileges) | (given.grantable & removal.grantable);
    if (mask === 0) continue;
    const isBuiltin = !acls.hasRow({ ...place, schema: null });
    const source = isBuiltin ? 'the built-in defaults' : `the defaults of ${place.creator} for all schemas`;
    const what = `${describePrivileges(mask)} on a ${kindLabel(place.on)}`;
    problems.push({
      path: at,
      message: `${source} give ${granteeLabel(grantee)} ${what}; one schema cannot take it away: leave the schema out`,
    });
  }
}

/** Defaults of single schemas stay when those of all schemas go. */
function noteSchemas(wishes: readonly PlaceWishes[], acls: DefaultAcls, { notes }: Findings): void {
  for (const { place, absent } of wishes) {
    if (place.schema !== null || absent.size === 0) continue;
    for (const other of acls.places()) {
      if (other.schema === null || other.creator !== place.creator || other.on !== place.on) continue;
      const held = heldByGrantee(acls.listOf(other).values());
      for (const [grantee, removal] of absent) {
        const mask = removal.privileges & (held.get(grantee)?.privileges ?? 0);
        if (mask === 0) continue;
        notes.push(
          `${removal.at}: the defaults of ${place.creator} in schema ${other.schema} still give ${granteeLabel(grantee)} ${describePrivileges(mask)}`,
        );
      }
    }
  }
}
