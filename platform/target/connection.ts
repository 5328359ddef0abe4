import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { quoteLiteral } from '../../domain/sql/quote.ts';
import type { ScramKeyMaker } from '../scram/client-keys.ts';
import { type Endpoint, type TargetAddress, tlsOptions } from './address.ts';
import { type Authentication, createGuardedClient } from './guarded-client.ts';

/** How one piece of work uses its connections. */
export interface TargetSession {
  /** Shown in pg_stat_activity; undo ends the sessions of a task by it (R9). */
  applicationName: string;
  /** What is being done, for error messages: `creating roles`. */
  doing: string;
  /** Ends the connections when the activity is cancelled. */
  signal?: AbortSignal;
  /** Longest single statement, 20 s by default. */
  statementTimeoutMs?: number;
  /** Longest wait for a lock that somebody else holds, 5 s by default. */
  lockTimeoutMs?: number;
}

/** Whom to log in as, where. */
export interface ConnectionTarget {
  endpoint: Endpoint;
  tls: TargetAddress['tls'];
  user: string;
  password: string;
  database: string;
  /** Makes the keys of SCRAM; the same for all connections that log in as the same role. */
  keysOf?: ScramKeyMaker | undefined;
}

/** Whether the server that a connection leads to takes changes. */
export interface ServerRole {
  inRecovery: boolean;
  readOnly: boolean;
}

/** An open connection. */
export interface OpenConnection {
  readonly client: pg.Client;
  readonly endpoint: Endpoint;
  /** Prepares the connection for a piece of work, in one round trip; with `transaction` a transaction is open afterwards. */
  begin(session: TargetSession, options: { transaction: boolean }): Promise<ServerRole>;
  /** Takes back everything that work may have left behind. @returns false when the connection is of no use any more */
  reset(): Promise<boolean>;
  /** Resolves when the server has let go of the connection, or after a bound. */
  close(): Promise<void>;
  /** Ends it at once, whatever it is doing. */
  destroy(): void;
  /** Whether the connection keeps the process from ending. */
  countForProcess(counts: boolean): void;
}

/** Of a network that answers at all; TLS and authentication are part of it. */
const CONNECT_TIMEOUT_MS = 5_000;
/** The server ends a backend within milliseconds of our goodbye; a dead network would keep us waiting for ever. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Name of connections between two pieces of work. */
const IDLE_NAME = 'pgsteward';

/** Longest name that the server keeps. */
const NAME_BYTES = 63;

/** An attempt to connect that failed: how far it came, and why. */
export class ConnectError extends Error {
  readonly authentication: Authentication;

  constructor(authentication: Authentication, cause: unknown) {
    super('the connection failed', { cause });
    this.authentication = authentication;
  }
}

/**
 * Connects. The settings of the session are sent afterwards, not in the start-up packet: connection poolers refuse such packets
 * (PgBouncer: `unsupported startup parameter`), and one that is kept gets other settings for each piece of work anyway.
 * @throws ConnectError
 */
export async function openConnection(
  target: ConnectionTarget,
  options: { signal?: AbortSignal | undefined; scramOnly?: boolean; timeoutMs?: number } = {},
): Promise<OpenConnection> {
  const { endpoint, tls, user, password, database, keysOf } = target;
  const { signal, timeoutMs = CONNECT_TIMEOUT_MS } = options;
  const guarded = createGuardedClient(
    {
      host: endpoint.address,
      port: endpoint.port,
      ssl: tlsOptions(tls, endpoint.address),
      user,
      password,
      database,
      application_name: IDLE_NAME,
      connectionTimeoutMillis: timeoutMs,
      keepAlive: true,
      // SCRAM over a certificate that nobody checked: channel binding notices whoever stands between.
      enableChannelBinding: tls.mode === 'require' || tls.mode === 'verify-ca',
    },
    { scramOnly: options.scramOnly ?? tls.mode !== 'verify-full', keysOf },
  );
  const { client, destroy } = guarded;
  signal?.throwIfAborted();
  signal?.addEventListener('abort', destroy, { once: true });
  try {
    await guarded.connect();
  } catch (error) {
    destroy();
    throw new ConnectError(guarded.authentication, error);
  } finally {
    signal?.removeEventListener('abort', destroy);
  }
  return {
    client,
    endpoint,
    destroy,
    countForProcess: guarded.countForProcess,
    begin: (session, { transaction }) => begin(client, session, transaction),
    reset: () => reset(client),
    async close() {
      // The driver would wait for the answer first.
      if (guarded.isBusy()) destroy();
      await close(client, destroy);
    },
  };
}

async function begin(client: pg.Client, session: TargetSession, transaction: boolean): Promise<ServerRole> {
  const name = Buffer.from(session.applicationName).subarray(0, NAME_BYTES).toString();
  // One round trip. `search_path` comes before the functions, and BEGIN last: the settings stay when the transaction commits,
  // and after a rollback the connection is not used again.
  const text = [
    `SET application_name = ${quoteLiteral(name)}`,
    `SET statement_timeout = ${session.statementTimeoutMs ?? 20_000}`,
    `SET lock_timeout = ${session.lockTimeoutMs ?? 5_000}`,
    'SET client_min_messages = warning',
    'SET search_path = pg_catalog',
    `SELECT pg_is_in_recovery() AS "inRecovery", current_setting('transaction_read_only')::boolean AS "readOnly"`,
    ...(transaction ? ['BEGIN'] : []),
  ].join('; ');
  const results = (await client.query({
    text,
    // A connection that was kept may lead nowhere by now, without anybody having noticed.
    ...{ query_timeout: CONNECT_TIMEOUT_MS },
  })) as unknown as pg.QueryResult<ServerRole>[];
  const role = results.find(({ rows }) => rows.length === 1)?.rows[0];
  if (role === undefined) throw new Error('the server did not say whether it takes changes');
  return role;
}

async function reset(client: pg.Client): Promise<boolean> {
  // Work that left a transaction open, or broke the connection.
  if (client.getTransactionStatus() !== 'I') return false;
  try {
    // Settings, roles, advisory locks, temporary tables, cursors, LISTEN; alone, for it cannot run in a transaction.
    await client.query({ text: 'DISCARD ALL', ...{ query_timeout: CONNECT_TIMEOUT_MS } });
    return true;
  } catch {
    return false;
  }
}

/** The server closes the connection after it has released its slot: so whoever waited for that can open the next one. */
async function close(client: pg.Client, destroy: () => void): Promise<void> {
  const done = new AbortController();
  const bound = delay(CLOSE_TIMEOUT_MS, undefined, { signal: done.signal, ref: false }).catch(() => undefined);
  await Promise.race([client.end().catch(() => undefined), bound]);
  done.abort();
  destroy();
}
