import { v7 as uuidv7 } from 'uuid';
import type { RoleFlavor } from '../domain/clusters/flavors.ts';
import { type ClusterRoleRecord, clusterOwner } from '../domain/clusters/role-request.ts';
import type { Queryable } from './connection.ts';
import { ENGINE_OWNER } from './credentials.ts';
import { type KeysetPage, keyset } from './keyset.ts';
import { prepared } from './prepared.ts';
import { insertSecrets, type StoredSecret } from './secrets.ts';

/** A role of a cluster. */
export interface ClusterRoleRow extends ClusterRoleRecord {
  id: string;
  clusterId: string;
  name: string;
  /** Whose role it is, with its address; null for those of the cluster itself. */
  accountId: string | null;
  accountEmail: string | null;
  secretVersion: number | null;
  /** Request that is about to set another password. */
  changingTask: string | null;
  /** Whether that request has ended, or never was: then it says nothing any more. */
  changeEnded: boolean;
  inDoubt: boolean;
}

/** Id of the sealed password of a row. */
export const clusterSecretId = (row: Pick<ClusterRoleRow, 'id' | 'clusterId'>): string =>
  `cluster/${row.clusterId}/role/${row.id}`;

const COLUMNS = `r.id, r.cluster_id AS "clusterId", r.name, r.account_id AS "accountId", a.email AS "accountEmail", r.flavor, r.state,
  r.role_oid::float8 AS "roleOid", r.secret_version AS "secretVersion", r.changing_task AS "changingTask", r.in_doubt AS "inDoubt",
  r.changing_task IS NOT NULL AS "underWay", NOT EXISTS (SELECT FROM tasks t WHERE t.id = r.changing_task
    AND t.status IN ('pending', 'running', 'canceling')) AS "changeEnded"`;
const FROM = 'cluster_roles r LEFT JOIN accounts a ON a.id = r.account_id';

const FIND = prepared(
  'find_cluster_role',
  `SELECT ${COLUMNS}, s.key_id AS "keyId", s.sealed FROM ${FROM}
   LEFT JOIN secrets s ON s.id = 'cluster/' || r.cluster_id || '/role/' || r.id AND s.version = r.secret_version
   WHERE r.cluster_id = $1 AND r.name = $2 AND r.deleted_at IS NULL`,
);

/** A role with its sealed password, read in one moment: they belong together. */
export interface ClusterCredential {
  row: ClusterRoleRow;
  secret: StoredSecret | undefined;
}

export async function findClusterRole(
  db: Queryable,
  of: { clusterId: string; name: string },
): Promise<ClusterCredential | undefined> {
  const { rows } = await db.query<ClusterRoleRow & { keyId: string | null; sealed: Buffer | null }>(
    FIND([of.clusterId, of.name]),
  );
  if (rows[0] === undefined) return undefined;
  const { keyId, sealed, ...row } = rows[0];
  if (keyId === null || sealed === null || row.secretVersion === null) return { row, secret: undefined };
  const id = clusterSecretId(row);
  return { row, secret: { id, owner: clusterOwner(row.clusterId), version: row.secretVersion, keyId, sealed } };
}

/** Whether there was a role of this name that was deleted. */
export async function wasDeleted(db: Queryable, of: { clusterId: string; name: string }): Promise<boolean> {
  const { rowCount } = await db.query(
    'SELECT FROM cluster_roles WHERE cluster_id = $1 AND name = $2 AND deleted_at IS NOT NULL LIMIT 1',
    [of.clusterId, of.name],
  );
  return (rowCount ?? 0) > 0;
}

/** Roles of a cluster: a page, with one row more where another page follows. */
export async function listClusterRoles(
  db: Queryable,
  of: {
    clusterId: string;
    /** Only of these accounts. */
    accountIds?: readonly string[] | undefined;
  },
  page: KeysetPage,
): Promise<ClusterRoleRow[]> {
  const { condition, orderAndLimit, values } = keyset(page, { id: 'r.id', name: 'r.name' }, 3);
  const { rows } = await db.query<ClusterRoleRow>(
    `SELECT ${COLUMNS} FROM ${FROM}
     WHERE r.cluster_id = $1 AND r.deleted_at IS NULL AND r.state = 'ready'
       AND ($2::uuid[] IS NULL OR r.account_id = ANY ($2)) AND ${condition} ${orderAndLimit}`,
    [of.clusterId, of.accountIds ?? null, ...values],
  );
  return rows;
}

/** What is on record of roles, by {@link recordKey}. */
export async function clusterRoleRecords(
  db: Queryable,
  roles: readonly { clusterId: string; name: string }[],
): Promise<Map<string, ClusterRoleRecord>> {
  if (roles.length === 0) return new Map();
  const { rows } = await db.query<ClusterRoleRecord & { clusterId: string; name: string }>(
    `SELECT cluster_id AS "clusterId", name, state, flavor, role_oid::float8 AS "roleOid", changing_task IS NOT NULL AS "underWay"
     FROM cluster_roles JOIN unnest($1::uuid[], $2::text[]) AS wanted (c, n) ON cluster_id = c AND name = n
     WHERE deleted_at IS NULL`,
    [roles.map(({ clusterId }) => clusterId), roles.map(({ name }) => name)],
  );
  return new Map(rows.map((row) => [recordKey(row), row]));
}

export const recordKey = (role: { clusterId: string; name: string }): string => `${role.clusterId}/${role.name}`;

/** A request that is about to set the password of a role. */
export interface ClusterRoleMark {
  taskId: string;
  clusterId: string;
  serverName: string;
  name: string;
  accountId: string | null;
  flavor: RoleFlavor;
}

