/** A group's privileges on one object. */
export interface Right {
  kind: 'database' | 'schema' | 'table';
  /** Null for kinds that lie in no schema. */
  schema: string | null;
  name: string;
  grantee: string;
  /** Sorted. */
  privileges: readonly string[];
}

/** Several rights that one GRANT gives. */
export interface Entry {
  kind: Right['kind'];
  schema: string | null;
  names: string[];
  privileges: readonly string[];
  grantees: string[];
}

/** One database of a workload, and what the groups may do there. */
export interface DatabaseWorkload {
  name: string;
  schemas: readonly string[];
  /** Names of the tables of each schema. */
  tables: readonly string[];
  /** Groups that have rights here. */
  groups: readonly string[];
  rights: readonly Right[];
}

/** Groups own privileges, logins are members of groups. */
export interface Workload {
  title: string;
  groups: readonly string[];
  logins: readonly { name: string; group: string }[];
  databases: readonly DatabaseWorkload[];
}

interface Size {
  name: string;
  databases: number;
  logins: number;
  groups: number;
  /** Of these, how many have rights in each database. */
  groupsPerDatabase: number;
  schemas: number;
}

/** The two workloads that the peers were measured with. */
export const SIZES = {
  W1: { name: 'w1', databases: 1, logins: 200, groups: 20, groupsPerDatabase: 20, schemas: 2 },
  W2: { name: 'w2', databases: 10, logins: 500, groups: 50, groupsPerDatabase: 42, schemas: 5 },
} as const satisfies Record<string, Size>;

const TABLES_PER_SCHEMA = 10;
const READER = ['SELECT'];
const WRITER = ['DELETE', 'INSERT', 'SELECT', 'UPDATE'];

const numbered = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(3, '0')}`);

/**
 * In each database a group may connect, use one schema, and read or write that schema's ten tables: twelve entries.
 */
export function createWorkload(size: Size): Workload {
  const prefix = `bench_${size.name}`;
  const groups = numbered(size.groups, `${prefix}_group_`);
  const logins = numbered(size.logins, `${prefix}_login_`).map((name, index) => ({
    name,
    group: groups[index % groups.length] ?? '',
  }));
  const databases = numbered(size.databases, `${prefix}_`).map((name, index) => {
    // Each database leaves out other groups.
    const skipped = size.groups - size.groupsPerDatabase;
    const there = groups.filter((_, group) => (group + index * skipped) % size.groups < size.groupsPerDatabase);
    return createDatabase(name, there, numbered(size.schemas, 'app_'));
  });
  const entries = databases.reduce((sum, { rights }) => sum + rights.length, 0);
  const title =
    `${size.name.toUpperCase()}: ${databases.length} database${databases.length === 1 ? '' : 's'}, ` +
    `${logins.length} logins, ${groups.length} groups, ${entries} entries of access control lists`;
  return { title, groups, logins, databases };
}

function createDatabase(name: string, groups: readonly string[], schemas: readonly string[]): DatabaseWorkload {
  const tables = numbered(TABLES_PER_SCHEMA, 'table_');
  const rights = groups.flatMap((grantee, index): Right[] => {
    const schema = homeOf(schemas, index);
    return [
      { kind: 'database', schema: null, name, grantee, privileges: ['CONNECT'] },
      { kind: 'schema', schema: null, name: schema, grantee, privileges: ['USAGE'] },
      ...tables.map((table): Right => ({ kind: 'table', schema, name: table, grantee, privileges: roleOf(index) })),
    ];
  });
  return { name, schemas, tables, groups, rights };
}

const homeOf = (schemas: readonly string[], group: number): string => schemas[group % schemas.length] ?? '';
const roleOf = (group: number): readonly string[] => (group % 2 === 0 ? READER : WRITER);

/** The workload with `count` rights on tables taken away and as many given, spread over the databases. */
export function changedWorkload(workload: Workload, count: number): Workload {
  const databases = workload.databases.map((database, index) => {
    const here = Math.floor((count + index) / workload.databases.length);
    return changedDatabase(database, here);
  });
  return { ...workload, databases };
}

/** Groups lose a table of their own schema and get one of the next. */
function changedDatabase(database: DatabaseWorkload, count: number): DatabaseWorkload {
  const { groups, schemas, tables } = database;
  const lost = new Set<string>();
  const gained: Right[] = [];
  for (let change = 0; change < count; change += 1) {
    const group = change % groups.length;
    const round = Math.floor(change / groups.length);
    const grantee = groups[group] ?? '';
    lost.add([homeOf(schemas, group), tables.at(-1 - round), grantee].join());
    const schema = homeOf(schemas, group + 1);
    gained.push({ kind: 'table', schema, name: tables[round] ?? '', grantee, privileges: roleOf(group) });
  }
  const kept = database.rights.filter(({ schema, name, grantee }) => !lost.has([schema, name, grantee].join()));
  return { ...database, rights: [...kept, ...gained] };
}

/** Rights in as few entries as possible: objects with the same privileges for the same grantees share one. */
export function entriesOf(rights: readonly Right[]): Entry[] {
  const grantees = new Map<string, { right: Right; grantees: string[] }>();
  for (const right of rights) {
    const key = [right.kind, right.schema, right.name, right.privileges.join(' ')].join();
    const found = grantees.get(key);
    if (found === undefined) grantees.set(key, { right, grantees: [right.grantee] });
    else found.grantees.push(right.grantee);
  }
  const entries = new Map<string, Entry>();
  for (const { right, grantees: to } of grantees.values()) {
    const { kind, schema, privileges } = right;
    const key = [kind, schema, privileges.join(' '), ...to].join();
    const found = entries.get(key);
    if (found === undefined) entries.set(key, { kind, schema, names: [right.name], privileges, grantees: to });
    else found.names.push(right.name);
  }
  return [...entries.values()];
}

/** The workload as an access document. Its groups have exactly these privileges. */
export function documentOf(workload: Workload): Record<string, unknown> {
  return {
    roles: [
      ...workload.groups.map((name) => ({ name, login: false })),
      ...workload.logins.map(({ name, group }) => ({ name, login: true, member_of: [group] })),
    ],
    databases: workload.databases.map(({ name, rights }) => ({
      name,
      exact_grantees: workload.groups,
      grants: entriesOf(rights).map(({ kind, schema, names, privileges, grantees }) => ({
        on: selector(kind, schema, names),
        privileges,
        to: grantees,
      })),
    })),
  };
}

function selector(kind: Right['kind'], schema: string | null, names: string[]) {
  if (kind === 'database') return { kind };
  return { kind, ...(schema === null ? {} : { schema }), names };
}
