import { parseDocument } from '../../../domain/access/document/parse.ts';
import type { DriftPolicy } from '../../../domain/drift/policy.ts';
import { type Touched, touch, touchAll, touchByDocument } from '../../../domain/drift/touched.ts';
import type { Queryable } from '../../../store/connection.ts';
import { type GuardedRole, guardedRoles, type ManagedRole, managedRoles } from '../../../store/drift/guarded-roles.ts';
import { type DriftLook, findLook, metadataIdentity } from '../../../store/drift/looks.ts';
import { findManagedDocument, type ManagedDocument } from '../../../store/drift/managed-documents.ts';
import { findDriftPolicy } from '../../../store/drift/policies.ts';
import { driftBasis, type RecentRequest } from '../../../store/drift/requests.ts';
import { findMaintenance, type Maintenance } from '../../../store/maintenance.ts';

/** What is on record of a server, as a look needs it. */
export interface DriftRecords {
  policy: DriftPolicy;
  maintenance: Maintenance | undefined;
  document: ManagedDocument | undefined;
  managed: readonly ManagedRole[];
  guarded: ReadonlyMap<string, GuardedRole>;
  look: DriftLook | undefined;
  basis: string;
  /** Of the metadata database, and its clock: before anything is read on the server. */
  metadata: string;
  begunAt: Date;
}

export async function loadRecords(db: Queryable, serverName: string): Promise<DriftRecords> {
  const { identity, now } = await metadataIdentity(db);
  const [{ policy }, maintenance, document, managed, guarded, look, basis] = await Promise.all([
    findDriftPolicy(db, serverName),
    findMaintenance(db, serverName),
    findManagedDocument(db, serverName),
    managedRoles(db, serverName),
    guardedRoles(db, serverName),
    findLook(db, serverName),
    driftBasis(db, serverName),
  ]);
  return { policy, maintenance, document, managed, guarded, look, basis, metadata: identity, begunAt: now };
}

/** What requests may have changed: those that ended, and those that are under way, whose effect may be seen or not. */
export interface RecentChanges {
  ended: Touched;
  underWay: Touched;
  /** Ids of the requests that are under way. */
  pending: string[];
  /** Names that a request may have dropped. */
  dropped: ReadonlySet<string>;
  /** What ended after a document was recorded, and was not its own application. */
  endedSince(document: Pick<ManagedDocument, 'recordedAt' | 'taskId'>): Touched;
}

/** @param begunAt a request that ended after that counts as both: what was read may be older or newer than its effect */
export function recentChanges(
  requests: readonly RecentRequest[],
  managed: readonly ManagedRole[],
  begunAt: Date,
): RecentChanges {
  const ended: Touched = new Map();
  const underWay: Touched = new Map();
  const dropped = new Set<string>();
  for (const request of requests) {
    const late = request.endedAt !== null && request.endedAt >= begunAt;
    if (request.underWay || late) touchBy(underWay, request, managed, dropped);
    if (!request.underWay) touchBy(ended, request, managed, dropped);
  }
  return {
    ended,
    underWay,
    pending: requests.filter((request) => request.underWay).map(({ taskId }) => taskId),
    dropped,
    endedSince({ recordedAt, taskId }) {
      const since: Touched = new Map();
      for (const request of requests) {
        const later = request.endedAt !== null && request.endedAt > recordedAt && request.taskId !== taskId;
        if (later) touchBy(since, request, managed, new Set());
      }
      return since;
    },
  };
}

function touchBy(
  touched: Touched,
  { scope, type, databaseId, document, options }: RecentRequest,
  managed: readonly ManagedRole[],
  dropped: Set<string>,
): void {
  if (scope === 'database') {
    for (const role of managed) if (role.databaseId === databaseId) touchAll(touched, role.name);
    return;
  }
  if (type === 'drop_role') {
    const { role } = (document ?? {}) as { role?: unknown };
    if (typeof role !== 'string') return;
    dropped.add(role);
    touchAll(touched, role);
    return;
  }
  if (type !== 'apply_roles' && type !== 'change_role') {
    // Something that this look knows nothing of: whatever it is about is left alone.
    const { role } = (document ?? {}) as { role?: unknown };
    for (const { name } of managed) if (typeof role !== 'string' || role === name) touchAll(touched, name);
    return;
  }
  const parsed = parseDocument(document);
  if (!parsed.ok) return;
  touchByDocument(touched, parsed.document, options ?? {});
  // A role that is gone leaves the groups that it was in, and its own members.
  for (const { name } of parsed.document.roles) touch(touched, name, ['missing_role']);
}
