import { CsvError, parse } from 'csv-parse/sync';
import { Failure } from '../../../domain/failures.ts';
import { MAX_ENTRIES } from '../../schemas/registry-import.ts';

const REQUIRED = ['env', 'db_name', 'hostname'];
const COLUMNS: ReadonlySet<string> = new Set([
  ...REQUIRED,
  'port',
  'active',
  'notes',
  'server',
  'created_at',
  // Of an exported list; it means nothing here.
  'id',
]);
/** A row with every text at its bound. */
const MAX_ROW_BYTES = 65_536;

/**
 * Entries of a CSV file, by the names in its first line; fields that are empty are left out.
 * @throws Failure InvalidSpec naming line or column
 */
export function readCsv(bytes: ArrayBuffer): Record<string, string>[] {
  try {
    const rows: Record<string, string>[] = parse(textOf(bytes), {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      max_record_size: MAX_ROW_BYTES,
      columns: checkedHeader,
      to: MAX_ENTRIES + 1,
    });
    if (rows.length > MAX_ENTRIES) throw wrong(`has more than ${MAX_ENTRIES} entries`);
    return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== '')));
  } catch (error) {
    if (error instanceof CsvError) throw wrong(`cannot be read: ${error.message}`);
    throw error;
  }
}

function checkedHeader(header: string[]): string[] {
  const names = header.map((name) => name.toLowerCase());
  const missing = REQUIRED.filter((name) => !names.includes(name));
  if (missing.length > 0) throw wrong(`has no column ${missing.join(', ')} in its first line`);
  const unknown = names.filter((name) => !COLUMNS.has(name));
  if (unknown.length > 0) {
    throw wrong(
      `has columns that mean nothing here: ${unknown.map((name) => JSON.stringify(name.slice(0, 80))).join(', ')}`,
    );
  }
  if (new Set(names).size !== names.length) throw wrong('has a column twice');
  return names;
}

function textOf(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw wrong('is not UTF-8');
  }
}

function wrong(reason: string): Failure {
  return new Failure('InvalidSpec', `the CSV file ${reason}`);
}
