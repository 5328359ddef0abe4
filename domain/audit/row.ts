/** A row of the audit log in the words of PostgreSQL: nothing is lost to the number or date types of another language. */
export interface AuditRowText {
  id: number;
  /** ISO 8601 with microseconds, in UTC. */
  recorded_at: string;
  kind: string;
  actor: string;
  token_id: string | null;
  source: string | null;
  request_id: string | null;
  action: string;
  resource: string;
  task_id: string | null;
  outcome: string | null;
  /** Text of a JSON object. */
  detail: string;
}

/** Names in the order in which they are written. What is added later comes last, so that older rows keep their text. */
export const AUDIT_COLUMNS = [
  'id',
  'recorded_at',
  'kind',
  'actor',
  'token_id',
  'source',
  'request_id',
  'action',
  'resource',
  'task_id',
  'outcome',
  'detail',
] as const satisfies (keyof AuditRowText)[];

/** The same text for the same row, and another one for any other row: what the chain is made over. */
export function canonicalRow(row: AuditRowText): string {
  return JSON.stringify(AUDIT_COLUMNS.flatMap((name) => (row[name] === null ? [] : [[name, row[name]]])));
}
