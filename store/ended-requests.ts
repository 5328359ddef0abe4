import { v7 as uuidv7 } from 'uuid';
import { acceptanceOf } from './audit.ts';
import { afterCommit, type Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import type { AccessResult } from './server-work.ts';
import { CHANNELS } from './signals.ts';
import { taskEvents } from './task-events.ts';
import { SECONDS_TAKEN } from './tasks.ts';

/** How one request of a batch ended. */
export interface EndedRequest {
  taskId: string;
  status: 'completed' | 'failed';
  error: string | undefined;
  /** Line of the task's log. */
  message: string;
  fields: Record<string, unknown>;
  result: AccessResult;
  /** For the audit log; no secrets. */
  actor: string;
  action: string;
  resource: string;
  detail: Record<string, unknown>;
}

const END_REQUESTS = prepared(
  'end_requests',
  `WITH ended AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1) AS e ("taskId" uuid, "logId" uuid, status text, error text, message text,
         fields jsonb, result jsonb, actor text, action text, resource text, detail jsonb)
     ), closed AS (
       UPDATE tasks SET status = ended.status, error = ended.error, completed_at = now() FROM ended
       WHERE id = ended."taskId" AND tasks.status IN ('pending', 'running', 'canceling')
       RETURNING id, type, tasks.status AS outcome, ${SECONDS_TAKEN} AS seconds
     ), fresh AS MATERIALIZED (SELECT ended.* FROM ended JOIN closed ON closed.id = ended."taskId"),
     logged AS (
       INSERT INTO task_log (id, task_id, message, fields) SELECT "logId", "taskId", message, fields FROM fresh
     ), noted AS (
       UPDATE access_requests r SET result = coalesce(r.result, '{}') || fresh.result FROM fresh
       WHERE r.task_id = fresh."taskId"
     ), audited AS (
       INSERT INTO audit_log (kind, actor, token_id, source, request_id, action, resource, task_id, outcome, detail)
       SELECT 'outcome', coalesce(accepted.actor, fresh.actor), accepted.token_id, accepted.source, accepted.request_id,
         fresh.action, fresh.resource, fresh."taskId", fresh.status, fresh.detail
       FROM fresh LEFT JOIN LATERAL ${acceptanceOf('fresh."taskId"')} AS accepted ON true
     )
     SELECT pg_notify('${CHANNELS.ended}', string_agg(id::text, ',')),
       json_agg(json_build_object('type', type, 'outcome', outcome, 'seconds', seconds)) AS closed
     FROM closed HAVING count(*) > 0`,
);

/**
 * Closes requests with log line, result and audit outcome, and announces them: one round trip however many there are. A task that
 * was closed before keeps its outcome.
 */
export async function endRequests(db: Queryable, ended: readonly EndedRequest[]): Promise<void> {
  if (ended.length === 0) return;
  const { rows } = await db.query<{ closed: { type: string; outcome: string; seconds: number }[] }>(
    END_REQUESTS([JSON.stringify(ended.map((end) => ({ logId: uuidv7(), ...end })))]),
  );
  const closed = rows[0]?.closed ?? [];
  afterCommit(() => {
    for (const task of closed) taskEvents.emit('ended', task);
  });
}
