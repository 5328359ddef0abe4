import type { Queryable } from './connection.ts';

/** A row of the audit log, written in the transaction of the change that it records. Holds no secret. */
export interface AuditRow {
  kind: 'intent' | 'outcome' | 'reveal';
  /** Account that asked, such as `loopback`. */
  actor: string;
  /** Network address of the caller. */
  source?: string;
  requestId?: string;
  /** What was asked, such as `database.create`. */
  action: string;
  /** What it is about, such as `database/storefront`. */
  resource: string;
  taskId?: string;
  outcome?: string;
  detail?: Record<string, unknown>;
}

export async function insertAudit(db: Queryable, row: AuditRow): Promise<void> {
  await db.query(
    `INSERT INTO audit_log (kind, actor, source, request_id, action, resource, task_id, outcome, detail)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      row.kind,
      row.actor,
      row.source ?? null,
      row.requestId ?? null,
      row.action,
      row.resource,
      row.taskId ?? null,
      row.outcome ?? null,
      row.detail ?? {},
    ],
  );
}
