import type { NamedGroup } from '../users/close-public.ts';
import { type GroupRequest, groupDocument, type PlannedGroup } from '../users/group-document.ts';
import { creatorsOf } from './creators.ts';
import type { AccessDocument, DesiredDefault, DesiredGrant } from './document.ts';
import { DEFAULT_KINDS, type DefaultKind, type ObjectKind } from './objects.ts';
import type { ObservedDatabase, ObservedServer } from './observed.ts';

/** Parts of a document that depend on what is there when it is carried out. */
export type DocumentFill =
  /** Rights of groups on everything in a database, now and later. */
  | { database: string; groups: GroupRequest[]; everyone: NamedGroup }
  /** Grants and revokes on all objects of a schema, also on those that whoever may create there makes later. */
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
 * @param foreign roles of other owners
 */
export function fillDocument(
  document: AccessDocument,
  fill: DocumentFill | undefined,
  observed: ObservedServer,
  foreign: ReadonlyMap<string, string>,
): FilledDocument {
  if (fill === undefined) return { document, groups: [], uncovered: [] };
  if ('later' in fill) return withCreators(document, observed);
  const { roles, memberships, database, groups } = groupDocument(fill, observed, foreign);
  const uncovered = [...new Set(groups.flatMap((group) => group.uncovered))];
  return { document: { ...document, roles, memberships, databases: [database] }, groups, uncovered };
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
    const absent = database === undefined ? [] : desired.revokes.flatMap((revoke) => absentDefaults(revoke, database));
    const defaultPrivileges = [...desired.defaultPrivileges, ...absent];
    return { ...desired, grants: desired.grants.map(fill), defaultPrivileges };
  });
  return { document: { ...document, databases }, groups: [], uncovered: [...uncovered] };
}

/** Default privileges of the schema that say the contrary of a revoke, whoever creates there. */
function absentDefaults({ on, privileges, to, at }: DesiredGrant, { contents }: ObservedDatabase): DesiredDefault[] {
  const { kind, schema, names } = on;
  if (names !== 'all' || schema === null || !isDefaultKind(kind)) return [];
  const rows = (contents?.defaults ?? []).filter(
    (row) => row.schema === schema && row.on === kind && row.acl.some(({ grantee }) => to.includes(grantee)),
  );
  return rows.map(({ creator }) => ({
    creator,
    schema,
    on: kind,
    privileges,
    to,
    grantOption: false,
    absent: true,
    at,
  }));
}

function isDefaultKind(kind: ObjectKind): kind is DefaultKind {
  return Object.hasOwn(DEFAULT_KINDS, kind);
}
