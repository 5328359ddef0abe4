import type pg from 'pg';
import { inTransaction } from './connection.ts';

/** A number that the metadata database knows. */
export interface DatabaseGauge {
  name: string;
  help: string;
  /** Text columns of the query, in any order; ids and words of fixed lists only. */
  labels: readonly string[];
  /** Has these columns, and `value`. Answered from an index or a small table: it runs at each scrape. */
  sql: string;
}

const OPEN = `status IN ('pending', 'running', 'canceling')`;

/** How many rows of a table are in each of its states, those that none is in included. */
function byState(table: string, states: readonly string[]): string {
  return `SELECT s.state, count(t.state) AS value
    FROM unnest('{${states.join(',')}}'::text[]) AS s(state) LEFT JOIN ${table} t ON t.state = s.state GROUP BY s.state`;
}

/** What API processes export of the metadata database. A line more is a metric more. */
export const DATABASE_GAUGES: readonly DatabaseGauge[] = [
  {
    name: 'pgsteward_tasks_open',
    help: 'Tasks that are accepted and not closed.',
    labels: ['type', 'status'],
    sql: `SELECT type, status, count(*) AS value FROM tasks WHERE ${OPEN} GROUP BY type, status`,
  },
  {
    name: 'pgsteward_task_oldest_open_age_seconds',
    help: 'Time since the acceptance of the oldest task that is not closed; absent where none is open.',
    labels: ['type'],
    sql: `SELECT type, extract(epoch FROM now() - min(created_at)) AS value FROM tasks WHERE ${OPEN} GROUP BY type`,
  },
  {
    name: 'pgsteward_databases',
    help: 'Managed databases by state.',
    labels: ['state'],
    sql: byState('databases', ['creating', 'modifying', 'available', 'deleting', 'degraded', 'failed']),
  },
  {
    name: 'pgsteward_service_instances',
    help: 'Instances of services by state.',
    labels: ['state'],
    sql: byState('service_instances', ['creating', 'running', 'failed', 'deleting']),
  },
  {
    name: 'pgsteward_hosts',
    help: 'Hosts by state: joined, left (its worker ended in order) or expected (it never joined).',
    labels: ['state'],
    sql: `SELECT s.state, count(h.id) AS value FROM unnest('{joined,left,expected}'::text[]) AS s(state)
      LEFT JOIN hosts h ON s.state = CASE WHEN h.worker_id IS NOT NULL THEN 'joined' WHEN h.left_at IS NOT NULL THEN 'left'
        ELSE 'expected' END GROUP BY s.state`,
  },
  {
    name: 'pgsteward_servers',
    help: 'Registered PostgreSQL servers.',
    labels: [],
    sql: 'SELECT count(*) AS value FROM servers',
  },
  {
    name: 'pgsteward_audit_unsealed_rows',
    help: 'Rows of the audit log that the chain does not have yet.',
    labels: [],
    sql: 'SELECT count(*) AS value FROM audit_unsealed',
  },
  {
    name: 'pgsteward_audit_oldest_unsealed_age_seconds',
    help: 'Age of the oldest row of the audit log that the chain does not have yet; 0 where there is none.',
    labels: [],
    sql: `SELECT coalesce(max(extract(epoch FROM now() - recorded_at)), 0) AS value FROM audit_log
      WHERE id = (SELECT min(audit_id) FROM audit_unsealed)`,
  },
  {
    name: 'pgsteward_notification_deliveries',
    help: 'Notifications that wait to be sent, and that were given up.',
    labels: ['state'],
    sql: byState(`(SELECT state FROM notification_deliveries WHERE state IN ('pending', 'failed'))`, [
      'pending',
      'failed',
    ]),
  },
  {
    name: 'pgsteward_rotations_overdue',
    help: 'Rotations that are not paused and whose run was due an hour ago and has not ended, or whose schedule Temporal does not have.',
    labels: [],
    sql: `SELECT count(*) AS value FROM rotations r WHERE deleted_at IS NULL AND paused_at IS NULL AND schedule IS NOT NULL AND (
      (revision <> applied_revision AND updated_at < now() - interval '10 minutes')
      OR EXISTS (SELECT FROM rotation_runs u JOIN tasks t ON t.id = u.task_id WHERE u.rotation_id = r.id
        AND u.due_at < now() - interval '1 hour' AND t.status IN ('pending', 'running', 'canceling'))
      OR (schedule ? 'everyMs' AND NOT schedule ? 'window' AND now() > interval '1 hour'
        + coalesce((SELECT max(u.created_at) FROM rotation_runs u WHERE u.rotation_id = r.id), r.created_at)
        + make_interval(secs => ((schedule ->> 'everyMs')::float8 + (schedule ->> 'jitterMs')::float8) / 1000)))`,
  },
  {
    name: 'pgsteward_leases',
    help: 'Leases that have not ended, by state; failed is the dead letter list: logins that could not be ended.',
    labels: ['state'],
    sql: byState(`(SELECT state FROM leases WHERE state NOT IN ('ended', 'refused'))`, [
      'issuing',
      'active',
      'ending',
      'failed',
    ]),
  },
  {
    name: 'pgsteward_drift_findings_open',
    help: 'Differences between servers and what was agreed that are open.',
    labels: ['kind'],
    sql: `SELECT kind, count(*) AS value FROM drift_findings WHERE state = 'open' GROUP BY kind`,
  },
];

/** A value as {@link readDatabaseGauges} finds it. */
export interface ReadGauge {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Enough for tables with millions of rows; a scrape gives up after some seconds more. */
const STATEMENT_TIMEOUT_MS = 3_000;

/** Reads all gauges of the table above in one query and one snapshot. */
export function readDatabaseGauges(pool: pg.Pool): Promise<ReadGauge[]> {
  return inTransaction(pool, async (tx) => {
    await tx.query(`SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
    const { rows } = await tx.query<ReadGauge>(ALL_GAUGES);
    return rows;
  });
}

const ALL_GAUGES = DATABASE_GAUGES.map(({ name, labels, sql }) => {
  const object = labels.flatMap((label) => [`'${label}'`, `q.${label}`]).join(', ');
  return `SELECT '${name}' AS name, jsonb_build_object(${object}) AS labels, q.value::float8 AS value FROM (${sql}) AS q`;
}).join('\nUNION ALL\n');
