import { groupBy } from '../groups.ts';
import { type AclEntry, type ObservedDatabase, type ObservedObject, type ObservedServer, PUBLIC } from '../observed.ts';
import { databaseObject } from '../privileges/contents-index.ts';
import { counted, describeObjects, describePrivileges } from '../privileges/describe.ts';
import { maskOf } from '../privileges.ts';
import { granteeLabel, refLabel } from '../refs.ts';
import { hasPassed } from './entry.ts';
import { joined } from './words.ts';

/** What is worth a look on a server. */
export type FindingKind =
  | 'public_create'
  | 'public_data'
  | 'exempt_from_row_security'
  | 'md5_password'
  | 'several_grantors'
  | 'password_expired'
  | 'password_expires_soon'
  | 'acl_headroom'
  | 'direct_grants';

/** One of them, for people: without a full stop. */
export interface Finding {
  kind: FindingKind;
  sentence: string;
  role?: string;
  database?: string;
  /** `table app.orders` */
  object?: string;
}

/** Findings, kind by kind, and how many more of each kind there are. */
export interface Findings {
  findings: Finding[];
  more: Partial<Record<FindingKind, number>>;
}

/** Findings of each kind in one answer. */
const MAX_OF_A_KIND = 50;
const DAY = 86_400_000;
/** Time before VALID UNTIL from which on a password is reported: two weeks leave room for a planned change. */
const SOON = 14 * DAY;
/** Entries that a list holds before its row no longer fits into a page ("row is too big"): measured 2,442 on a table. */
const ACL_CAPACITY = 2_400;
const DATA = maskOf(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']);
const CREATE = maskOf(['CREATE']);

/** What a rule looks at. */
interface Inventory {
  observed: ObservedServer;
  now: Date;
}

const RULES: readonly ((inventory: Inventory) => Iterable<Finding>)[] = [
  publicCreate,
  publicData,
  exemptRoles,
  exemptOwners,
  passwords,
  severalGrantors,
  aclHeadroom,
  directGrants,
];

/** What is worth a look, of what was read: objects only of databases with contents. */
export function listFindings(observed: ObservedServer, { now }: { now: Date }): Findings {
  const all = RULES.flatMap((rule) => [...rule({ observed, now })]);
  const kinds = groupBy(all, ({ kind }) => kind);
  const more: Findings['more'] = {};
  for (const [kind, found] of kinds) if (found.length > MAX_OF_A_KIND) more[kind] = found.length - MAX_OF_A_KIND;
  return { findings: [...kinds.values()].flatMap((found) => found.slice(0, MAX_OF_A_KIND)), more };
}

function* databasesWithObjects({ observed }: Inventory): Generator<[ObservedDatabase, readonly ObservedObject[]]> {
  for (const database of observed.databases.values()) yield [database, database.contents?.objects ?? []];
}

function granted(acl: readonly AclEntry[], grantee: string): number {
  let mask = 0;
  for (const entry of acl) if (entry.grantee === grantee) mask |= entry.privileges;
  return mask;
}

/** Anybody can put functions in the way of others there (CVE-2018-1058). */
function* publicCreate(inventory: Inventory): Generator<Finding> {
  for (const [{ name: database }, objects] of databasesWithObjects(inventory)) {
    for (const schema of objects) {
      if (schema.kind !== 'schema' || (granted(schema.acl, PUBLIC) & CREATE) === 0) continue;
      const sentence = `everybody can create objects in schema ${schema.name} of database ${database}`;
      yield { kind: 'public_create', sentence, database, object: refLabel(schema) };
    }
  }
}

function isSystemSchema(schema: string | null): boolean {
  return schema !== null && (schema.startsWith('pg_') || schema === 'information_schema');
}

/** PUBLIC may read or change data; system views are open by design. */
function* publicData(inventory: Inventory): Generator<Finding> {
  for (const [{ name: database }, objects] of databasesWithObjects(inventory)) {
    const open = objects.filter(({ kind, schema, acl }) => {
      return kind !== 'sequence' && !isSystemSchema(schema) && (granted(acl, PUBLIC) & DATA) !== 0;
    });
    const alike = groupBy(open, ({ kind, schema, acl }) => `${kind}\0${schema}\0${granted(acl, PUBLIC) & DATA}`);
    for (const group of alike.values()) {
      const privileges = describePrivileges(granted(group[0]?.acl ?? [], PUBLIC) & DATA);
      const object = describeObjects(group);
      const sentence = `everybody who gets into database ${database} and its schemas has ${privileges} on ${object}`;
      yield { kind: 'public_data', sentence, database, object };
    }
  }
}

function* exemptRoles({ observed }: Inventory): Generator<Finding> {
  for (const { name, attributes } of observed.roles.values()) {
    if (!attributes.bypassrls || attributes.superuser) continue;
    const sentence = `${name} has BYPASSRLS: row security does not hold for it anywhere`;
    yield { kind: 'exempt_from_row_security', sentence, role: name };
  }
}

/** Owners are exempt unless a table forces row security on them, which is not observed. */
function* exemptOwners(inventory: Inventory): Generator<Finding> {
  for (const [{ name: database }, objects] of databasesWithObjects(inventory)) {
    const secured = objects.filter(({ rowSecurity, owner }) => {
      return rowSecurity === true && inventory.observed.roles.get(owner)?.attributes.superuser !== true;
    });
    for (const [role, owned] of groupBy(secured, ({ owner }) => owner)) {
      const object = describeObjects(owned);
      const sentence = `${role} owns ${object} of database ${database} with row security, which does not hold for the owner and its members unless forced`;
      yield { kind: 'exempt_from_row_security', sentence, role, database, object };
    }
  }
}

function* passwords({ observed, now }: Inventory): Generator<Finding> {
  const soon = new Date(now.getTime() + SOON);
  for (const { name: role, attributes, password } of observed.roles.values()) {
    if (password === 'md5') {
      const sentence = `the password of ${role} is stored as md5, which can be used without knowing it`;
      yield { kind: 'md5_password', sentence, role };
    }
    const { login, validUntil } = attributes;
    if (!login || !hasPassed(validUntil, soon)) continue;
    if (hasPassed(validUntil, now)) {
      yield { kind: 'password_expired', sentence: `the password of ${role} was valid until ${validUntil}`, role };
    } else {
      const days = Math.ceil((Date.parse(validUntil) - now.getTime()) / DAY);
      const sentence = `the password of ${role} is valid until ${validUntil}, ${counted(days, 'more day')}`;
      yield { kind: 'password_expires_soon', sentence, role };
    }
  }
}

/** From 16 on each grantor's grant must be revoked for a membership to end. */
function* severalGrantors({ observed }: Inventory): Generator<Finding> {
  for (const rows of groupBy(observed.memberships, ({ role, member }) => `${role}\0${member}`).values()) {
    const [first] = rows;
    if (first === undefined || rows.length < 2) continue;
    const grantors = joined(rows.map(({ grantor }) => grantor).toSorted());
    const sentence = `${first.member} is a member of ${first.role} by grants of ${grantors}: it stays one until all of them revoke`;
    yield { kind: 'several_grantors', sentence, role: first.member };
  }
}

function* aclHeadroom(inventory: Inventory): Generator<Finding> {
  for (const [database, objects] of databasesWithObjects(inventory)) {
    for (const object of [databaseObject(database), ...objects]) {
      if (object.acl.length * 2 < ACL_CAPACITY) continue;
      const label = refLabel(object);
      const sentence = `${label} of database ${database.name} has grants to ${counted(object.acl.length, 'grantee')}; about ${ACL_CAPACITY} fit`;
      yield { kind: 'acl_headroom', sentence, database: database.name, object: label };
    }
  }
}

/** Rights that a login holds by itself, other than as owner: they are found nowhere together, and do not survive its end. */
function* directGrants(inventory: Inventory): Generator<Finding> {
  const { roles } = inventory.observed;
  for (const [database, objects] of databasesWithObjects(inventory)) {
    const held = new Map<string, Set<ObservedObject>>();
    for (const object of objects) {
      const lists = [object.acl, ...(object.columns?.values() ?? [])];
      for (const { grantee } of lists.flat()) {
        if (grantee === object.owner || roles.get(grantee)?.attributes.login !== true) continue;
        const objectsOfLogin = held.get(grantee) ?? new Set();
        held.set(grantee, objectsOfLogin.add(object));
      }
    }
    for (const [role, found] of held) {
      const object = describeObjects([...found]);
      const sentence = `${granteeLabel(role)} can log in and has direct grants on ${object} of database ${database.name}, rather than through a group`;
      yield { kind: 'direct_grants', sentence, role, database: database.name, object };
    }
  }
}
