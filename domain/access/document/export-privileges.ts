import { groupBy } from '../groups.ts';
import { DEFAULT_KINDS, type DefaultKind, OBJECT_KINDS, type ObjectKind } from '../objects.ts';
import {
  type AclEntry,
  builtinAcl,
  type ObservedDatabase,
  type ObservedDefault,
  type ObservedObject,
  type ObservedServer,
  PUBLIC,
} from '../observed.ts';
import { heldByGrantee } from '../privileges/acl-list.ts';
import { compareTexts, databaseObject } from '../privileges/contents-index.ts';
import { normalArguments, parseRoutineName } from '../privileges/routine-names.ts';
import { isSystemSchema } from '../privileges/select-objects.ts';
import { maskOf, namesOf, type PrivilegeMask } from '../privileges.ts';
import { granteeLabel, refLabel } from '../refs.ts';
import { isExpressible } from './export-roles.ts';
import { possiblePrivileges } from './privilege-words.ts';
import type { SubmittedDocument } from './schema.ts';
import { MAX_ENTRIES, objectName, plainName } from './schema-members.ts';

type SubmittedDatabase = NonNullable<SubmittedDocument['databases']>[number];
type SubmittedGrant = NonNullable<SubmittedDatabase['grants']>[number];
type SubmittedDefault = NonNullable<SubmittedDatabase['default_privileges']>[number];

const KINDS = Object.keys(OBJECT_KINDS) as ObjectKind[];

/** Rights that can be written as they are, and grantees that have others as well. */
interface ExportedPrivileges {
  grants: SubmittedGrant[];
  defaultPrivileges: SubmittedDefault[];
  /** Grantees of rights on what a document cannot name: these would be revoked if the rest were exact. */
  inexact: ReadonlySet<string>;
}

/**
 * All direct privileges in a database whose contents were read, those of PUBLIC included whether built in or not. An owner's
 * rights on its own objects, and a creator's defaults for itself, are left out: documents do not manage them. So are those that
 * PUBLIC has in the server's own schemas.
 */
export function exportPrivileges(
  server: ObservedServer,
  database: ObservedDatabase,
  notes: string[],
): ExportedPrivileges {
  const inexact = new Set<string>();
  const leaveOut = (what: string, grantees: readonly string[]) => {
    for (const grantee of grantees) inexact.add(grantee);
    notes.push(`database ${database.name}: privileges on ${what} are left out: a document cannot name it`);
  };
  const isKnown = (grantee: string) => grantee === PUBLIC || (server.roles.has(grantee) && isExpressible(grantee));
  const contents = database.contents ?? { objects: [], defaults: [] };
  const rights = [databaseObject(database), ...contents.objects].flatMap((object) => {
    const found = objectRights(object, isKnown);
    if (found.length === 0 || canBeNamed(object)) return found;
    leaveOut(
      refLabel(object),
      found.flatMap(({ to }) => to),
    );
    return [];
  });
  const defaults = [...groupBy(contents.defaults, ({ creator, on }) => `${creator}\0${on}`).values()].flatMap(
    (rows) => {
      const found = defaultRights(server, rows, isKnown);
      const [first] = rows;
      if (first === undefined || (server.roles.has(first.creator) && isExpressible(first.creator))) return found;
      leaveOut(
        `later objects of role ${first.creator}`,
        found.flatMap(({ to }) => to),
      );
      return [];
    },
  );
  return { grants: joinObjects(rights), defaultPrivileges: defaults.sort(byPlace).map(writeDefault), inexact };
}

/** Grantees with the same rights. */
interface Right {
  mask: PrivilegeMask;
  grantOption: boolean;
  /** In order. */
  to: string[];
}

interface ObjectRight extends Right {
  object: ObservedObject;
  /** In order. */
  columns: string[] | undefined;
}

function objectRights(object: ObservedObject, isKnown: (grantee: string) => boolean): ObjectRight[] {
  const ofServer = isSystemSchema(object.schema ?? (object.kind === 'schema' ? object.name : ''));
  const isManaged = (grantee: string) =>
    grantee !== object.owner && isKnown(grantee) && !(ofServer && grantee === PUBLIC);
  const whole = rightsIn(object.acl, maskOf(possiblePrivileges(object.kind, false)), isManaged);
  const ofColumns = [...(object.columns ?? [])].flatMap(([column, acl]) =>
    rightsIn(acl, maskOf(possiblePrivileges(object.kind, true)), isManaged).map((right) => ({ ...right, column })),
  );
  return [
    ...whole.map((right) => ({ ...right, object, columns: undefined })),
    ...[...groupBy(ofColumns, rightKey).values()].flatMap((group) => {
      const [first] = group;
      return first === undefined
        ? []
        : [{ ...first, object, columns: group.map(({ column }) => column).sort(compareTexts) }];
    }),
  ];
}

