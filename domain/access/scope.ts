import type { AccessDocument, DesiredDatabase } from './document.ts';

/** What must be read of a database to carry out a document. */
export interface DatabaseScope {
  name: string;
  /** Undefined: everything. */
  schemas: string[] | undefined;
  /** Columns are named somewhere. */
  columnNames: boolean;
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
    columnNames: entries.some(({ columns }) => columns !== undefined),
  };
}

/** Roles that a document names, for reading only those. Undefined where objects are involved: their owners count, too. */
export function namedRoles(document: AccessDocument): string[] | undefined {
  if (document.databases.length > 0) return undefined;
  const names = new Set<string>();
  for (const role of document.roles) {
    names.add(role.name);
    for (const membership of [...(role.memberOf ?? []), ...(role.members ?? [])]) {
      names.add(membership.role);
      names.add(membership.member);
    }
  }
  for (const membership of document.memberships) {
    names.add(membership.role);
    names.add(membership.member);
  }
  for (const setting of document.settings) names.add(setting.role);
  return [...names];
}