/**
 * Puts on record, before anything is committed on the server, that a request is about to set a password: whoever asks for the role
 * waits for its end. Called under the role's lock on the server, so that marks are in the order of the commits there.
 * @returns marks by task; none for a cluster that is no longer one
 */
export async function markClusterRoles(db: Queryable, marks: readonly ClusterRoleMark[]): Promise<Map<string, number>> {
  if (marks.length === 0) return new Map();
  const { rows } = await db.query<{ taskId: string; mark: number }>(
    `INSERT INTO cluster_roles AS r (id, cluster_id, server_name, name, account_id, flavor, state, changing_task, mark)
     SELECT m.id, "clusterId", "serverName", m.name, "accountId", flavor, 'creating', "taskId", 1
     FROM jsonb_to_recordset($1) AS m (id uuid, "clusterId" uuid, "serverName" text, name text, "accountId" uuid, flavor text,
       "taskId" uuid)
     WHERE EXISTS (SELECT FROM clusters c WHERE c.id = m."clusterId") ORDER BY "clusterId", m.name
     ON CONFLICT (cluster_id, name) WHERE deleted_at IS NULL
       DO UPDATE SET changing_task = excluded.changing_task, mark = r.mark + 1
     RETURNING changing_task AS "taskId", mark::float8 AS mark`,
    [JSON.stringify(marks.map((mark) => ({ id: uuidv7(), ...mark })))],
  );
  return new Map(rows.map(({ taskId, mark }) => [taskId, mark]));
}

/** How a request has left a role. */
export interface SettledClusterRole {
  taskId: string;
  serverName: string;
  clusterId: string;
  name: string;
  flavor: RoleFlavor;
  oid: number;
  /** Of the request that set a password; seals it as the version that it gets. */
  password?: { mark: number; seal: (identity: Pick<StoredSecret, 'id' | 'owner' | 'version'>) => StoredSecret };
}

/** Records what a request did to a role. A password that a later one has replaced on the server is not the one that counts. */
export async function settleClusterRole(tx: Queryable, settled: SettledClusterRole): Promise<void> {
  const { taskId, clusterId, name, flavor, oid, serverName } = settled;
  const { rows } = await tx.query<{ id: string; settledMark: number; version: number | null }>(
    `SELECT id, settled_mark::float8 AS "settledMark", secret_version AS version FROM cluster_roles
     WHERE cluster_id = $1 AND name = $2 AND deleted_at IS NULL FOR UPDATE`,
    [clusterId, name],
  );
  const [row] = rows;
  const owner = clusterOwner(clusterId);
  if (row === undefined) {
    // The server was taken away from its team meanwhile: its roles are nobody's now.
    await tx.query('DELETE FROM credentials WHERE server_name = $1 AND role_name = $2 AND owner = $3', [
      serverName,
      name,
      owner,
    ]);
    return;
  }
  await tx.query(
    `UPDATE cluster_roles SET flavor = $2, role_oid = $3, state = 'ready',
       changing_task = CASE WHEN changing_task = $4 THEN NULL ELSE changing_task END WHERE id = $1`,
    [row.id, flavor, oid, taskId],
  );
  await tx.query('UPDATE credentials SET owner = $3 WHERE server_name = $1 AND role_name = $2 AND owner = $4', [
    serverName,
    name,
    owner,
    ENGINE_OWNER,
  ]);
  const { password } = settled;
  if (password === undefined || password.mark <= row.settledMark) return;
  const id = clusterSecretId({ id: row.id, clusterId });
  const version = (row.version ?? 0) + 1;
  await tx.query('DELETE FROM secrets WHERE id = $1', [id]);
  await insertSecrets(tx, [password.seal({ id, owner, version })]);
  await tx.query('UPDATE cluster_roles SET secret_version = $2, settled_mark = $3, in_doubt = false WHERE id = $1', [
    row.id,
    version,
    password.mark,
  ]);
}

/** Requests that were about to set a password and have failed: perhaps it was set all the same. */
export async function doubtClusterRoles(tx: Queryable, taskIds: readonly string[]): Promise<void> {
  if (taskIds.length === 0) return;
  await tx.query(
    'UPDATE cluster_roles SET in_doubt = true, changing_task = NULL WHERE changing_task = ANY ($1::uuid[])',
    [taskIds],
  );
}

/** From now on nobody is shown the role: it is about to be dropped. */
export async function beginClusterRoleDrop(db: Queryable, id: string): Promise<void> {
  await db.query(`UPDATE cluster_roles SET state = 'deleting' WHERE id = $1 AND deleted_at IS NULL`, [id]);
}

/** The role is gone. @returns false where somebody else has recorded that, or made it anew */
export async function endClusterRole(tx: Queryable, row: Pick<ClusterRoleRow, 'id' | 'clusterId'>): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE cluster_roles SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL AND state = 'deleting'`,
    [row.id],
  );
  if (rowCount !== 1) return false;
  await tx.query('DELETE FROM secrets WHERE id = $1', [clusterSecretId(row)]);
  return true;
}

/** When a server is no cluster any more: its roles stay there, and belong to nobody here. */
export async function forgetClusterRoles(tx: Queryable, clusterId: string): Promise<void> {
  const owner = clusterOwner(clusterId);
  await tx.query('DELETE FROM secrets WHERE owner = $1', [owner]);
  await tx.query('DELETE FROM credentials WHERE owner = $1', [owner]);
  await tx.query('DELETE FROM cluster_roles WHERE cluster_id = $1', [clusterId]);
}
