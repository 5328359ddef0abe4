import type { SubmittedRole } from '../../domain/drift/finding.ts';
import { clusterSecretId } from '../cluster-roles.ts';
import type { Queryable } from '../connection.ts';

/** A role that this installation manages on a server, as it is on record. */
export interface ManagedRole {
  name: string;
  oid: number;
  owner: string;
  databaseId: string | null;
  version: number;
  /** Sealed password that is to log in, where one is kept. */
  secret: { id: string; version: number } | null;
  /** Its password is being changed, or nobody can tell which one logs in. */
  unsure: boolean;
}

/** Every role of a server with a credential whose role was made. */
export async function managedRoles(db: Queryable, serverName: string): Promise<ManagedRole[]> {
  type Row = Omit<ManagedRole, 'secret'> & {
    secretId: string | null;
    clusterId: string | null;
    clusterRoleId: string | null;
    clusterVersion: number | null;
  };
  const { rows } = await db.query<Row>(
    `SELECT c.role_name AS name, c.role_oid AS oid, c.owner, c.database_id AS "databaseId", c.version, c.secret_id AS "secretId",
       r.cluster_id AS "clusterId", r.id AS "clusterRoleId", r.secret_version AS "clusterVersion",
       coalesce(r.changing_task IS NOT NULL OR r.in_doubt, false) AS unsure
     FROM credentials c
     LEFT JOIN cluster_roles r ON r.server_name = c.server_name AND r.name = c.role_name AND r.deleted_at IS NULL
       AND r.role_oid = c.role_oid
     WHERE c.server_name = $1 AND c.role_oid IS NOT NULL ORDER BY c.role_name`,
    [serverName],
  );
  return rows.map(({ secretId, clusterId, clusterRoleId, clusterVersion, ...role }) => {
    if (clusterId !== null && clusterRoleId !== null && clusterVersion !== null) {
      return { ...role, secret: { id: clusterSecretId({ id: clusterRoleId, clusterId }), version: clusterVersion } };
    }
    return { ...role, secret: secretId === null ? null : { id: secretId, version: role.version } };
  });
}

/** A managed role as it was when it was last right. */
export interface GuardedRole {
  name: string;
  oid: number;
  state: SubmittedRole;
  /** HMAC of the stored verifier. */
  mark: string | null;
  version: number;
  provenAt: Date | null;
}

export async function guardedRoles(db: Queryable, serverName: string): Promise<Map<string, GuardedRole>> {
  const { rows } = await db.query<GuardedRole>(
    `SELECT role_name AS name, role_oid AS oid, state, verifier_mark AS mark, version, proven_at AS "provenAt"
     FROM guarded_roles WHERE server_name = $1`,
    [serverName],
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** Keeps snapshots of roles, and forgets those of roles that are not managed any more. */
export async function keepGuarded(
  tx: Queryable,
  input: { serverName: string; kept: readonly GuardedRole[]; forgotten: readonly string[] },
): Promise<void> {
  const { serverName, kept, forgotten } = input;
  if (forgotten.length > 0) {
    await tx.query('DELETE FROM guarded_roles WHERE server_name = $1 AND role_name = ANY ($2)', [
      serverName,
      forgotten,
    ]);
  }
  if (kept.length === 0) return;
  await tx.query(
    `INSERT INTO guarded_roles (server_name, role_name, role_oid, state, verifier_mark, version, proven_at)
     SELECT $1, name, oid, state, mark, version, "provenAt" FROM jsonb_to_recordset($2)
       AS n (name text, oid bigint, state jsonb, mark text, version integer, "provenAt" timestamptz)
     ON CONFLICT (server_name, role_name) DO UPDATE SET role_oid = excluded.role_oid, state = excluded.state,
       verifier_mark = excluded.verifier_mark, version = excluded.version, proven_at = excluded.proven_at, taken_at = now()`,
    [serverName, JSON.stringify(kept)],
  );
}

/** Notes that passwords were proven now. */
export async function noteProven(
  tx: Queryable,
  input: { serverName: string; roles: readonly string[] },
): Promise<void> {
  if (input.roles.length === 0) return;
  await tx.query('UPDATE guarded_roles SET proven_at = now() WHERE server_name = $1 AND role_name = ANY ($2)', [
    input.serverName,
    input.roles,
  ]);
}

/** Every password has to be proven again: the server went back, or another one took over. */
export async function forgetProofs(tx: Queryable, serverName: string): Promise<void> {
  await tx.query('UPDATE guarded_roles SET proven_at = NULL WHERE server_name = $1', [serverName]);
}
