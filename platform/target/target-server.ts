import { isIP } from 'node:net';
import pg from 'pg';
import { toFailure } from './errors.ts';
import { createTurns } from './turns.ts';

/** Where a server is and how its admin role logs in. Holds a password: never logged, never serialised. */
export interface TargetAddress {
  name: string;
  endpoints: { address: string; port: number }[];
  maintenanceDb: string;
  tls: { mode: 'disable' | 'require' | 'verify-ca' | 'verify-full'; caCertificate?: string };
  adminUser: string;
  adminPassword: string;
}

/** How one piece of work uses its connection. */
export interface TargetSession {
  /** Shown in pg_stat_activity; undo ends the sessions of a task by it (R9). */
  applicationName: string;
  /** What is being done, for error messages: `creating roles`. */
  doing: string;
  /** Ends the connection when the activity is cancelled. */
  signal?: AbortSignal;
  /** Longest single statement, 20 s by default. */
  statementTimeoutMs?: number;
  /** Longest wait for a lock that somebody else holds, 5 s by default. */
  lockTimeoutMs?: number;
}

/** Another database than the maintenance one, and whom to log in as; the admin role unless given. */
export interface TargetLogin {
  database: string;
  user?: string;
  password?: string;
}

type Work<T> = (client: pg.ClientBase) => Promise<T>;

/** Connections to one PostgreSQL server: at most four per process, two of them for other databases than the maintenance one. */
export interface TargetServer {
  readonly name: string;
  readonly address: TargetAddress;
  /** As the admin role in the maintenance database. Reuses connections. */
  onMaintenance<T>(session: TargetSession, work: Work<T>): Promise<T>;
  /** The same inside one transaction. */
  inMaintenanceTransaction<T>(session: TargetSession, work: Work<T>): Promise<T>;
  /** In another database, or as another role; a fresh connection that is closed afterwards. One transaction. */
  inDatabaseTransaction<T>(login: TargetLogin, session: TargetSession, work: Work<T>): Promise<T>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const MAINTENANCE_CONNECTIONS = 2;
const OTHER_CONNECTIONS = 2;

/** Opens no connection by itself. */
export function createTargetServer(address: TargetAddress): TargetServer {
  const first = address.endpoints[0];
  if (first === undefined) throw new Error(`server ${address.name} has no endpoint`);
  const base: pg.ClientConfig = {
    host: first.address,
    port: first.port,
    ssl: tlsOptions(address.tls, first.address),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
  const maintenance = new pg.Pool({
    ...base,
    user: address.adminUser,
    password: address.adminPassword,
    database: address.maintenanceDb,
    max: MAINTENANCE_CONNECTIONS,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
  });
  // A broken idle connection is replaced by the pool; the next use reports if the server is gone.
  maintenance.on('error', () => undefined);
  // One that breaks between two statements has none to fail: the next one does. The pool listens to idle ones only, and an
  // event that nobody hears ends the process.
  maintenance.on('connect', (client) => client.on('error', () => undefined));
  // The pool's own queue would not do: it counts the wait for a turn as a server that does not answer.
  const maintenanceTurn = createTurns(MAINTENANCE_CONNECTIONS);
  const otherTurn = createTurns(OTHER_CONNECTIONS);

  async function inPool<T>(session: TargetSession, work: Work<T>, transaction: boolean): Promise<T> {
    const client = await maintenance.connect();
    let broken = true;
    try {
      const result = await runSession(client, session, work, transaction);
      broken = false;
      return result;
    } finally {
      // A failed session may have left settings or a lock behind: such a connection is not used again.
      client.release(broken);
    }
  }

  async function onFreshConnection<T>(login: TargetLogin, session: TargetSession, work: Work<T>): Promise<T> {
    const client = new pg.Client({
      ...base,
      user: login.user ?? address.adminUser,
      password: login.password ?? address.adminPassword,
      database: login.database,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await runSession(client, session, work, true);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async function onMaintenance<T>(session: TargetSession, work: Work<T>, transaction: boolean): Promise<T> {
    try {
      return await maintenanceTurn(session.signal, () => inPool(session, work, transaction));
    } catch (error) {
      throw toFailure(error, session.doing);
    }
  }

  return {
    name: address.name,
    address,
    onMaintenance: (session, work) => onMaintenance(session, work, false),
    inMaintenanceTransaction: (session, work) => onMaintenance(session, work, true),
    async inDatabaseTransaction(login, session, work) {
      try {
        return await otherTurn(session.signal, () => onFreshConnection(login, session, work));
      } catch (error) {
        throw toFailure(error, session.doing);
      }
    },
    close: () => maintenance.end(),
  };
}

async function runSession<T>(
  client: pg.ClientBase,
  session: TargetSession,
  work: Work<T>,
  transaction: boolean,
): Promise<T> {
  session.signal?.throwIfAborted();
  const onAbort = () => destroySocket(client);
  session.signal?.addEventListener('abort', onAbort, { once: true });
  const scope = transaction ? 'LOCAL' : 'SESSION';
  try {
    // One round trip for everything that surrounds the work.
    await client.query(
      `${transaction ? 'BEGIN; ' : ''}SET ${scope} application_name = ${pg.escapeLiteral(session.applicationName)};` +
        ` SET ${scope} statement_timeout = ${session.statementTimeoutMs ?? 20_000};` +
        ` SET ${scope} lock_timeout = ${session.lockTimeoutMs ?? 5_000};` +
        ` SET ${scope} client_min_messages = warning; SET ${scope} search_path = pg_catalog`,
    );
    const result = await work(client);
    await client.query(transaction ? 'COMMIT' : 'RESET ALL; SELECT pg_advisory_unlock_all()');
    return result;
  } finally {
    session.signal?.removeEventListener('abort', onAbort);
  }
}

/** Ends the connection without waiting for the statement: the server notices, and undo ends the backend if it must. */
function destroySocket(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection?: { stream?: { destroy(): void } } };
  connection?.stream?.destroy();
}

/** TLS settings as libpq means them: `require` encrypts without a check, `verify-ca` leaves the name out. */
function tlsOptions(tls: TargetAddress['tls'], host: string): pg.ClientConfig['ssl'] {
  if (tls.mode === 'disable') return false;
  if (tls.mode === 'require') return { rejectUnauthorized: false };
  return {
    ...(tls.caCertificate === undefined ? {} : { ca: tls.caCertificate }),
    rejectUnauthorized: true,
    // Node refuses an IP address as server name; it checks the address against the certificate all the same.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tls.mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}
