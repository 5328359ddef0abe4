import { Failure } from '../../../domain/failures.ts';
import { openSqlite, type SqliteFile, type SqliteValue } from '../../../platform/sqlite/open-sqlite.ts';
import type { ForeignAuditRow } from '../../../store/imported-audit.ts';
import { MAX_ENTRIES } from '../../schemas/registry-import.ts';

/** As database.py of the published API makes them (https://github.com/pcraavi/PostgreSQL-user-creation-API). */
const REGISTRY = {
  table: 'db_registry',
  columns: ['env', 'db_name', 'hostname', 'port', 'active', 'notes', 'created_at'],
};
const AUDIT = {
  table: 'audit_log',
  columns: ['id', 'env', 'db_name', 'pg_username', 'operation', 'status', 'performed_at'],
};

const BATCH = 5000;
/** Names are at most 63 bytes; nobody needs more of anything else in it. */
const MAX_AUDIT_TEXT = 255;

/** Reads a `pg_registry.db`. @throws Failure InvalidSpec where it is none, or cannot be read */
export async function readSqlite(
  bytes: ArrayBuffer,
): Promise<{ entries: unknown[]; audit?: AsyncIterable<ForeignAuditRow[]>; close(): Promise<void> }> {
  const file = await openSqlite(bytes);
  try {
    if (!(await hasTable(file, REGISTRY))) throw wrong(`has no table ${REGISTRY.table}`);
    const entries: unknown[] = [];
    for await (const rows of file.rows(REGISTRY.table, REGISTRY.columns, BATCH)) {
      entries.push(...rows.map(entryOf));
      if (entries.length > MAX_ENTRIES) throw wrong(`has more than ${MAX_ENTRIES} entries`);
    }
    const audited = await hasTable(file, AUDIT);
    return { entries, ...(audited ? { audit: auditRows(file) } : {}), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether the file has the table. @throws Failure where the table lacks a column */
async function hasTable(file: SqliteFile, { table, columns }: typeof REGISTRY): Promise<boolean> {
  const found = await file.columnsOf(table);
  if (found === undefined) return false;
  const missing = columns.filter((name) => !found.includes(name));
  if (missing.length > 0) throw wrong(`has a table ${table} without ${missing.join(', ')}`);
  return true;
}

function entryOf([env, dbName, hostname, port, active, notes, createdAt]: SqliteValue[]): unknown {
  return {
    env,
    db_name: dbName,
    hostname,
    port,
    // Only 1 is found there.
    active: active === 1,
    notes,
    ...(createdAt === null ? {} : { created_at: createdAt }),
  };
}

async function* auditRows(file: SqliteFile): AsyncGenerator<ForeignAuditRow[], void> {
  for await (const rows of file.rows(AUDIT.table, AUDIT.columns, BATCH)) yield rows.map(auditRowOf);
}

function auditRowOf([id, env, dbName, username, operation, status, performedAt]: SqliteValue[]): ForeignAuditRow {
  return {
    sourceId: typeof id === 'number' ? id : null,
    env: storable(env),
    dbName: storable(dbName),
    username: storable(username),
    operation: storable(operation),
    status: storable(status),
    performedAt: storable(performedAt),
  };
}

/** Text that PostgreSQL can hold, without control characters. */
function storable(value: SqliteValue = null): string | null {
  if (value === null) return null;
  return String(value)
    .slice(0, MAX_AUDIT_TEXT)
    .replaceAll(/[\p{Cc}\p{Cs}]/gu, '\u{fffd}');
}

function wrong(reason: string): Failure {
  return new Failure('InvalidSpec', `the SQLite file ${reason}`);
}
