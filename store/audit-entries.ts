import type pg from 'pg';
import type { AuditRowText } from '../domain/audit/row.ts';
import type { AuditKind, AuditOutcome } from './audit.ts';
import { AUDIT_TEXT_COLUMNS, timeText } from './audit-text.ts';
import type { Queryable } from './connection.ts';
import { streamRows } from './stream-rows.ts';

/** Which rows are wanted; without members all of them. */
export interface AuditFilter {
  actor?: string;
  tokenId?: string;
  action?: string;
  /** A resource and everything below it: `server/host-1` also has `server/host-1/role/app`, and not `server/host-10`. */
  resource?: string;
  kind?: AuditKind;
  outcome?: AuditOutcome;
  taskId?: string;
  requestId?: string;
  /** ISO 8601: recorded at this time or later. */
  from?: string;
  /** ISO 8601: recorded earlier. */
  to?: string;
}

/** A place in the log, which is in the order of the times. */
export interface AuditPosition {
  recordedAt: string;
  id: number;
}

/** Where a row is. */
export async function findAuditPosition(db: Queryable, id: number): Promise<AuditPosition | undefined> {
  const { rows } = await db.query<AuditPosition>(
    `SELECT ${timeText('recorded_at')} AS "recordedAt", id FROM audit_log WHERE id = $1`,
    [id],
  );
  return rows[0];
}

/** A page of the log. `after` is exclusive in the direction chosen. */
export async function listAudit(
  db: Queryable,
  input: { filter: AuditFilter; order: 'asc' | 'desc'; after?: AuditPosition | undefined; limit: number },
): Promise<AuditRowText[]> {
  const [comparison, direction] = input.order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const { conditions, values } = conditionsOf(input.filter);
  if (input.after !== undefined) {
    values.push(input.after.recordedAt, input.after.id);
    conditions.push(
      `(a.recorded_at, a.id) ${comparison} ($${values.length - 1}::timestamptz, $${values.length}::bigint)`,
    );
  }
  values.push(input.limit);
  const { rows } = await db.query<AuditRowText>(
    `SELECT ${AUDIT_TEXT_COLUMNS} FROM audit_log a ${where(conditions)}
     ORDER BY a.recorded_at ${direction}, a.id ${direction} LIMIT $${values.length}`,
    values,
  );
  return rows;
}

/** Rows in memory at a time; each may hold a whole specification. */
const ROWS_AT_A_TIME = 500;

/**
 * Every row of a filter as it is at one moment, oldest first, streamed on a connection of its own. Whoever stops before the end, by
 * the signal or by not going on, ends the query with it.
 */
export async function* streamAudit(
  pool: pg.Pool,
  filter: AuditFilter,
  signal: AbortSignal,
): AsyncGenerator<AuditRowText, void, undefined> {
  const client = await pool.connect();
  let complete = false;
  let end = (): void => undefined;
  try {
    // A rare row may be far from the one before.
    await client.query('BEGIN READ ONLY; SET LOCAL statement_timeout = 0');
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    end = () => void pool.query('SELECT pg_cancel_backend($1)', [rows[0]?.pid]).catch(() => undefined);
    signal.addEventListener('abort', end, { once: true });
    const { conditions, values } = conditionsOf(filter);
    const text = `SELECT ${AUDIT_TEXT_COLUMNS} FROM audit_log a ${where(conditions)} ORDER BY a.recorded_at, a.id`;
    yield* streamRows<AuditRowText>(client, { text, values, atATime: ROWS_AT_A_TIME });
    await client.query('COMMIT');
    complete = !signal.aborted;
  } finally {
    signal.removeEventListener('abort', end);
    client.release(!complete);
  }
}

/** Sorts in which an index has the rows; see migration 9. */
const RESOURCE_KIND = `split_part(a.resource, '/', 1)`;
const RESOURCE = `(split_part(a.resource, '/', 1) || '/' || split_part(a.resource, '/', 2))`;

const EQUALS = {
  actor: 'a.actor',
  tokenId: 'a.token_id',
  action: 'a.action',
  taskId: 'a.task_id',
  requestId: 'a.request_id',
} as const satisfies Partial<Record<keyof AuditFilter, string>>;

function conditionsOf(filter: AuditFilter): { conditions: string[]; values: unknown[] } {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const parameter = (value: unknown) => `$${values.push(value)}`;
  for (const [member, column] of Object.entries(EQUALS)) {
    const value = filter[member as keyof typeof EQUALS];
    if (value !== undefined) conditions.push(`${column} = ${parameter(value)}`);
  }
  // As text, so that the partial indexes over what is rare are found.
  if (filter.kind !== undefined) conditions.push(`a.kind = '${filter.kind}'`);
  if (filter.outcome !== undefined) conditions.push(`a.outcome = '${filter.outcome}'`);
  if (filter.from !== undefined) conditions.push(`a.recorded_at >= ${parameter(filter.from)}::timestamptz`);
  if (filter.to !== undefined) conditions.push(`a.recorded_at < ${parameter(filter.to)}::timestamptz`);
  if (filter.resource !== undefined) conditions.push(resourceCondition(filter.resource, parameter));
  return { conditions, values };
}

function resourceCondition(resource: string, parameter: (value: unknown) => string): string {
  const [kind = '', name, ...deeper] = resource.split('/');
  if (name === undefined) return `${RESOURCE_KIND} = ${parameter(kind)}`;
  const within = `${RESOURCE} = ${parameter(`${kind}/${name}`)}`;
  if (deeper.length === 0) return within;
  const below = `${resource.replaceAll(/[\\%_]/g, '\\$&')}/%`;
  return `${within} AND a.resource LIKE '%/%/%' AND (a.resource = ${parameter(resource)} OR a.resource LIKE ${parameter(below)})`;
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}
