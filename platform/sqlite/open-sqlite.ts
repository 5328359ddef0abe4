import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Failure } from '../../domain/failures.ts';

/** What a column of a row may hold; other types are read as null. */
export type SqliteValue = string | number | null;

/** An SQLite file that is being read. The caller closes it. */
export interface SqliteFile {
  /** Columns of a plain table, in its order; undefined where there is no such table. @throws Failure InvalidSpec */
  columnsOf(table: string): Promise<string[] | undefined>;
  /** Rows of a table in batches, as they lie in the file; no more are read than are asked for. @throws Failure InvalidSpec */
  rows(table: string, columns: readonly string[], batchSize: number): AsyncGenerator<SqliteValue[][], void>;
  close(): Promise<void>;
}

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
/** Read version of the file format, in its header: 2 for write-ahead logging. */
const READ_VERSION_AT = 19;
const WAL = 2;

/** Far above what a batch of a sound file takes; a file that computes without end is given up. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Opens the bytes of an SQLite file, which are given away: the caller's buffer is empty afterwards.
 * @throws Failure InvalidSpec where they are none
 */
export async function openSqlite(bytes: ArrayBuffer): Promise<SqliteFile> {
  const header = Buffer.from(bytes, 0, Math.min(bytes.byteLength, 100));
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw unreadable('is no SQLite database');
  if (header[READ_VERSION_AT] === WAL) {
    throw unreadable(
      'is in WAL mode, and part of it may be in another file; run PRAGMA journal_mode=DELETE on it with sqlite3, and send it again',
    );
  }
  const worker = new Worker(new URL('./reader.mjs', import.meta.url), {
    workerData: { bytes: new Uint8Array(bytes) },
    transferList: [bytes],
    // Neither the loader nor the environment of this process.
    execArgv: [],
    env: {},
  });
  const stopped = new AbortController();
  worker.once('error', (error) => stopped.abort(unreadable(`cannot be read: ${error.message}`)));

  async function ask<T>(request: Record<string, unknown>): Promise<T> {
    stopped.signal.throwIfAborted();
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const answered = once(worker, 'message', { signal });
    worker.postMessage(request);
    const [answer] = (await answered.catch(() => {
      throw stopped.signal.aborted
        ? stopped.signal.reason
        : unreadable(`could not be read within ${REQUEST_TIMEOUT_MS / 1000} s`);
    })) as [{ value: T } | { problem: string }];
    if ('problem' in answer) throw unreadable(`cannot be read: ${answer.problem}`);
    return answer.value;
  }

  return {
    async columnsOf(table) {
      return (await ask<string[] | null>({ kind: 'columns', table })) ?? undefined;
    },
    async *rows(table, columns, batchSize) {
      await ask({ kind: 'select', table, columns });
      for (;;) {
        const rows = await ask<SqliteValue[][]>({ kind: 'next', count: batchSize });
        if (rows.length > 0) yield rows;
        if (rows.length < batchSize) return;
      }
    },
    async close() {
      await worker.terminate();
    },
  };
}

function unreadable(reason: string): Failure {
  return new Failure('InvalidSpec', `the file ${reason}`);
}
