import { type Catalog, catalogOf } from './catalogs.ts';
import type { AccessDocument, DesiredDatabase } from './document.ts';
import { isSystemSchema } from './privileges/select-objects.ts';

/** What must be read of a database to carry out a document. */
export interface DatabaseScope {
  name: string;
  /** Undefined: everything. */
  schemas: string[] | undefined;
  /** Those of PostgreSQL itself that are mentioned: of the others only what was changed is read. */
  systemSchemas: string[];
  /** Columns are named somewhere. */
  columnNames: boolean;
  /** Undefined: all. Schemas are always read. */
  catalogs?: ReadonlySet<Catalog>;
  /** Owners are asked for somewhere: sequences follow their tables. */
  ownedSequences: boolean;
}

/** What a document mentions of each of its databases. */
export function documentScope(document: AccessDocument): DatabaseScope[] {
  return document.databases.map(databaseScope);
}

/** What a document mentions of one database; exact grantees make it everything. */
export function databaseScope(database: DesiredDatabase): DatabaseScope {
  const entries = [...database.grants, ...database.revokes];
  const selectors = [...entries, ...database.owners].map(({ on }) => on);
  const mentioned = new Set<string>();
  let everything = database.exactGrantees.length > 0;
  for (const { kind, schema, names } of selectors) {
    if (schema !== null) mentioned.add(schema);
    if (kind !== 'schema') continue;
    if (names === 'all') everything = true;
    else for (const name of names) mentioned.add(name);
  }
  for (const { schema } of database.defaultPrivileges) if (schema !== null) mentioned.add(schema);
  return {
    name: database.name,
    schemas: everything ? undefined : [...mentioned].toSorted(),
    systemSchemas: [...mentioned].filter(isSystemSchema).toSorted(),
    columnNames: entries.some(({ columns }) => columns !== undefined),
    ownedSequences: database.owners.length > 0,
  };
}

/**
 * The same without catalogs that say nothing about what the document mentions.
 * @param held catalogs in which grantees with exact privileges have any, by the name of the database; undefined where nobody knows
 */
export function narrowedScope(
  database: DesiredDatabase,
  held: ReadonlyMap<string, ReadonlySet<Catalog>> | undefined,
): DatabaseScope {
  const scope = databaseScope(database);
  const isExact = database.exactGrantees.length > 0;
  if (isExact && held === undefined) return scope;
  const catalogs = new Set<Catalog>(isExact ? held?.get(database.name) : []);
  for (const { on } of [...database.grants, ...database.revokes, ...database.owners]) {
    const catalog = catalogOf(on.kind);
    if (catalog !== undefined) catalogs.add(catalog);
  }
  const isLater = database.grants.some(({ laterBy }) => laterBy.length > 0);
  if (isExact || isLater || database.defaultPrivileges.length > 0) catalogs.add('default');
  return { ...scope, catalogs };
}

/** What must be read of the roles of a server to carry out documents that touch no object: owners of objects count, too. */
export interface RoleScope {
  roles: string[];
  /** Those whose members are managed as a whole. */
  groups: string[];
  /** Settings are managed somewhere. */
  parameters: boolean;
}

/** Whether settings are managed somewhere: only then the server's parameters matter. */
export function mentionsSettings(document: AccessDocument): boolean {
  return document.settings.length > 0 || document.roles.some(({ settings }) => settings !== undefined);
}

/** What documents mention of roles; undefined where objects are involved. */
export function roleScope(documents: readonly AccessDocument[]): RoleScope | undefined {
  const roles = new Set<string>();
  const groups = new Set<string>();
  let parameters = false;
  const both = (membership: { role: string; member: string }) => {
    roles.add(membership.role);
    roles.add(membership.member);
  };
  for (const document of documents) {
    if (document.databases.length > 0) return undefined;
    for (const role of document.roles) {
      roles.add(role.name);
      role.memberOf?.forEach(both);
      role.members?.forEach(both);
      if (role.members !== undefined) groups.add(role.name);
    }
    document.memberships.forEach(both);
    for (const setting of document.settings) roles.add(setting.role);
    parameters ||= mentionsSettings(document);
  }
  return { roles: [...roles], groups: [...groups], parameters };
}
