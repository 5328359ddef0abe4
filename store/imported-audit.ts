import type { AuditRow } from './audit.ts';
import type { Queryable } from './connection.ts';

/** A row of the audit log of a published pg-user-api. It does not say who asked. */
export interface ForeignAuditRow {
  sourceId: number | null;
  env: string | null;
  dbName: string | null;
  username: string | null;
  operation: string | null;
  status: string | null;
  performedAt: string | null;
}

/**
 * Adds the rows that no earlier import brought, in their order. One about a role of a registered database is found under that role.
 * @param rows with the digest of each in hexadecimal digits, no two of which are alike
 * @param by who imports them: their requests and addresses are not known, and are not those of the import
 * @returns how many were new
 */
export async function importAuditRows(
  db: Queryable,
  rows: readonly (ForeignAuditRow & { hex: string })[],
  by: Pick<AuditRow, 'actor' | 'requestId'>,
): Promise<number> {
  const { rowCount } = await db.query(
    `WITH given AS (
       SELECT *, decode(hex, 'hex') AS digest
       FROM ROWS FROM (jsonb_to_recordset($1) AS (hex text, "sourceId" double precision, env text, "dbName" text, username text,
         operation text, status text, "performedAt" text)) WITH ORDINALITY
     ), fresh AS (
       INSERT INTO imported_audit_rows SELECT digest FROM given ON CONFLICT DO NOTHING RETURNING digest
     )
     INSERT INTO audit_log (kind, actor, request_id, action, resource, outcome, detail)
     SELECT 'outcome', 'unknown', $3, 'imported',
       CASE WHEN e.server_name IS NOT NULL AND g.username <> '' THEN 'server/' || e.server_name || '/role/' || g.username
         ELSE 'registry' || coalesce('/' || e.id, '') END,
       'completed',
       jsonb_build_object('env', g.env, 'database', g."dbName", 'username', g.username, 'operation', g.operation,
         'status', g.status, 'performed_at', g."performedAt", 'source_id', g."sourceId", 'imported_by', $2::text)
     FROM fresh JOIN given g USING (digest)
     LEFT JOIN registry e ON e.env = g.env AND e.db_name = g."dbName"
     ORDER BY g.ordinality`,
    [JSON.stringify(rows), by.actor, by.requestId ?? null],
  );
  return rowCount ?? 0;
}
