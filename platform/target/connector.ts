import type pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import { createScramKeyMemory } from '../scram/client-keys.ts';
import { type Endpoint, endpointLabel, type TargetAddress } from './address.ts';
import {
  ConnectError,
  type ConnectionTarget,
  type OpenConnection,
  openConnection,
  type TargetSession,
} from './connection.ts';
import { type ConnectionBudget, createConnectionBudget } from './connection-budget.ts';
import { toFailure } from './errors.ts';
import { askEndpoints, createPrimaryFinder, type EndpointAnswer } from './primary.ts';

/** Another database than the maintenance one, and whom to log in as; the admin role unless given. */
export interface TargetLogin {
  database: string;
  user?: string;
  password?: string;
}

/** An open connection with its place in the budget. */
export interface PlacedConnection extends OpenConnection {
  /** For how long it is kept for other work once nobody uses it, in milliseconds; 0: it is closed. */
  readonly keptMs: number;
}

interface Kept extends PlacedConnection {
  owner: object;
  database: string;
  /** Whether it leads to the maintenance database as the admin role. */
  lasting: boolean;
  /** Ends the watch over a connection that nobody uses. */
  wake(): void;
}

/** The connections of one process to one server. */
export type TargetBudget = ConnectionBudget<Kept>;

/** Most connections to a server, per process. */
const CONNECTIONS = 4;
/** Every piece of work needs the admin's connection to the maintenance database. */
const LASTING_IDLE_MS = 30_000;
/**
 * The admin's connections to other databases outlast the moment between a plan and its application. DROP DATABASE and CREATE
 * DATABASE of somebody else wait 5 s for sessions that are about to leave (CountOtherDBBackends): this is well below.
 */
const DATABASE_IDLE_MS = 1_000;

export function createTargetBudget(): TargetBudget {
  return createConnectionBudget<Kept>(CONNECTIONS);
}

/** How a connection is prepared. */
export interface Preparation {
  transaction: boolean;
  /**
   * Makes the first queries as soon as the preparation is on its way: they are answered after it, in the same round trip. Called
   * again where another endpoint is tried. Where the preparation fails their answers count for nothing.
   */
  alongside?: ((client: pg.ClientBase) => void) | undefined;
}

/** Opens connections to the primary of one server, in reserved places of a budget. */
export interface Connector {
  /**
   * A connection prepared for a piece of work, with `transaction` inside a transaction.
   * @throws ConnectError, Failure ServerUnavailable where no endpoint takes changes, TwoPrimaries
   */
  acquire(login: Partial<TargetLogin>, session: TargetSession, options: Preparation): Promise<PlacedConnection>;
  /** Gives a connection back that is in order: kept for later work or closed. */
  release(connection: PlacedConnection): Promise<void>;
  /** Only connects, answering nothing but SCRAM; to the primary unless an endpoint is given. @throws ConnectError */
  knock(login: TargetLogin, session: TargetSession, at?: Endpoint): Promise<PlacedConnection>;
  askEndpoints(session: TargetSession): Promise<EndpointAnswer[]>;
  /** As the admin role in the maintenance database of one endpoint, whatever it is. @throws ConnectError */
  onEndpoint<T>(endpoint: Endpoint, session: TargetSession, work: (client: pg.ClientBase) => Promise<T>): Promise<T>;
  /** The primary that is remembered failed a piece of work. */
  forgetPrimary(): void;
  /** Closes what is kept, and keeps nothing from now on. */
  close(): Promise<void>;
}

