import initSqlJs from 'sql.js';

type Value = string | number | null;

/** What a published pg-user-api keeps in its pg_registry.db. */
export interface PublishedRegistry {
  /** env, db_name, hostname, port, active, notes, created_at. */
  entries: Value[][];
  /** env, db_name, pg_username, operation, status, performed_at. */
  audit?: Value[][];
}

/** An SQLite file made by these statements, each of which runs once, or once for each row that comes with it. */
export async function sqliteFile(...statements: [sql: string, rows?: Value[][]][]): Promise<Uint8Array<ArrayBuffer>> {
  const { Database } = await initSqlJs();
  const database = new Database();
  for (const [sql, rows = [[]]] of statements) {
    for (const row of rows) database.run(sql, row);
  }
  const bytes = new Uint8Array(database.export());
  database.close();
  return bytes;
}

const REGISTRY_TABLE = `CREATE TABLE db_registry (
  id INTEGER PRIMARY KEY AUTOINCREMENT, env TEXT NOT NULL, db_name TEXT NOT NULL, hostname TEXT NOT NULL,
  port INTEGER NOT NULL DEFAULT 5432, active INTEGER NOT NULL DEFAULT 1, notes TEXT,
  created_at TEXT NOT NULL DEFAULT (datetime('now')), UNIQUE (env, db_name))`;
const AUDIT_TABLE = `CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT, env TEXT, db_name TEXT, pg_username TEXT, operation TEXT, status TEXT,
  performed_at TEXT NOT NULL DEFAULT (datetime('now')))`;

const INSERT_ENTRY = `INSERT INTO db_registry (env, db_name, hostname, port, active, notes, created_at)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;
const INSERT_AUDIT = `INSERT INTO audit_log (env, db_name, pg_username, operation, status, performed_at)
  VALUES (?, ?, ?, ?, ?, ?)`;

/** A pg_registry.db. */
export function publishedRegistry({ entries, audit }: PublishedRegistry): Promise<Uint8Array<ArrayBuffer>> {
  const log: [string, Value[][]?][] = audit === undefined ? [] : [[AUDIT_TABLE], [INSERT_AUDIT, audit]];
  return sqliteFile([REGISTRY_TABLE], [INSERT_ENTRY, entries], ...log);
}
