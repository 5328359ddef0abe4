import type { RetentionRuleName } from '../domain/retention/rules.ts';
import type { Queryable } from './connection.ts';

/** Rules that are carried out by one statement; rows of the audit log go behind a checkpoint (`audit-checkpoints.ts`). */
export type PlainRule = Exclude<RetentionRuleName, 'audit'>;

const ENDED = `('completed', 'failed', 'canceled')`;
/** What is older than `$1` days. */
const CUTOFF = 'now() - make_interval(days => $1)';
/**
 * The least UUID of version 7 of that moment. Ids are in the order of time: so what is old enough is found at the beginning of the
 * primary key, without an index of its own.
 */
const FIRST_ID = `(SELECT (substr(ms, 1, 8) || '-' || substr(ms, 9, 4) || '-0000-0000-000000000000')::uuid
  FROM lpad(to_hex((extract(epoch FROM ${CUTOFF}) * 1000)::bigint), 12, '0') AS ms)`;

/** Columns that name a task, of rows that need it: it stays as long as they do. A test knows all columns that could name one. */
export const TASK_REFERENCES = [
  ['handovers', 'task_id'],
  ['cluster_roles', 'changing_task'],
  ['tombstones', 'task_id'],
  ['granted_memberships', 'task_id'],
  ['managed_documents', 'task_id'],
] as const;

const referredTo = TASK_REFERENCES.map(
  ([table, column]) => `EXISTS (SELECT FROM ${table} r WHERE r.${column} = t.id)`,
).join(' OR ');

const ENDED_TASK = `t.id < ${FIRST_ID} AND t.status IN ${ENDED} AND t.completed_at < ${CUTOFF} AND NOT (${referredTo})`;

/** Of a database or host that is there: what became of it last is to be seen. */
const LAST_OF_ITS_SUBJECT = `(
  CASE t.scope WHEN 'database' THEN EXISTS (SELECT FROM databases d WHERE d.id = t.entity_id)
    WHEN 'host' THEN EXISTS (SELECT FROM hosts h WHERE h.id = t.entity_id) ELSE false END
  AND NOT EXISTS (SELECT FROM tasks n WHERE n.scope = t.scope AND n.entity_id = t.entity_id AND n.id > t.id))`;

/** What may go: a table under a name, and conditions with the days as `$1`. All have an `id` in the order of time. */
const EXPIRED: Readonly<Record<PlainRule, { table: string; where: string; and?: readonly Expired[] }>> = {
  logs: {
    table: 'task_log',
    where: `e.id < ${FIRST_ID} AND EXISTS (
      SELECT FROM tasks t WHERE t.id = e.task_id AND t.status IN ${ENDED} AND t.completed_at < ${CUTOFF})`,
  },
  tasks: {
    table: 'tasks',
    where: `e.id IN (SELECT t.id FROM tasks t WHERE ${ENDED_TASK} AND t.type <> 'drop_role' AND NOT ${LAST_OF_ITS_SUBJECT})`,
    // Nothing is left of what a run took together: it goes with the last of its tasks.
    and: [
      {
        table: 'batches',
        where: `e.id < ${FIRST_ID} AND e.state = 'closed' AND e.closed_at < ${CUTOFF}
          AND NOT EXISTS (SELECT FROM tasks t WHERE t.batch_id = e.id)`,
      },
    ],
  },
  receipts: {
    table: 'tasks',
    where: `e.id IN (SELECT t.id FROM tasks t WHERE ${ENDED_TASK} AND t.type = 'drop_role')`,
  },
  deliveries: {
    table: 'notification_deliveries',
    // Events above the cursor are looked at again: a delivery that is gone would be made a second time.
    where: `e.id < ${FIRST_ID} AND e.state IN ('sent', 'failed') AND coalesce(e.sent_at, e.created_at) < ${CUTOFF}
      AND (e.audit_id IS NULL OR e.audit_id <= (SELECT settled_id FROM notification_cursor))`,
  },
};

interface Expired {
  table: string;
  where: string;
}

/** How many rows a rule would remove now, counted up to `atMost`. */
export async function countExpired(
  db: Queryable,
  rule: PlainRule,
  input: { days: number; atMost: number },
): Promise<number> {
  const { table, where } = EXPIRED[rule];
  const { rows } = await db.query<{ due: number }>(
    `SELECT count(*) AS due FROM (SELECT FROM ${table} e WHERE ${where} LIMIT $2) AS expired`,
    [input.days, input.atMost],
  );
  return rows[0]?.due ?? 0;
}

/** Removes the oldest rows that a rule no longer keeps; rows that somebody holds are left to the next run. @returns how many */
export async function removeExpiredRows(
  tx: Queryable,
  rule: PlainRule,
  input: { days: number; limit: number },
): Promise<number> {
  const { and = [], ...expired } = EXPIRED[rule];
  const removed = await remove(tx, expired, input);
  for (const also of and) await remove(tx, also, input);
  return removed;
}

async function remove(
  tx: Queryable,
  { table, where }: Expired,
  input: { days: number; limit: number },
): Promise<number> {
  const { rowCount } = await tx.query(
    `DELETE FROM ${table} WHERE id IN (
       SELECT e.id FROM ${table} e WHERE ${where} ORDER BY e.id LIMIT $2 FOR UPDATE OF e SKIP LOCKED)`,
    [input.days, input.limit],
  );
  return rowCount ?? 0;
}

/** When a rule was last carried out, and what it took away. */
export interface RetentionRun {
  lastRunAt: Date;
  lastRemoved: number;
  removed: number;
}

/** Adds to the figures of a rule, in the transaction that removes. @param input.runId run of the workflow that does it */
export async function noteRemoved(
  tx: Queryable,
  input: { rule: RetentionRuleName; runId: string; removed: number },
): Promise<void> {
  await tx.query(
    `INSERT INTO retention_runs AS r (rule, last_run_at, run_id, last_removed, removed) VALUES ($1, now(), $2, $3, $3)
     ON CONFLICT (rule) DO UPDATE SET last_run_at = now(), run_id = $2, removed = r.removed + $3,
       last_removed = CASE WHEN r.run_id = $2 THEN r.last_removed ELSE 0 END + $3`,
    [input.rule, input.runId, input.removed],
  );
}

/** By rule; one that was never carried out is missing. */
export async function retentionRuns(db: Queryable): Promise<Map<string, RetentionRun>> {
  const { rows } = await db.query<RetentionRun & { rule: string }>(
    'SELECT rule, last_run_at AS "lastRunAt", last_removed AS "lastRemoved", removed FROM retention_runs',
  );
  return new Map(rows.map(({ rule, ...run }) => [rule, run]));
}
