import type { Queryable } from './connection.ts';

/** A named token that host workers join with; what proofs are checked with is a sealed secret. */
export interface JoinTokenRecord {
  id: string;
  name: string;
  /** Hosts that may join with it; null for any number. */
  maxHosts: number | null;
  createdBy: string;
  createdAt: Date;
  expiresAt: Date;
  /** By the clock of the database. */
  expired: boolean;
  revokedAt: Date | null;
  /** Host ids that were admitted with it, in their order. */
  hosts: string[];
}

const COLUMNS = `t.id, t.name, t.max_hosts AS "maxHosts", t.created_by AS "createdBy", t.created_at AS "createdAt",
  t.expires_at AS "expiresAt", t.expires_at <= now() AS expired, t.revoked_at AS "revokedAt",
  ARRAY(SELECT u.host_id FROM join_token_uses u WHERE u.token_id = t.id ORDER BY u.host_id) AS hosts`;

/** Id and owner of the secret with the key of a token. */
export const joinTokenSecretId = (id: string): string => `join-token/${id}`;

export async function insertJoinToken(
  tx: Queryable,
  token: Pick<JoinTokenRecord, 'id' | 'name' | 'maxHosts' | 'createdBy' | 'expiresAt'>,
): Promise<void> {
  await tx.query('INSERT INTO join_tokens (id, name, max_hosts, created_by, expires_at) VALUES ($1, $2, $3, $4, $5)', [
    token.id,
    token.name,
    token.maxHosts,
    token.createdBy,
    token.expiresAt,
  ]);
}

/** @param lock holds the row: of two hosts that join with a token for one, one is first */
export async function findJoinToken(
  db: Queryable,
  id: string,
  { lock = false }: { lock?: boolean } = {},
): Promise<JoinTokenRecord | undefined> {
  // A statement of its own: uses that were added while it waited for the lock are seen by the next one only.
  if (lock) await db.query('SELECT FROM join_tokens WHERE id = $1 FOR UPDATE', [id]);
  const { rows } = await db.query<JoinTokenRecord>(`SELECT ${COLUMNS} FROM join_tokens t WHERE t.id = $1`, [id]);
  return rows[0];
}

/** In the order in which they were made; `afterId` is exclusive. */
export async function listJoinTokens(
  db: Queryable,
  page: { afterId?: string | undefined; limit: number },
): Promise<JoinTokenRecord[]> {
  const { rows } = await db.query<JoinTokenRecord>(
    `SELECT ${COLUMNS} FROM join_tokens t WHERE $1::uuid IS NULL OR t.id > $1 ORDER BY t.id LIMIT $2`,
    [page.afterId ?? null, page.limit],
  );
  return rows;
}

/** @returns false where it was revoked before */
export async function revokeJoinToken(tx: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    'UPDATE join_tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL',
    [id],
  );
  return rowCount === 1;
}

/** Notes that a host was admitted with a token. */
export async function noteJoinTokenUse(tx: Queryable, use: { tokenId: string; hostId: string }): Promise<void> {
  await tx.query('INSERT INTO join_token_uses (token_id, host_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    use.tokenId,
    use.hostId,
  ]);
}
