import type pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import type { TargetSession } from './connection.ts';
import type { Connector, PlacedConnection, Preparation, TargetLogin } from './connector.ts';
import { backendPid } from './guarded-client.ts';

type Work<T> = (client: pg.ClientBase) => Promise<T>;

/** One of the connections of a {@link ConnectionLease}. */
export interface LeasedConnection {
  /** `client.on('notice')` hears warnings. No named statements: the next piece of work would meet them. */
  readonly client: pg.ClientBase;
  /** As pg_stat_activity and pg_locks name it. */
  readonly backendPid: number;
  /** One transaction, committed when `work` succeeds; after a failure the connection is of no use but to be released. */
  transaction<T>(work: Work<T>): Promise<T>;
  /** Gives the connection back before the lease ends. Settings, locks and an open transaction end with it. */
  release(): Promise<void>;
  /** The same without keeping it for later work: makes room for the next one. */
  close(): Promise<void>;
}

/** Connections that were reserved together. */
export interface ConnectionLease {
  /**
   * Opens one of the reserved connections without waiting for other work: on the primary, with the settings of the session and
   * `search_path = pg_catalog`, outside a transaction. In the maintenance database as the admin role, unless given.
   * @param alongside makes the first queries; see {@link Preparation}
   */
  connect(login?: Partial<TargetLogin>, alongside?: (client: pg.ClientBase) => void): Promise<LeasedConnection>;
}

/** A lease as its owner sees it. */
export interface OwnedLease extends ConnectionLease {
  /** A connection with a transaction open already: one round trip less. Committed with {@link commit}. */
  connectInTransaction(login: Partial<TargetLogin>): Promise<pg.ClientBase>;
  /** Gives everything back; after a failure nothing is kept, for settings or a lock may have been left behind. */
  end(outcome: 'done' | 'failed'): Promise<void>;
}

/** At most `size` connections at a time; an abort of the session ends all of them at once. */
export function createLease(connector: Connector, session: TargetSession, size: number): OwnedLease {
  const { signal } = session;
  const opening = new Set<Promise<PlacedConnection>>();
  const held = new Map<PlacedConnection, (keep: boolean) => Promise<void>>();
  let taken = 0;
  let over = false;

  const destroyAll = () => {
    for (const connection of held.keys()) connection.destroy();
  };
  signal?.addEventListener('abort', destroyAll, { once: true });

  /** Counts against the lease until the connection is closed or kept for others. */
  function hold(connection: PlacedConnection): void {
    let released: Promise<void> | undefined;
    held.set(connection, (keep) => {
      released ??= (keep ? connector.release(connection) : connection.close()).finally(() => {
        held.delete(connection);
        taken -= 1;
      });
      return released;
    });
  }

  async function open(login: Partial<TargetLogin>, preparation: Preparation): Promise<PlacedConnection> {
    if (over) throw new Error(`${session.doing}: its connections have been given back already`);
    if (taken === size) throw new Error(`${session.doing}: more than the ${size} connections that were reserved`);
    taken += 1;
    const acquired = connector.acquire(login, session, preparation);
    opening.add(acquired);
    try {
      const connection = await acquired;
      hold(connection);
      // The signal spoke while the connection was on its way here.
      if (signal?.aborted) connection.destroy();
      return connection;
    } catch (error) {
      taken -= 1;
      throw error;
    } finally {
      opening.delete(acquired);
    }
  }

  return {
    async connect(login = {}, alongside) {
      const connection = await open(login, { transaction: false, alongside });
      const { client } = connection;
      return {
        client,
        backendPid: backendPid(client),
        async transaction(work) {
          await client.query('BEGIN');
          const result = await work(client);
          await commit(client);
          return result;
        },
        release: async () => held.get(connection)?.(true),
        close: async () => held.get(connection)?.(false),
      };
    },
    connectInTransaction: async (login) => (await open(login, { transaction: true })).client,
    async end(outcome) {
      over = true;
      // One that is cut off while it is opened would count on the server for a while.
      await Promise.allSettled(opening);
      await Promise.all([...held.values()].map((release) => release(outcome === 'done')));
      signal?.removeEventListener('abort', destroyAll);
    },
  };
}

/** @throws Failure where the server rolled back because a statement had failed: COMMIT itself succeeds then */
export async function commit(client: pg.ClientBase): Promise<void> {
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT') {
    throw new Failure('SqlRefused', 'nothing was committed, because a statement of the transaction had failed');
  }
}
