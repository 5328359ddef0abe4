/**
 * How far the audit log has been looked through for events.
 *
 * Ids of rows are taken before their transactions commit, so a row can appear below one that has been seen long since. The
 * cursor moves in two steps: the newest id is noted together with the transactions that are writing audit rows at that moment,
 * and counts as settled when all of those have ended. Who takes an id later gets a higher one. What is above the settled id is
 * looked at again each time; the deliveries themselves know what they are of. (The sequence hands out ids one by one: a session
 * that kept some in reserve would use them later.)
 */
import { REVEALED } from '../domain/notifications/events.ts';
import type { AuditedOutcome } from '../domain/notifications/facts.ts';
import type { Queryable } from './connection.ts';
import { AUDITED_ENVIRONMENT, goneAfter } from './environments.ts';

/** The one row of the cursor. */
export interface ScanCursor {
  settledId: number;
  pendingId: number;
  /** Virtual transaction ids. */
  pendingWriters: string[];
}

/** An outcome of the audit log. */
export type ScannedOutcome = AuditedOutcome & { id: number };

/** Takes the cursor until the transaction ends, so that one look is made at a time. */
export async function lockCursor(tx: Queryable): Promise<ScanCursor> {
  const { rows } = await tx.query<ScanCursor>(
    `SELECT settled_id AS "settledId", pending_id AS "pendingId", pending_writers AS "pendingWriters"
     FROM notification_cursor FOR UPDATE`,
  );
  if (rows[0] === undefined) throw new Error('the metadata database lost the cursor of its notifications');
  return rows[0];
}

/**
 * Transactions that have begun to write to the audit log: an INSERT takes this lock before it takes an id, and it is held until
 * the rows can be seen by others, or never will be.
 */
const WRITERS = `SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'
  AND relation = 'audit_log'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** Whether all of these transactions have ended. What they wrote is seen by statements that begin later. */
export async function haveEnded(tx: Queryable, writers: readonly string[]): Promise<boolean> {
  if (writers.length === 0) return true;
  const { rows } = await tx.query<{ open: boolean }>(`SELECT $1::text[] && ARRAY(${WRITERS}) AS open`, [writers]);
  return rows[0]?.open === false;
}

/** A detail, or nothing where it is of another form. */
const object = (detail: string): string => `CASE jsonb_typeof(${detail}) WHEN 'object' THEN ${detail} ELSE '{}' END`;

/**
 * Outcomes after an id, and reveals of secrets, in order. The detail of a task's outcome goes over that of its acceptance. Of both only
 * `members` are read: a detail may be large.
 */
export async function outcomesAfter(
  tx: Queryable,
  input: { id: number; limit: number; members: readonly string[] },
): Promise<ScannedOutcome[]> {
  const { rows } = await tx.query<ScannedOutcome>(
    `WITH gone AS MATERIALIZED (${goneAfter('$1')}), audited AS MATERIALIZED (
       SELECT id, recorded_at, action, outcome, actor, resource, source, task_id, request_id, ${object('detail')} ||
         coalesce((SELECT ${object('accepted.detail')} || ${object('ended.detail')} FROM audit_log accepted
                   WHERE accepted.task_id = ended.task_id AND accepted.kind = 'intent'
                   ORDER BY accepted.recorded_at, accepted.id LIMIT 1), '{}') AS detail
       FROM audit_log ended
       WHERE id > $1 AND (kind = 'reveal' OR kind <> 'intent' AND outcome IS NOT NULL) ORDER BY id LIMIT $2
     )
     SELECT id, recorded_at AS at, action, coalesce(outcome, '${REVEALED}') AS outcome, actor, resource, source,
       task_id AS "taskId", request_id AS "requestId", ${AUDITED_ENVIRONMENT} AS environment,
       coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(detail) WHERE key = ANY ($3)), '{}') AS detail
     FROM audited ORDER BY id`,
    [input.id, input.limit, input.members],
  );
  return rows;
}

/** Settles what was pending, and notes the newest id with the transactions that may still write rows up to it. */
export async function settle(tx: Queryable): Promise<void> {
  const { rowCount } = await tx.query(
    `UPDATE notification_cursor SET settled_id = pending_id, pending_id = newest.id
     FROM (SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('audit_log', 'id')::regclass), 0) AS id) AS newest
     WHERE (settled_id, pending_id) <> (pending_id, newest.id)`,
  );
  if (rowCount === 0) return;
  // A statement of its own: whoever took an id before the one above was read is seen here, unless it has ended.
  await tx.query(`UPDATE notification_cursor SET pending_writers = ARRAY(${WRITERS})`);
}

/** Settles a part of what is pending, none of whose writers is left. */
export async function settlePart(tx: Queryable, upTo: number): Promise<void> {
  await tx.query(`UPDATE notification_cursor SET settled_id = $1, pending_writers = '{}' WHERE pending_id > $1`, [
    upTo,
  ]);
}

/** Leaves out everything up to now, while there is nobody to tell. */
export async function skipToEnd(tx: Queryable): Promise<void> {
  await settle(tx);
  await tx.query(`UPDATE notification_cursor SET settled_id = pending_id WHERE settled_id <> pending_id`);
}
