import { stringify } from 'csv-stringify/sync';
import { AUDIT_COLUMNS, type AuditRowText } from '../../domain/audit/row.ts';

/** A file format of the export. */
export interface AuditFormat {
  mediaType: string;
  extension: string;
  /** Before the first row. */
  head: string;
  rows(rows: readonly AuditRowText[]): string;
}

export const AUDIT_FORMATS: Readonly<Record<'jsonl' | 'csv', AuditFormat>> = {
  jsonl: {
    mediaType: 'application/x-ndjson; charset=utf-8',
    extension: 'jsonl',
    head: '',
    rows: (rows) => rows.map(jsonLine).join(''),
  },
  csv: {
    mediaType: 'text/csv; charset=utf-8',
    extension: 'csv',
    head: `${AUDIT_COLUMNS.join(',')}\n`,
    // A cell that a spreadsheet would take for a formula gets an apostrophe before it: names come from callers.
    rows: (rows) => stringify([...rows], { columns: [...AUDIT_COLUMNS], escape_formulas: true }),
  },
};

/** With the detail as the database has it: its numbers may be more exact than those of JavaScript. */
function jsonLine({ detail, ...row }: AuditRowText): string {
  const members = Object.entries(row).filter(([, value]) => value !== null);
  return `${JSON.stringify(Object.fromEntries(members)).slice(0, -1)},"detail":${detail}}\n`;
}
