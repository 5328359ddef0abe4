import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';

/** `intent` and `outcome` of a change, `reveal` of a secret, `refusal` of a change that was asked for and not accepted. */
export const AUDIT_KINDS = ['intent', 'outcome', 'reveal', 'refusal'] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** How a change ended. A refusal is `refused` by what was asked for, or `failed` by what was needed for it. */
export const AUDIT_OUTCOMES = ['completed', 'failed', 'canceled', 'refused'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/**
 * What else is to be said of a change; no secrets. Where the record of something is changed, `before` and `after` are its parts as
 * they were and as they are; what is made has `after` alone, what goes has `before`.
 */
export interface AuditDetail {
  before?: object;
  after?: object;
  [more: string]: unknown;
}

/** A row of the audit log, written in the transaction of the change that it records. Holds no secret. */
export interface AuditRow {
  kind: AuditKind;
  /** Account that asked, such as `loopback`. */
  actor: string;
  /** Id of the token that it came with. */
  tokenId?: string;
  /** Network address of the caller. */
  source?: string;
  requestId?: string;
  /** What was asked, such as `database.create`. */
  action: string;
  /** What it is about, such as `database/storefront`. */
  resource: string;
  taskId?: string;
  outcome?: AuditOutcome;
  detail?: AuditDetail;
}

const INSERT_AUDIT = prepared(
  'insert_audit',
  `INSERT INTO audit_log (kind, actor, token_id, source, request_id, action, resource, task_id, outcome, detail)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
);

export async function insertAudit(db: Queryable, row: AuditRow): Promise<void> {
  await db.query(
    INSERT_AUDIT([
      row.kind,
      row.actor,
      row.tokenId ?? null,
      row.source ?? null,
      row.requestId ?? null,
      row.action,
      row.resource,
      row.taskId ?? null,
      row.outcome ?? null,
      row.detail ?? {},
    ]),
  );
}

/** Several rows in one statement, in their order. */
export async function insertAuditRows(db: Queryable, rows: readonly AuditRow[]): Promise<void> {
  if (rows.length === 0) return;
  await db.query(
    `INSERT INTO audit_log (kind, actor, token_id, source, request_id, action, resource, task_id, outcome, detail)
     SELECT kind, actor, "tokenId", source, "requestId", action, resource, "taskId", outcome, coalesce(detail, '{}')
     FROM ROWS FROM (jsonb_to_recordset($1) AS (kind text, actor text, "tokenId" text, source text, "requestId" text, action text,
       resource text, "taskId" uuid, outcome text, detail jsonb)) WITH ORDINALITY ORDER BY ordinality`,
    [JSON.stringify(rows)],
  );
}

/**
 * SQL of the row in which a task was accepted, or of nothing: who asked for it, with which token and from where. Those who asked for
 * the same later and share the task have rows of their own, which say `joined`.
 * @param task SQL of the task's id
 */
export const acceptanceOf = (task: string): string =>
  `(SELECT actor, token_id, source, request_id FROM audit_log WHERE task_id = ${task} AND kind = 'intent' AND NOT detail ? 'joined'
    ORDER BY recorded_at, id LIMIT 1)`;

/** The request that a task was accepted with; undefined where nobody asked, or long ago. */
export async function requestOfTask(db: Queryable, taskId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ requestId: string | null }>(
    `SELECT request_id AS "requestId" FROM ${acceptanceOf('$1::uuid')} AS accepted`,
    [taskId],
  );
  return rows[0]?.requestId ?? undefined;
}

const INSERT_OUTCOME = prepared(
  'insert_audit_outcome',
  `INSERT INTO audit_log (kind, actor, token_id, source, request_id, action, resource, task_id, outcome, detail)
   SELECT 'outcome', coalesce(accepted.actor, $2::text), accepted.token_id, accepted.source, accepted.request_id, $3::text, $4::text,
     $1::uuid, $5::text, $6::jsonb
   FROM (SELECT) AS task LEFT JOIN LATERAL ${acceptanceOf('$1::uuid')} AS accepted ON true`,
);

/** How a task ended, in the transaction that closes it. Who asked is taken from the row of its acceptance. */
export interface TaskOutcomeRow
  extends Required<Pick<AuditRow, 'actor' | 'action' | 'resource' | 'taskId' | 'outcome'>> {
  detail?: AuditDetail;
}

export async function insertTaskOutcome(db: Queryable, row: TaskOutcomeRow): Promise<void> {
  await db.query(INSERT_OUTCOME([row.taskId, row.actor, row.action, row.resource, row.outcome, row.detail ?? {}]));
}