/** What grantees have by all grantors together, in groups of those that have the same. */
function rightsIn(acl: readonly AclEntry[], possible: PrivilegeMask, isManaged: (grantee: string) => boolean): Right[] {
  const single = [...heldByGrantee(acl)]
    .filter(([grantee]) => isManaged(grantee))
    .flatMap(([grantee, { privileges, grantable }]) => [
      { grantee, mask: privileges & possible & ~grantable, grantOption: false },
      { grantee, mask: privileges & possible & grantable, grantOption: true },
    ])
    .filter(({ mask }) => mask !== 0);
  return [...groupBy(single, ({ mask, grantOption }) => `${mask} ${grantOption}`).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [
      { mask: first.mask, grantOption: first.grantOption, to: group.map(({ grantee }) => grantee).sort(compareTexts) },
    ];
  });
}

function rightKey({ mask, grantOption, to }: Right): string {
  return [mask, grantOption, ...to].join('\0');
}

/** Whether a document finds the object by the name that it is written under. */
function canBeNamed(object: ObservedObject): boolean {
  if (object.schema !== null && !plainName.safeParse(object.schema).success) return false;
  if (object.kind !== 'routine') return plainName.safeParse(object.name).success;
  const text = writtenName(object);
  const { name, args } = parseRoutineName(text);
  return objectName.safeParse(text).success && name === object.name && args === normalArguments(object.args ?? '');
}

function writtenName({ kind, name, args = '' }: ObservedObject): string {
  return kind === 'routine' ? `${name}(${args})` : name;
}

/** One entry for all objects of a kind and schema on which the same grantees have the same rights. */
function joinObjects(rights: readonly ObjectRight[]): SubmittedGrant[] {
  const groups = groupBy(rights, (right) =>
    [right.object.kind, right.object.schema ?? '', rightKey(right), '', ...(right.columns ?? [])].join('\0'),
  );
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const names = group.map(({ object }) => writtenName(object)).sort(compareTexts);
      return chunksOf(names).map((chunk) => ({ right: first, names: chunk }));
    })
    .sort(
      (a, b) =>
        KINDS.indexOf(a.right.object.kind) - KINDS.indexOf(b.right.object.kind) ||
        compareTexts(a.right.object.schema ?? '', b.right.object.schema ?? '') ||
        compareLists(a.names, b.names) ||
        compareLists(a.right.columns ?? [], b.right.columns ?? []) ||
        compareLists(a.right.to, b.right.to) ||
        a.right.mask - b.right.mask,
    )
    .map(({ right, names }) => ({
      on: {
        kind: right.object.kind,
        ...(right.object.schema !== null && { schema: right.object.schema }),
        ...(right.object.kind !== 'database' && { names }),
      },
      privileges: namesOf(right.mask),
      ...(right.columns && { columns: right.columns }),
      to: right.to.map(granteeLabel),
      ...(right.grantOption && { grant_option: true }),
    }));
}

interface DefaultRight extends Right {
  creator: string;
  schema: string | null;
  on: DefaultKind;
  absent: boolean;
}

/**
 * Default privileges of one creator for one kind. Where there is a row, what PUBLIC has by the defaults for all schemas is
 * written as well, be it built in or not; and so is that it lacks what is built in.
 */
function defaultRights(
  server: ObservedServer,
  rows: readonly ObservedDefault[],
  isKnown: (grantee: string) => boolean,
): DefaultRight[] {
  const [first] = rows;
  if (first === undefined) return [];
  const { creator, on } = first;
  const possible = maskOf(possiblePrivileges(on, false));
  const isManaged = (grantee: string) => grantee !== creator && isKnown(grantee);
  const builtin = builtinAcl(server, OBJECT_KINDS[on].aclKind, creator);
  const onAll = rows.find(({ schema }) => schema === null) ?? { creator, schema: null, on, acl: builtin };
  const written = [onAll, ...rows.filter((row) => row !== onAll)].flatMap(({ schema, acl }) =>
    rightsIn(acl, possible, isManaged).map((right) => ({ ...right, creator, schema, on, absent: false })),
  );
  const ofPublic = (acl: readonly AclEntry[]) => heldByGrantee(acl).get(PUBLIC)?.privileges ?? 0;
  const lacking = ofPublic(builtin) & ~ofPublic(onAll.acl);
  if (lacking === 0) return written;
  return [...written, { mask: lacking, grantOption: false, to: [PUBLIC], creator, schema: null, on, absent: true }];
}

function byPlace(a: DefaultRight, b: DefaultRight): number {
  return (
    compareTexts(a.creator, b.creator) ||
    KINDS.indexOf(a.on) - KINDS.indexOf(b.on) ||
    compareTexts(a.schema ?? '', b.schema ?? '') ||
    Number(a.absent) - Number(b.absent) ||
    compareLists(a.to, b.to) ||
    a.mask - b.mask
  );
}

function writeDefault({ creator, schema, on, mask, to, grantOption, absent }: DefaultRight): SubmittedDefault {
  return {
    creator,
    ...(schema !== null && DEFAULT_KINDS[on].perSchema && { schema }),
    on,
    privileges: namesOf(mask),
    to: to.map(granteeLabel),
    ...(grantOption && { grant_option: true }),
    ...(absent && { absent: true }),
  };
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const order = compareTexts(text, b[index] ?? '');
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Lists of a length that a document may have. */
function chunksOf(names: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let start = 0; start < names.length; start += MAX_ENTRIES) chunks.push(names.slice(start, start + MAX_ENTRIES));
  return chunks;
}
