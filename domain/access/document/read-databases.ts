import { POSTGRES_NAME_MAX_BYTES } from '../../identifiers.ts';
import type { Problem } from '../../spec/problems.ts';
import type { DesiredDatabase, DesiredDefault, DesiredGrant, Selector } from '../document.ts';
import { DEFAULT_KINDS, OBJECT_KINDS, type ObjectKind, RELATION_KINDS } from '../objects.ts';
import { distinct, entriesOf, granteesOf, isSound } from './entries.ts';
import { aKind, readPrivileges } from './privilege-words.ts';
import type { SubmittedDocument } from './schema.ts';
import { isLongerThan, isPublic } from './schema-members.ts';
import type { Sound } from './shape.ts';

type Submitted = NonNullable<NonNullable<Sound<SubmittedDocument>['databases']>[number]>;
type EntryOf<List extends 'grants' | 'revokes' | 'default_privileges' | 'owners'> = NonNullable<
  NonNullable<Submitted[List]>[number]
>;
type SubmittedSelector = NonNullable<EntryOf<'grants'>['on']>;

/** The databases of a document, and what is wrong with their entries one by one. */
export function readDatabases(submitted: Sound<SubmittedDocument>, problems: Problem[]): DesiredDatabase[] {
  return [...entriesOf(submitted.databases, 'databases')].map(([database, at]) => ({
    name: database.name ?? '',
    at,
    ...(database.owner !== undefined && { owner: database.owner }),
    exactGrantees: granteesOf(database.exact_grantees),
    grants: [...entriesOf(database.grants, `${at}.grants`)].flatMap(([grant, path]) =>
      readGrant(grant, path, problems),
    ),
    revokes: [...entriesOf(database.revokes, `${at}.revokes`)].flatMap(([revoke, path]) =>
      readRevoke(revoke, path, problems),
    ),
    defaultPrivileges: [...entriesOf(database.default_privileges, `${at}.default_privileges`)].flatMap(
      ([entry, path]) => readDefault(entry, path, problems),
    ),
    owners: [...entriesOf(database.owners, `${at}.owners`)].flatMap(([entry, path]) =>
      readOwner(entry, path, problems),
    ),
  }));
}

function readGrant(grant: EntryOf<'grants'>, at: string, problems: Problem[]): DesiredGrant[] {
  const { to, grant_option: grantOption = false, later } = grant;
  if (grantOption) problems.push(...publicProblems(to, `${at}.to`));
  if (later !== undefined) problems.push(...laterProblems(grant, at));
  const rights = readRights(grant, at, problems);
  return rights.map((right) => ({
    ...right,
    to: granteesOf(to),
    grantOption,
    laterBy: distinct(later),
    at,
  }));
}

function readRevoke(revoke: EntryOf<'revokes'>, at: string, problems: Problem[]): DesiredGrant[] {
  const to = granteesOf(revoke.from);
  const grantOption = revoke.grant_option ?? false;
  return readRights(revoke, at, problems).map((rights) => ({ ...rights, to, grantOption, laterBy: [], at }));
}

/** What grants and revokes have in common; nothing where the objects cannot be told. */
function readRights(
  entry: Pick<EntryOf<'grants'>, 'on' | 'privileges' | 'columns'>,
  at: string,
  problems: Problem[],
): Pick<DesiredGrant, 'on' | 'privileges' | 'columns'>[] {
  const { on, privileges: submitted, columns } = entry;
  const kind = on?.kind;
  const hasColumns = kind === undefined || RELATION_KINDS.has(kind);
  if (columns !== undefined && !hasColumns) {
    problems.push({ path: `${at}.columns`, message: `${aKind(kind)} has no columns` });
  }
  const onColumns = columns !== undefined && hasColumns;
  const privileges = readPrivileges(submitted, { kind, onColumns, at: `${at}.privileges` }, problems);
  const selector = readSelector(on, `${at}.on`, problems);
  if (selector === undefined || !isSound(entry)) return [];
  return [{ on: selector, privileges, ...(columns !== undefined && { columns: distinct(columns) }) }];
}

