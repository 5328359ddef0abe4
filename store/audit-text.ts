/** A time as ISO 8601 text in UTC, with the microseconds that a JavaScript date would lose. */
export const timeText = (sql: string): string => `to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Columns of `AuditRowText`, of `audit_log` under the name `a`. */
export const AUDIT_TEXT_COLUMNS = `a.id, ${timeText('a.recorded_at')} AS recorded_at, a.kind, a.actor, a.token_id, a.source,
  a.request_id, a.action, a.resource, a.task_id::text AS task_id, a.outcome, a.detail::text AS detail`;
