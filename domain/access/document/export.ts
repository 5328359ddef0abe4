import { type ObservedDatabase, type ObservedServer, PUBLIC } from '../observed.ts';
import { compareTexts } from '../privileges/contents-index.ts';
import { granteeLabel } from '../refs.ts';
import { isPredefined } from '../roles/rules.ts';
import { exportPrivileges } from './export-privileges.ts';
import { exportRoles, isExpressible } from './export-roles.ts';
import type { SubmittedDocument } from './schema.ts';
import { databaseName } from './schema-members.ts';
import { checkShape } from './shape.ts';

type SubmittedDatabase = NonNullable<SubmittedDocument['databases']>[number];

/** A live server as a document, and what of it the document does not hold. */
export interface ExportedDocument {
  document: SubmittedDocument;
  notes: string[];
}

/**
 * The document that says of a server what is there: its plan is empty as long as nothing changes. It is authoritative: lists of
 * roles are complete, and privileges in the databases exact for PUBLIC and every role that is not one of PostgreSQL's own.
 * Passwords are not part of it, nor is the control plane's own role. The same state gives the same text.
 * @param options.databases in place of all databases that allow connections and are no templates
 */
export function exportDocument(
  observed: ObservedServer,
  options: { databases?: readonly string[] | undefined } = {},
): ExportedDocument {
  const notes: string[] = [];
  const { roles, allow } = exportRoles(observed, notes);
  const databases = chosenDatabases(observed, options.databases, notes).map((database) =>
    exportDatabase(observed, database, notes),
  );
  const document: SubmittedDocument = { ...(allow.length > 0 && { allow }), roles, databases };
  const [tooLarge] = checkShape(document).problems;
  if (tooLarge !== undefined) {
    const { path, message } = tooLarge;
    notes.push(`the document is too large to be submitted: ${path || 'it'} ${message}; take databases one by one`);
  }
  return { document, notes };
}

function chosenDatabases(
  { databases }: ObservedServer,
  names: readonly string[] | undefined,
  notes: string[],
): ObservedDatabase[] {
  const chosen = names ?? [...databases.values()].filter((one) => !one.isTemplate).map(({ name }) => name);
  return [...new Set(chosen)].sort(compareTexts).flatMap((name) => {
    const database = databases.get(name);
    const reason = database === undefined ? 'it does not exist' : unwritable(database);
    if (reason === undefined && database !== undefined) return [database];
    notes.push(`database ${name} is left out: ${reason}`);
    return [];
  });
}

function unwritable({ name, allowConnections }: ObservedDatabase): string | undefined {
  if (!allowConnections) return 'it does not allow connections';
  return databaseName.safeParse(name).success ? undefined : 'a document cannot name it';
}

function exportDatabase(server: ObservedServer, database: ObservedDatabase, notes: string[]): SubmittedDatabase {
  const { name, owner } = database;
  const common = { name, ...(isExpressible(owner) && { owner }) };
  if (database.contents === undefined) {
    notes.push(`database ${name}: its privileges are left out: its contents were not read`);
    return common;
  }
  const { grants, defaultPrivileges, inexact } = exportPrivileges(server, database, notes);
  const grantees = [PUBLIC, ...server.roles.keys()].filter(
    (grantee) => !isPredefined(grantee) && isExpressible(grantee),
  );
  for (const grantee of grantees.filter((one) => inexact.has(one))) {
    notes.push(`database ${name}: privileges of ${granteeLabel(grantee)} are not exact: some of them are left out`);
  }
  return {
    ...common,
    exact_grantees: grantees
      .filter((grantee) => !inexact.has(grantee))
      .map(granteeLabel)
      .sort(compareTexts),
    grants,
    default_privileges: defaultPrivileges,
  };
}
