import { type GroupRequest, groupDocument, type PlannedGroup } from '../users/group-document.ts';
import { creatorsOf } from './creators.ts';
import type { AccessDocument, DesiredGrant } from './document.ts';
import { DEFAULT_KINDS } from './objects.ts';
import type { ObservedServer } from './observed.ts';

/** Parts of a document that depend on what is there when it is carried out. */
export type DocumentFill =
  /** Rights of groups on everything in a database, now and later. */
  | { database: string; groups: GroupRequest[] }
  /** Grants on all objects of a schema, also on those that whoever may create there makes later. */
  | { later: 'creators' };

/** A document as it is carried out. */
export interface FilledDocument {
  document: AccessDocument;
  groups: PlannedGroup[];
  /** Roles whose later objects are not covered. */
  uncovered: string[];
}

/**
 * Completes a document from a look at the server. Locks and the extent of the look come from the document as it was before, which
 * therefore names the roles and the database.
 */
export function fillDocument(
  document: AccessDocument,
  fill: DocumentFill | undefined,
  observed: ObservedServer,
): FilledDocument {
  if (fill === undefined) return { document, groups: [], uncovered: [] };
  if ('later' in fill) return withCreators(document, observed);
  const { roles, database, groups } = groupDocument(fill.groups, observed, fill.database);
  const uncovered = [...new Set(groups.flatMap((group) => group.uncovered))];
  return { document: { ...document, roles, databases: [database] }, groups, uncovered };
}

function withCreators(document: AccessDocument, observed: ObservedServer): FilledDocument {
  const uncovered = new Set<string>();
  const databases = document.databases.map((desired) => {
    const database = observed.databases.get(desired.name);
    const fill = (grant: DesiredGrant): DesiredGrant => {
      const { kind, names, schema } = grant.on;
      if (database === undefined || names !== 'all' || schema === null || !Object.hasOwn(DEFAULT_KINDS, kind))
        return grant;
      const creators = creatorsOf(observed, database, schema);
      for (const role of creators.uncovered) uncovered.add(role);
      return { ...grant, laterBy: [...new Set([...grant.laterBy, ...creators.covered])] };
    };
    return { ...desired, grants: desired.grants.map(fill) };
  });
  return { document: { ...document, databases }, groups: [], uncovered: [...uncovered] };
}
