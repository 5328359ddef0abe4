import { listed, quoted } from '../../spec/problems.ts';
import type { DesiredDatabase, DesiredGrant } from '../document.ts';
import { getOrAdd } from '../groups.ts';
import { COLUMN_PRIVILEGES, OBJECT_KINDS, privilegesOf, RELATION_KINDS } from '../objects.ts';
import { type ObservedDatabase, type ObservedObject, PUBLIC } from '../observed.ts';
import { maskOf, type PrivilegeName } from '../privileges.ts';
import { granteeLabel, refLabel } from '../refs.ts';
import type { Held } from './acl-list.ts';
import { counted, describePrivileges } from './describe.ts';
import { type Findings, knownGrantees } from './findings.ts';
import { kindLabel, selectObjects } from './select-objects.ts';

/** A column by name, or the object as a whole. */
export type Place = string | undefined;

/** Rights by place and grantee. */
export type RightsByPlace = Map<Place, Map<string, Held>>;

/** What a document says of one object. */
export interface ObjectWishes {
  granted: RightsByPlace;
  /** `grantable` is what is to go of the grant options alone. */
  revoked: RightsByPlace;
  /** Path of the first entry that revokes something here. */
  revokedAt: string | undefined;
}

/** What a database's entry is read with. */
export interface DatabaseReading {
  desired: DesiredDatabase;
  database: ObservedDatabase;
  versionNum: number;
  isKnown: (role: string) => boolean;
  findings: Findings;
}

/** What the grants and revokes of a database's entry ask of each object that they select. */
export function desiredRights(reading: DatabaseReading): Map<ObservedObject, ObjectWishes> {
  const wishes = new Map<ObservedObject, ObjectWishes>();
  for (const grant of reading.desired.grants) {
    const entry = readEntry(grant, 'to', reading);
    if (entry === undefined) continue;
    noteUncoveredObjects(grant, entry.objects, reading);
    if (grant.grantOption && entry.grantees.includes(PUBLIC)) {
      const path = `${grant.at}.to[${grant.to.indexOf(PUBLIC)}]`;
      reading.findings.problems.push({ path, message: 'PUBLIC cannot have a grant option' });
      continue;
    }
    const rights = { privileges: entry.mask, grantable: grant.grantOption ? entry.mask : 0 };
    for (const object of entry.objects) addRights(wishesFor(wishes, object).granted, entry, rights);
  }
  for (const revoke of reading.desired.revokes) addRevoke(revoke, wishes, reading);
  return wishes;
}

interface Entry {
  objects: readonly ObservedObject[];
  grantees: string[];
  places: readonly Place[];
  mask: number;
}

/** The parts of a grant or revoke; undefined where one of them is wrong. `member` is what the request calls the grantees. */
function readEntry(entry: DesiredGrant, member: 'to' | 'from', reading: DatabaseReading): Entry | undefined {
  const { findings, database } = reading;
  const before = findings.problems.length;
  const grantees = knownGrantees(entry.to, `${entry.at}.${member}`, reading.isKnown, findings.problems);
  const mask = maskOfEntry(entry, reading);
  const objects = selectObjects({ database, selector: entry.on, at: `${entry.at}.on` }, findings.problems);
  if (entry.columns !== undefined) checkColumns(entry, entry.columns, objects, findings);
  if (findings.problems.length > before) return undefined;
  return { objects, grantees, places: entry.columns ?? [undefined], mask };
}

function maskOfEntry({ on, privileges, columns, at }: DesiredGrant, { versionNum, findings }: DatabaseReading): number {
  const ofKind = privilegesOf(on.kind, versionNum);
  const possible = columns === undefined ? ofKind : ofKind.filter((name) => COLUMN_PRIVILEGES.includes(name));
  if (privileges === 'ALL') return maskOf(possible);
  const impossible = privileges.filter((name) => !possible.includes(name));
  if (impossible.length > 0) {
    const where = columns === undefined ? `a ${kindLabel(on.kind)}` : 'columns';
    findings.problems.push({ path: `${at}.privileges`, message: unknownPrivileges(impossible, where, versionNum) });
  }
  return maskOf(privileges);
}

/** Why privileges cannot be granted on something. */
export function unknownPrivileges(names: readonly PrivilegeName[], where: string, versionNum: number): string {
  return `PostgreSQL ${Math.floor(versionNum / 10_000)} has no privilege ${names.join(', ')} on ${where}`;
}