export function createConnector(address: TargetAddress, budget: TargetBudget): Connector {
  const owner = {};
  const primary = createPrimaryFinder(address);
  const adminKeys = createScramKeyMemory();
  let closed = false;

  function targetOf(login: Partial<TargetLogin>, endpoint: Endpoint): ConnectionTarget {
    const { user = address.adminUser, password = address.adminPassword, database = address.maintenanceDb } = login;
    const keysOf = isAdmin({ user, password }) ? adminKeys : undefined;
    return { endpoint, tls: address.tls, user, password, database, keysOf };
  }

  function isAdmin({ user, password }: Required<Pick<TargetLogin, 'user' | 'password'>>): boolean {
    return user === address.adminUser && password === address.adminPassword;
  }

  function isLasting(target: ConnectionTarget): boolean {
    return isAdmin(target) && target.database === address.maintenanceDb;
  }

  /** Those of other roles are not worth keeping. */
  function keptMs(target: ConnectionTarget): number {
    if (!isAdmin(target)) return 0;
    return isLasting(target) ? LASTING_IDLE_MS : DATABASE_IDLE_MS;
  }

  async function open(
    target: ConnectionTarget,
    options: { signal?: AbortSignal | undefined; scramOnly?: boolean },
  ): Promise<Kept> {
    await budget.enter();
    let connection: OpenConnection;
    try {
      connection = await openConnection(target, options);
    } catch (error) {
      budget.leave();
      throw error;
    }
    let closing: Promise<void> | undefined;
    const placed: Kept = {
      ...connection,
      owner,
      database: target.database,
      lasting: isLasting(target),
      keptMs: keptMs(target),
      wake: () => undefined,
      close() {
        placed.wake();
        budget.forget(placed);
        closing ??= connection.close().finally(() => budget.leave());
        return closing;
      },
    };
    return placed;
  }

  /** Asks all endpoints over one connection each, in the place of the one that is opened afterwards. */
  async function findPrimary(session: TargetSession): Promise<Endpoint> {
    const known = primary.known();
    if (known !== undefined) return known;
    await budget.enter();
    try {
      return await primary.find(session);
    } finally {
      budget.leave();
    }
  }

  /** @throws Failure ServerUnavailable where the server takes no changes; the connection is closed then */
  async function prepare(connection: Kept, session: TargetSession, preparation: Preparation): Promise<Kept> {
    session.signal?.addEventListener('abort', connection.destroy, { once: true });
    try {
      const beginning = connection.begin(session, preparation);
      preparation.alongside?.(connection.client);
      const { inRecovery, readOnly } = await beginning;
      const where = endpointLabel(connection.endpoint);
      if (inRecovery) {
        throw new Failure('ServerUnavailable', `server ${address.name}: ${where} is a standby and takes no changes`);
      }
      // Another role or another database may be set to read-only on a server that is not.
      if (readOnly && connection.lasting) {
        throw new Failure(
          'ServerUnavailable',
          `server ${address.name}: ${where} is read-only (default_transaction_read_only)`,
        );
      }
      return connection;
    } catch (error) {
      // Its end may be due to us: a time-out, or the signal.
      connection.destroy();
      await connection.close();
      throw error;
    } finally {
      session.signal?.removeEventListener('abort', connection.destroy);
    }
  }

  /** A kept connection, unless all of them have broken meanwhile or lead to a server that takes no changes any more. */
  async function reuse(
    { endpoint, database }: ConnectionTarget,
    session: TargetSession,
    preparation: Preparation,
  ): Promise<Kept | undefined> {
    const isOurs = (kept: Kept) => kept.owner === owner && kept.endpoint === endpoint && kept.database === database;
    for (let kept = budget.take(isOurs); kept !== undefined; kept = budget.take(isOurs)) {
      kept.wake();
      try {
        return await prepare(kept, session, preparation);
      } catch {
        session.signal?.throwIfAborted();
      }
    }
    return undefined;
  }

  return {
    async acquire(login, session, preparation) {
      // What is remembered of the primary may be out of date: then all endpoints are asked, once.
      for (let mayRetry = address.endpoints.length > 1; ; mayRetry = false) {
        try {
          const endpoint = await findPrimary(session);
          const target = targetOf(login, endpoint);
          const kept = isAdmin(target) ? await reuse(target, session, preparation) : undefined;
          return kept ?? (await prepare(await open(target, session), session, preparation));
        } catch (error) {
          session.signal?.throwIfAborted();
          primary.forget();
          if (!mayRetry || !isUnavailable(error)) throw error;
        }
      }
    },
    async release(connection) {
      const placed = connection as Kept;
      if (closed || placed.keptMs === 0 || !(await placed.reset()) || closed) return placed.close();
      const { client } = placed;
      // What the work listened to.
      client.removeAllListeners('notice').removeAllListeners('notification');
      const close = () => void placed.close();
      const timer = setTimeout(close, placed.keptMs).unref();
      client.once('end', close);
      // Alone it keeps no process from ending.
      placed.countForProcess(false);
      placed.wake = () => {
        clearTimeout(timer);
        client.off('end', close);
        placed.countForProcess(true);
        placed.wake = () => undefined;
      };
      budget.keep(placed);
    },
    async knock(login, session, at) {
      const endpoint = at ?? (await findPrimary(session));
      try {
        return await open(targetOf(login, endpoint), { signal: session.signal, scramOnly: true });
      } catch (error) {
        session.signal?.throwIfAborted();
        if (at === undefined && isUnavailable(error)) primary.forget();
        throw error;
      }
    },
    async askEndpoints(session) {
      await budget.enter();
      try {
        const answers = await askEndpoints(address, session);
        primary.learn(answers);
        return answers;
      } finally {
        budget.leave();
      }
    },
    async onEndpoint(endpoint, session, work) {
      const connection = await open(targetOf({}, endpoint), { signal: session.signal });
      session.signal?.addEventListener('abort', connection.destroy, { once: true });
      try {
        await connection.begin(session, { transaction: false });
        return await work(connection.client);
      } catch (error) {
        // Work may have left the connection in the middle of something.
        connection.destroy();
        throw error;
      } finally {
        session.signal?.removeEventListener('abort', connection.destroy);
        await connection.close();
      }
    },
    forgetPrimary: () => primary.forget(),
    async close() {
      closed = true;
      await budget.closeIdle((kept) => kept.owner === owner);
    },
  };
}

function isUnavailable(error: unknown): boolean {
  return toFailure(reasonOf(error), '').type === 'ServerUnavailable';
}

/** What made an attempt to connect fail. */
export function reasonOf(error: unknown): unknown {
  return error instanceof ConnectError ? error.cause : error;
}
