import type { AccessOptions } from '../access/request-options.ts';
import { renderGroupMarker } from '../marker.ts';
import type { GroupRequest } from './group-document.ts';
import { groupNames } from './groups.ts';
import type { KindPrivileges, UserKind } from './kinds.ts';

/** A group that is to have these privileges. */
export interface WantedGroup {
  kind: UserKind;
  privileges: KindPrivileges;
}

/**
 * The request that makes groups of one database what they are to be: it names the roles and the database, for its locks; what is
 * granted is worked out when it is carried out. The same request of several callers is carried out once.
 * @param sha256 SHA-256 in hexadecimal digits
 */
export function groupRequest(
  of: { installationId: string; database: string; groups: readonly WantedGroup[] },
  sha256: (text: string) => string,
): { document: unknown; options: AccessOptions } {
  const { installationId, database } = of;
  const groups = of.groups.map(
    ({ kind, privileges }): GroupRequest => ({
      kind,
      privileges,
      names: groupNames({ database, kind }, sha256),
      comment: renderGroupMarker({ installationId, database, kind }),
    }),
  );
  const everyone = {
    names: groupNames({ database, kind: 'everyone' }, sha256),
    comment: renderGroupMarker({ installationId, database, kind: 'everyone' }),
  };
  const roles = [...new Set([...groups, everyone].flatMap(({ names }) => [names.preferred, names.fallback]))];
  const own = [...new Set(groups.flatMap(({ names }) => [names.preferred, names.fallback]))];
  return {
    document: {
      roles: roles.map((name) => ({ name, adopt: true })),
      databases: [{ name: database, exact_grantees: own }],
    },
    options: {
      fill: { database, groups, everyone },
      shared: true,
      withoutAdminRole: false,
      audit: { action: 'user.groups', resource: `user/-/${database}` },
    },
  };
}