function checkColumns(
  { on, at }: DesiredGrant,
  columns: readonly string[],
  objects: readonly ObservedObject[],
  { problems }: Findings,
): void {
  if (!RELATION_KINDS.has(on.kind)) {
    problems.push({ path: `${at}.columns`, message: `a ${kindLabel(on.kind)} has no columns` });
    return;
  }
  columns.forEach((column, index) => {
    const without = objects.filter(({ columnNames }) => columnNames !== undefined && !columnNames.includes(column));
    if (without.length === 0) return;
    const message = `there is no column ${quoted(column)} in ${listed(without.map(refLabel))}`;
    problems.push({ path: `${at}.columns[${index}]`, message });
  });
}

/** Kinds whose later objects can be covered by default privileges. */
function noteUncoveredObjects(
  grant: DesiredGrant,
  objects: readonly ObservedObject[],
  { findings }: DatabaseReading,
): void {
  const { on, at, laterBy } = grant;
  if (on.names !== 'all' || laterBy.length > 0) return;
  const there = objects.length === 0 ? 'there is none now' : `${counted(objects.length, kindLabel(on.kind))} now`;
  const where = on.schema === null ? '' : ` of schema ${on.schema}`;
  const reach = OBJECT_KINDS[on.kind].inSchema ? '; objects made later are not covered without default privileges' : '';
  findings.notes.push(`${at}: all ${kindLabel(on.kind)}s${where} (${there})${reach}`);
}

function addRevoke(revoke: DesiredGrant, wishes: Map<ObservedObject, ObjectWishes>, reading: DatabaseReading): void {
  const entry = readEntry(revoke, 'from', reading);
  if (entry === undefined) return;
  const rights = { privileges: revoke.grantOption ? 0 : entry.mask, grantable: entry.mask };
  const conflicts = new Map<string, number>();
  for (const object of entry.objects) {
    const grantees = entry.grantees.filter((grantee) => grantee !== object.owner);
    if (grantees.length < entry.grantees.length) reportOwner(revoke, object, reading.findings);
    const wish = wishesFor(wishes, object);
    wish.revokedAt ??= revoke.at;
    addRights(wish.revoked, { ...entry, grantees }, rights);
    for (const [grantee, mask] of contradictions(wish, { ...entry, grantees }, rights)) {
      conflicts.set(grantee, (conflicts.get(grantee) ?? 0) | mask);
    }
  }
  for (const [grantee, mask] of conflicts) {
    const message = `${describePrivileges(mask)} is granted to ${granteeLabel(grantee)} by the same document`;
    reading.findings.problems.push({ path: `${revoke.at}.from[${revoke.to.indexOf(grantee)}]`, message });
  }
}

function reportOwner({ on, at }: DesiredGrant, object: ObservedObject, findings: Findings): void {
  const message = `${object.owner} owns ${refLabel(object)}; rights of an owner are not managed`;
  if (on.names === 'all') findings.notes.push(`${at}: ${message}`);
  else findings.problems.push({ path: `${at}.from`, message });
}

/** What a revoke takes that a grant of the same document gives at the same place. */
function contradictions(wish: ObjectWishes, { places, grantees }: Entry, rights: Held): [string, number][] {
  const found: [string, number][] = [];
  for (const place of places) {
    for (const grantee of grantees) {
      const granted = wish.granted.get(place)?.get(grantee);
      if (granted === undefined) continue;
      const mask = (granted.privileges & rights.privileges) | (granted.grantable & rights.grantable);
      if (mask !== 0) found.push([grantee, mask]);
    }
  }
  return found;
}

function wishesFor(wishes: Map<ObservedObject, ObjectWishes>, object: ObservedObject): ObjectWishes {
  return getOrAdd(wishes, object, () => ({ granted: new Map(), revoked: new Map(), revokedAt: undefined }));
}

function addRights(rights: RightsByPlace, { places, grantees }: Entry, added: Held): void {
  for (const place of places) {
    const held = getOrAdd(rights, place, () => new Map<string, Held>());
    for (const grantee of grantees) {
      const known = held.get(grantee);
      if (known === undefined) held.set(grantee, { ...added });
      else {
        known.privileges |= added.privileges;
        known.grantable |= added.grantable;
      }
    }
  }
}
