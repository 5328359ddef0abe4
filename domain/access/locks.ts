import type { AccessDocument, DesiredDatabase } from './document.ts';
import { databaseScope } from './scope.ts';

/** Advisory locks of the maintenance database, see `domain/sql/locks.ts`. */
export interface LockKeys {
  exclusive: string[];
  /** Taken by whoever changes a part of what somebody else may take as a whole. */
  shared: string[];
}

/**
 * Locks that carrying out a document takes: one per role, member, setting's role, database and schema that it may change. Groups
 * are shared among those who only add or remove members, because memberships of different members never conflict. A document
 * that manages all privileges of a grantee in a database takes the database's contents as a whole. Pure, so that everything is
 * locked before anything is read.
 */
export function documentLocks(document: AccessDocument): LockKeys {
  const exclusive = new Set<string>();
  const shared = new Set<string>();
  const role = (name: string) => exclusive.add(`role:${name}`);
  for (const desired of document.roles) {
    role(desired.name);
    for (const membership of desired.memberOf ?? []) shared.add(`role:${membership.role}`);
    for (const membership of desired.members ?? []) role(membership.member);
  }
  for (const membership of document.memberships) {
    shared.add(`role:${membership.role}`);
    role(membership.member);
  }
  for (const setting of document.settings) role(setting.role);
  for (const database of document.databases) {
    if (changesDatabaseItself(database)) exclusive.add(`database:${database.name}`);
    const contents = `contents:${database.name}`;
    const { schemas } = databaseScope(database);
    if (schemas === undefined) {
      exclusive.add(contents);
      continue;
    }
    shared.add(contents);
    for (const schema of schemas) exclusive.add(`schema:${database.name}/${schema}`);
    if (touchesUnqualified(database)) exclusive.add(`schema:${database.name}/`);
  }
  return { exclusive: [...exclusive].toSorted(), shared: [...shared].filter((key) => !exclusive.has(key)).toSorted() };
}

function changesDatabaseItself(database: DesiredDatabase): boolean {
  return (
    database.owner !== undefined ||
    database.exactGrantees.length > 0 ||
    [...database.grants, ...database.revokes].some(({ on }) => on.kind === 'database')
  );
}

/** Languages, foreign data wrappers and foreign servers lie in no schema; global default privileges neither. */
function touchesUnqualified(database: DesiredDatabase): boolean {
  const selectors = [...database.grants, ...database.revokes, ...database.owners].map(({ on }) => on);
  return (
    selectors.some(({ kind, schema }) => schema === null && kind !== 'schema' && kind !== 'database') ||
    database.defaultPrivileges.some(({ schema }) => schema === null)
  );
}

/**
 * What a document changes, finely enough to tell which requests may be planned on the same look at the server: two that share
 * none of these do not depend on each other.
 */
export function documentTargets(document: AccessDocument): string[] {
  const targets = new Set<string>();
  const pair = (membership: { role: string; member: string }) =>
    targets.add(`membership:${membership.role}\0${membership.member}`);
  for (const desired of document.roles) {
    targets.add(`role:${desired.name}`);
    desired.memberOf?.forEach(pair);
    desired.members?.forEach(pair);
  }
  document.memberships.forEach(pair);
  for (const { role } of document.settings) targets.add(`role:${role}`);
  for (const database of document.databases) {
    for (const { to } of [...database.grants, ...database.revokes, ...database.defaultPrivileges]) {
      for (const grantee of to) targets.add(`grantee:${database.name}\0${grantee}`);
    }
    if (database.owners.length > 0 || database.owner !== undefined) targets.add(`owners:${database.name}`);
  }
  return [...targets];
}
