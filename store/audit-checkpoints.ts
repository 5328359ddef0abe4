import type pg from 'pg';
import type { ChainCheckpoint, StoredCheckpoint } from '../domain/audit/checkpoint.ts';
import { SEALING_LOCK } from './audit-chain.ts';
import { timeText } from './audit-text.ts';
import { inTransaction, type Queryable } from './connection.ts';

const COLUMNS = `seq, audit_id AS "auditId", encode(head, 'hex') AS head, removed, encode(mac, 'hex') AS mac, key_id AS "keyId",
  ${timeText('made_at')} AS "madeAt"`;

/** All of them, in the order of their numbers. */
export async function listCheckpoints(db: Queryable): Promise<StoredCheckpoint[]> {
  const { rows } = await db.query<StoredCheckpoint>(`SELECT ${COLUMNS} FROM audit_checkpoints ORDER BY seq`);
  return rows;
}

export async function newestCheckpoint(db: Queryable): Promise<StoredCheckpoint | undefined> {
  const { rows } = await db.query<StoredCheckpoint>(
    `SELECT ${COLUMNS} FROM audit_checkpoints ORDER BY seq DESC LIMIT 1`,
  );
  return rows[0];
}

/** Which entries are old enough. */
export interface AuditAge {
  /** Sealed longer ago than this many days. */
  days: number;
  /** Most entries that are looked at. */
  limit: number;
}

/**
 * The last entry that may go, of those after the newest checkpoint: they go in the order of the chain, up to the first one that has
 * to stay. That is one which is younger, which somebody looks at for notifications, or whose task is open or has only just ended: its
 * outcome is written after its row of acceptance. The newest entry of all stays, so that an empty chain is never in order.
 */
const LAST_TO_GO = `
  WITH since AS (SELECT coalesce(max(seq), 0) AS seq FROM audit_checkpoints),
  looked_at AS MATERIALIZED (
    SELECT c.seq, c.sealed_at < now() - make_interval(days => $1) AND c.audit_id <= n.settled_id
      AND (t.id IS NULL OR t.completed_at < now() - interval '1 day') AS goes
    FROM since, notification_cursor n, audit_chain c LEFT JOIN audit_log a ON a.id = c.audit_id LEFT JOIN tasks t ON t.id = a.task_id
    WHERE c.seq > since.seq AND c.seq <= since.seq + $2
  )
  SELECT c.seq, c.audit_id AS "auditId", encode(c.mac, 'hex') AS head, c.seq - since.seq AS removed
  FROM since, audit_chain c
  WHERE c.seq > since.seq
    AND c.seq < coalesce((SELECT min(seq) FROM looked_at WHERE goes IS NOT TRUE), since.seq + $2 + 1)
    AND c.seq < (SELECT max(seq) FROM audit_chain)
  ORDER BY c.seq DESC LIMIT 1`;

/** How many entries are there that may go: those that a checkpoint covers already, and those that the next one would. */
export async function countExpiredAudit(db: Queryable, age: AuditAge): Promise<number> {
  const { rows } = await db.query<{ entries: number }>(
    `SELECT (SELECT count(*) FROM audit_chain WHERE seq <= (SELECT max(seq) FROM audit_checkpoints))
       + coalesce((SELECT removed FROM (${LAST_TO_GO}) AS next), 0) AS entries`,
    [age.days, age.limit],
  );
  return rows[0]?.entries ?? 0;
}

/**
 * Makes the next checkpoint, where anything is old enough. Nothing is removed by it.
 * @param keyId of the key that `macOf` makes MACs under
 */
export function addCheckpoint(
  pool: pg.Pool,
  input: AuditAge & { keyId: string; macOf(checkpoint: ChainCheckpoint): string },
): Promise<StoredCheckpoint | undefined> {
  return inTransaction(pool, async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [SEALING_LOCK]);
    const { rows } = await tx.query<Omit<ChainCheckpoint, 'keyId' | 'madeAt'> & { madeAt: string }>(
      `SELECT next.*, ${timeText('clock_timestamp()')} AS "madeAt" FROM (${LAST_TO_GO}) AS next`,
      [input.days, input.limit],
    );
    if (rows[0] === undefined) return undefined;
    const checkpoint = { ...rows[0], keyId: input.keyId };
    const stored = { ...checkpoint, mac: input.macOf(checkpoint) };
    await tx.query(
      `INSERT INTO audit_checkpoints (seq, audit_id, head, removed, mac, key_id, made_at)
       VALUES ($1, $2, decode($3, 'hex'), $4, decode($5, 'hex'), $6, $7::timestamptz)`,
      [stored.seq, stored.auditId, stored.head, stored.removed, stored.mac, stored.keyId, stored.madeAt],
    );
    return stored;
  });
}

/** Whether anything is left of what a checkpoint covers. */
export async function isLeft(db: Queryable, { seq }: ChainCheckpoint): Promise<boolean> {
  const { rows } = await db.query<{ left: boolean }>(
    'SELECT EXISTS (SELECT FROM audit_chain WHERE seq <= $1) AS left',
    [seq],
  );
  return rows[0]?.left === true;
}

/**
 * Removes the first rows that a checkpoint covers with their entries, in the order of the chain, in the caller's transaction; the
 * database refuses what none covers. @returns how many
 */
export async function removeCovered(
  tx: Queryable,
  input: { checkpoint: ChainCheckpoint; limit: number },
): Promise<number> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [SEALING_LOCK]);
  const { rows } = await tx.query<{ last: number | null; entries: number }>(
    `SELECT max(seq) AS last, count(*) AS entries FROM (
       SELECT seq FROM audit_chain WHERE seq <= $1 ORDER BY seq LIMIT $2) AS first`,
    [input.checkpoint.seq, input.limit],
  );
  const { last = null, entries = 0 } = rows[0] ?? {};
  if (last === null) return 0;
  // The rows first: what covers them is looked up by their entries.
  await tx.query('DELETE FROM audit_log a USING audit_chain c WHERE c.audit_id = a.id AND c.seq <= $1', [last]);
  await tx.query('DELETE FROM audit_chain WHERE seq <= $1', [last]);
  return entries;
}
