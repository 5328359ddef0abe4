import type { Queryable } from './connection.ts';
import { ENGINE_OWNER } from './credentials.ts';

/** What is on record of one role of a server. */
export interface RoleRecord {
  /** `database/<id>`, or {@link ENGINE_OWNER}. */
  owner: string;
  roleOid: number | null;
}

export async function findRoleRecord(
  db: Queryable,
  role: { serverName: string; roleName: string },
): Promise<RoleRecord | undefined> {
  const { rows } = await db.query<{ owner: string; roleOid: string | null }>(
    'SELECT owner, role_oid AS "roleOid" FROM credentials WHERE server_name = $1 AND role_name = $2',
    [role.serverName, role.roleName],
  );
  const [row] = rows;
  return row && { owner: row.owner, roleOid: row.roleOid === null ? null : Number(row.roleOid) };
}

/**
 * Forgets a role that is gone, with its secret. A row of another owner, or of a role that has the name now, stays unless it is of
 * this very role.
 * @param role.roleOid null where the role was gone before anybody asked
 */
export async function forgetRole(
  tx: Queryable,
  role: { serverName: string; roleName: string; roleOid: number | null; nameInUse: boolean },
): Promise<void> {
  const { rows } = await tx.query<{ secretId: string | null }>(
    `DELETE FROM credentials WHERE server_name = $1 AND role_name = $2
       AND (role_oid = $3 OR NOT $5 AND owner = $4)
     RETURNING secret_id AS "secretId"`,
    [role.serverName, role.roleName, role.roleOid, ENGINE_OWNER, role.nameInUse],
  );
  const secretIds = rows.flatMap(({ secretId }) => (secretId === null ? [] : [secretId]));
  if (secretIds.length > 0) await tx.query('DELETE FROM secrets WHERE id = ANY ($1)', [secretIds]);
}
