/**
 * Reads an SQLite file in a thread of its own: SQLite runs synchronously, what a file makes it do may take any time or memory, and
 * a fault in it ends this thread alone. JavaScript, because a thread does not inherit the loader of TypeScript.
 *
 * Each message is answered by one: `{value}`, or `{problem}` in the words of SQLite.
 */
import { parentPort, workerData } from 'node:worker_threads';
import initSqlJs from 'sql.js';

/** Longer texts are cut: what is read has its own, smaller bounds. */
const MAX_TEXT = 10_000;

const { Database } = await initSqlJs();
const database = new Database(workerData.bytes);
/** The statement whose rows are being read. */
let statement;

const quote = (name) => `"${name.replaceAll('"', '""')}"`;

const requests = {
  /** Columns of a table; null where there is none. Views and generated columns would compute, for as long as they like. */
  columns({ table }) {
    database.exec('PRAGMA trusted_schema = OFF');
    const [found] = database.exec(
      `SELECT type, sql FROM sqlite_schema WHERE name = $name AND type IN ('table', 'view')`,
      { $name: table },
    );
    const [type, sql] = found?.values[0] ?? [];
    if (type === undefined) return null;
    if (type !== 'table' || /^\s*create\s+virtual/i.test(String(sql))) throw new Error(`${table} is not a plain table`);
    const [info] = database.exec(`SELECT name, hidden FROM pragma_table_xinfo($name)`, { $name: table });
    return (info?.values ?? []).filter(([, hidden]) => hidden === 0).map(([name]) => name);
  },

  select({ table, columns }) {
    statement?.free();
    statement = database.prepare(`SELECT ${columns.map(quote).join(', ')} FROM ${quote(table)}`);
    return null;
  },

  /** The next rows of the selection, at most `count`; fewer are the last ones. */
  next({ count }) {
    const rows = [];
    while (rows.length < count && statement.step()) rows.push(statement.get().map(plain));
    return rows;
  },
};

function plain(value) {
  if (typeof value === 'string') return value.slice(0, MAX_TEXT);
  return typeof value === 'number' ? value : null;
}

parentPort.on('message', (request) => {
  try {
    parentPort.postMessage({ value: requests[request.kind](request) });
  } catch (error) {
    parentPort.postMessage({ problem: error instanceof Error ? error.message : String(error) });
  }
});