function* publicProblems(to: readonly (string | undefined)[] | undefined, path: string): Iterable<Problem> {
  for (const [grantee, at] of entriesOf(to, path)) {
    if (isPublic(grantee)) yield { path: at, message: 'PUBLIC cannot have a grant option' };
  }
}

function* laterProblems({ on, columns }: EntryOf<'grants'>, at: string): Iterable<Problem> {
  const path = `${at}.later`;
  const kind = on?.kind;
  if (columns !== undefined) yield { path, message: 'default privileges know no columns' };
  if (on !== undefined && !Object.hasOwn(on, 'all') && kind !== 'database') {
    yield { path, message: 'goes with "all": objects that are named are there already' };
  }
  if (kind === undefined || Object.hasOwn(DEFAULT_KINDS, kind)) return;
  const message = RELATION_KINDS.has(kind)
    ? `default privileges cannot tell ${aKind(kind)} from a table: ask for them in default_privileges, on "table"`
    : `there are no default privileges for ${aKind(kind)}`;
  yield { path, message };
}

function readSelector(on: SubmittedSelector | undefined, at: string, problems: Problem[]): Selector | undefined {
  const kind = on?.kind;
  if (on === undefined || kind === undefined) return undefined;
  const found = [...selectorProblems(on, kind, at)];
  problems.push(...found);
  const names = on.all === true ? 'all' : distinct(on.names);
  return found.length > 0 || !isSound(on) ? undefined : { kind, schema: on.schema ?? null, names };
}

/** A member that is there but undefined has another problem already. */
function* selectorProblems(on: SubmittedSelector, kind: ObjectKind, at: string): Iterable<Problem> {
  const { inSchema } = OBJECT_KINDS[kind];
  if (inSchema && !Object.hasOwn(on, 'schema')) {
    yield { path: `${at}.schema`, message: `is missing: ${aKind(kind)} lies in a schema` };
  }
  if (!inSchema && on.schema !== undefined) {
    yield { path: `${at}.schema`, message: `must be left out: ${aKind(kind)} lies in no schema` };
  }
  const members = ['names', 'all'].filter((member) => Object.hasOwn(on, member));
  if (kind === 'database') {
    for (const member of members) {
      yield { path: `${at}.${member}`, message: 'must be left out: the database itself is meant' };
    }
    return;
  }
  if (members.length !== 1) yield { path: at, message: 'must have either "names" or "all"' };
  if (kind === 'routine') return;
  for (const [name, path] of entriesOf(on.names, `${at}.names`)) {
    if (isLongerThan(name, POSTGRES_NAME_MAX_BYTES)) {
      yield { path, message: `must not exceed ${POSTGRES_NAME_MAX_BYTES} bytes` };
    }
  }
}

function readDefault(entry: EntryOf<'default_privileges'>, at: string, problems: Problem[]): DesiredDefault[] {
  const { creator, on, to, schema, grant_option: grantOption = false, absent = false } = entry;
  const privileges = readPrivileges(entry.privileges, { kind: on, onColumns: false, at: `${at}.privileges` }, problems);
  if (on !== undefined && !DEFAULT_KINDS[on].perSchema && schema !== undefined) {
    problems.push({ path: `${at}.schema`, message: `must be left out: ${aKind(on)} lies in no schema` });
  }
  if (grantOption && absent) {
    problems.push({ path: `${at}.grant_option`, message: 'must be left out: what is absent has no grant option' });
  } else if (grantOption) problems.push(...publicProblems(to, `${at}.to`));
  if (creator === undefined || on === undefined || !isSound(entry)) return [];
  return [{ creator, schema: schema ?? null, on, privileges, to: granteesOf(to), grantOption, absent, at }];
}

function readOwner(entry: EntryOf<'owners'>, at: string, problems: Problem[]): DesiredDatabase['owners'] {
  if (entry.on?.kind === 'database') {
    problems.push({ path: `${at}.on.kind`, message: 'the database itself has its owner in "owner", beside its name' });
    return [];
  }
  const on = readSelector(entry.on, `${at}.on`, problems);
  return on === undefined || entry.owner === undefined ? [] : [{ on, owner: entry.owner, at }];
}
