import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';

/** A pool or a client inside a transaction: what every repository function takes first. */
export type Queryable = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>;

/** Connection of the metadata database. */
export interface MetadataConnection {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  ssl?: pg.ClientConfig['ssl'];
  /** Most connections of this process, 10 by default. */
  maxConnections?: number;
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  onIdleError?: (error: Error) => void;
}

/** Epochs and counters are far below 2^53, so bigint columns are read as numbers. */
const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid, format) {
    if (oid === pg.types.builtins.INT8 && format !== 'binary') return Number;
    return pg.types.getTypeParser(oid, format);
  },
};

/** Pool on the metadata database; statements that hang are ended by the server after 15 s. */
export function createMetadataPool(connection: MetadataConnection): pg.Pool {
  const { maxConnections, onIdleError, ...address } = connection;
  const pool = new pg.Pool({
    ...address,
    // Said in any case: what is left out is taken from the environment (PGSSLMODE), which is about other connections.
    ssl: address.ssl ?? false,
    max: maxConnections ?? 10,
    application_name: 'pgsteward',
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: 15_000,
    types: typeParsers,
  });
  pool.on('error', (error) => onIdleError?.(error));
  // A connection that breaks between two statements has none to fail: the next one does. Unheard, the event would end the
  // process; the pool itself listens only while the connection is idle.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** What waits for the commit of the transaction under way. */
const commits = new AsyncLocalStorage<(() => void)[]>();

/** Calls `tell` once the transaction under way has been committed, and never if it is rolled back; at once where there is none. */
export function afterCommit(tell: () => void): void {
  const waiting = commits.getStore();
  if (waiting === undefined) tell();
  else waiting.push(tell);
}

/** Runs `work` in one transaction; rolls back on any error. */
export async function inTransaction<T>(pool: pg.Pool, work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const committed: (() => void)[] = [];
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await commits.run(committed, () => work(client));
    await client.query('COMMIT');
    for (const tell of committed) tell();
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
