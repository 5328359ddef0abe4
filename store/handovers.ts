import type { Queryable } from './connection.ts';
import { insertSecrets, type StoredSecret } from './secrets.ts';

/** A password that waits behind a link. */
export interface HandoverRecord {
  id: string;
  taskId: string;
  serverName: string;
  roleName: string;
  environment: string;
  databaseName: string;
  actor: string;
  expiresAt: Date;
  redeemedAt: Date | null;
}

const COLUMNS = `id, task_id AS "taskId", server_name AS "serverName", role_name AS "roleName", environment,
  database_name AS "databaseName", actor, expires_at AS "expiresAt", redeemed_at AS "redeemedAt"`;

/** Records a link with what it shows. @returns false when there is a hand-over of the task for that receiver already */
export async function insertHandover(
  tx: Queryable,
  handover: Omit<HandoverRecord, 'redeemedAt'> & { tokenHash: Buffer; secret: StoredSecret; receiver?: string },
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `INSERT INTO handovers (id, token_hash, task_id, server_name, role_name, environment, database_name, actor, expires_at,
       receiver)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (task_id, receiver) DO NOTHING`,
    [
      handover.id,
      handover.tokenHash,
      handover.taskId,
      handover.serverName,
      handover.roleName,
      handover.environment,
      handover.databaseName,
      handover.actor,
      handover.expiresAt,
      handover.receiver ?? '',
    ],
  );
  const inserted = rowCount === 1;
  if (inserted) await insertSecrets(tx, [handover.secret]);
  return inserted;
}

/** @param receiver who of several that the task hands its password to; empty for whoever asked for it */
export async function findHandoverOfTask(
  db: Queryable,
  taskId: string,
  receiver = '',
): Promise<HandoverRecord | undefined> {
  const { rows } = await db.query<HandoverRecord>(
    `SELECT ${COLUMNS} FROM handovers WHERE task_id = $1 AND receiver = $2`,
    [taskId, receiver],
  );
  return rows[0];
}

/** One that can still be opened. */
export async function findHandover(db: Queryable, tokenHash: Buffer): Promise<HandoverRecord | undefined> {
  const { rows } = await db.query<HandoverRecord>(
    `SELECT ${COLUMNS} FROM handovers WHERE token_hash = $1 AND redeemed_at IS NULL AND expires_at > now()`,
    [tokenHash],
  );
  return rows[0];
}

/** Takes a hand-over for whoever comes first. @returns undefined when it is gone, was opened or has expired */
export async function redeemHandover(tx: Queryable, tokenHash: Buffer): Promise<HandoverRecord | undefined> {
  const { rows } = await tx.query<HandoverRecord>(
    `UPDATE handovers SET redeemed_at = now()
     WHERE token_hash = $1 AND redeemed_at IS NULL AND expires_at > now() RETURNING ${COLUMNS}`,
    [tokenHash],
  );
  return rows[0];
}

/** Removes hand-overs that have expired, with what they would have shown. */
export async function pruneHandovers(db: Queryable): Promise<void> {
  await db.query(
    `WITH expired AS (DELETE FROM handovers WHERE expires_at <= now() RETURNING id)
     DELETE FROM secrets s USING expired e WHERE s.owner = 'handover/' || e.id`,
  );
}
