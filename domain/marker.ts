/**
 * The comment that marks a role or database as made by an installation of this control plane, and by which task. It is
 * written in the transaction that makes the object, so after a crash there is no doubt about who made what.
 */
export interface Marker {
  installationId: string;
  databaseId: string;
  taskId: string;
}

const PATTERN = /^pgsteward installation=([0-9a-f-]{36}) database=([a-z0-9-]{1,36}) task=([0-9a-f-]{36})$/;

/** Text of the comment. */
export function renderMarker(marker: Marker): string {
  return `pgsteward installation=${marker.installationId} database=${marker.databaseId} task=${marker.taskId}`;
}

/** The marker in a comment, or undefined for any other comment. */
export function parseMarker(comment: string | null | undefined): Marker | undefined {
  const [, installationId, databaseId, taskId] = PATTERN.exec(comment ?? '') ?? [];
  return installationId === undefined || databaseId === undefined || taskId === undefined
    ? undefined
    : { installationId, databaseId, taskId };
}

/** Name under which a database is created, before it is given its owner, comment and final name in one transaction. */
export function temporaryDatabaseName(taskId: string): string {
  return `pgst_${taskId}`;
}

/** Application name of a task's sessions on target servers; undo ends these before it acts (R9). */
export function taskApplicationName(taskId: string): string {
  return `pgsteward:${taskId}`;
}

/** Comment of a role that several databases share. */
export function renderSharedMarker(installationId: string): string {
  return `pgsteward installation=${installationId} shared`;
}

/** Name of the NOLOGIN role that owns a database whose specification names no owner. */
export function defaultOwnerRole(databaseId: string): string {
  return `pgst_owner_${databaseId}`;
}

const TASK_MARKER = /^pgsteward installation=([0-9a-f-]{36}) task=([0-9a-f-]{36})$/;

/** Comment of a role that a single request made, so that after a crash the request knows its own. */
export function renderTaskMarker(marker: { installationId: string; taskId: string }): string {
  return `pgsteward installation=${marker.installationId} task=${marker.taskId}`;
}

/** What {@link renderTaskMarker} wrote, or undefined for any other comment. */
export function parseTaskMarker(
  comment: string | null | undefined,
): { installationId: string; taskId: string } | undefined {
  const [, installationId, taskId] = TASK_MARKER.exec(comment ?? '') ?? [];
  return installationId === undefined || taskId === undefined ? undefined : { installationId, taskId };
}

/** Comment of the group role of a kind of users in one database. */
export function renderGroupMarker(marker: { installationId: string; database: string; kind: string }): string {
  return `pgsteward installation=${marker.installationId} group=${marker.kind} of=${marker.database}`;
}

const LEASE_MARKER = /^pgsteward installation=([0-9a-f-]{36}) lease=([0-9a-f-]{36})(?: issuer=([a-z0-9_]+))?$/;

/** What the comment of a lease's login says. */
export interface LeaseMarker {
  installationId: string;
  leaseId: string;
  /** Role that made it, where the admin role itself did not. */
  issuer?: string;
}

/** Comment of the login of a lease. */
export function renderLeaseMarker({ installationId, leaseId, issuer }: LeaseMarker): string {
  return `pgsteward installation=${installationId} lease=${leaseId}${issuer === undefined ? '' : ` issuer=${issuer}`}`;
}

/** What {@link renderLeaseMarker} wrote, or undefined for any other comment. */
export function parseLeaseMarker(comment: string | null | undefined): LeaseMarker | undefined {
  const [, installationId, leaseId, issuer] = LEASE_MARKER.exec(comment ?? '') ?? [];
  if (installationId === undefined || leaseId === undefined) return undefined;
  return { installationId, leaseId, ...(issuer !== undefined && { issuer }) };
}

/** Beginning of the comments of all logins of leases of an installation. */
export function leaseMarkerPrefix(installationId: string): string {
  return `pgsteward installation=${installationId} lease=`;
}

/** Comment of a role that makes logins of leases. */
export function renderIssuerMarker(installationId: string): string {
  return `pgsteward installation=${installationId} issuer of leases`;
}

/** Comment of a login that a rotation made. */
export function renderRotationMarker(marker: { installationId: string; rotationId: string }): string {
  return `pgsteward installation=${marker.installationId} rotation=${marker.rotationId}`;
}
