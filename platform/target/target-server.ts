import { AsyncLocalStorage } from 'node:async_hooks';
import type pg from 'pg';
import type { Endpoint, TargetAddress } from './address.ts';
import type { TargetSession } from './connection.ts';
import { createConnector, createTargetBudget, reasonOf, type TargetBudget, type TargetLogin } from './connector.ts';
import { toFailure } from './errors.ts';
import { type ConnectionLease, commit, createLease, type OwnedLease } from './lease.ts';
import type { EndpointAnswer } from './primary.ts';

export type { TargetAddress } from './address.ts';
export type { TargetSession } from './connection.ts';
export type { TargetLogin } from './connector.ts';
export type { ConnectionLease, LeasedConnection } from './lease.ts';

type Work<T> = (client: pg.ClientBase) => Promise<T>;

/**
 * Connections to one PostgreSQL server: to the primary where there are several endpoints, and at most four per process, idle
 * ones included. Work that needs several at a time reserves them together. What it calls meanwhile uses its lease: to reserve
 * again on the same server is an error, because two pieces of work that did so could wait for each other.
 */
export interface TargetServer {
  readonly name: string;
  readonly address: TargetAddress;
  /** Waits until `connections` are free, first come, first served; all are given back when `work` ends, however it ends. */
  reserve<T>(session: TargetSession, connections: number, work: (lease: ConnectionLease) => Promise<T>): Promise<T>;
  /** As the admin role in the maintenance database. Reuses connections. */
  onMaintenance<T>(session: TargetSession, work: Work<T>): Promise<T>;
  /** The same inside one transaction, in which a query has been made already: its isolation level is the default one. */
  inMaintenanceTransaction<T>(session: TargetSession, work: Work<T>): Promise<T>;
  /** In another database, or as another role; a fresh connection that is closed afterwards. One transaction as above. */
  inDatabaseTransaction<T>(login: TargetLogin, session: TargetSession, work: Work<T>): Promise<T>;
  /** What each endpoint says of itself. @throws only what `session.signal` was aborted with */
  askEndpoints(session: TargetSession): Promise<EndpointAnswer[]>;
  /** As the admin role in the maintenance database of one endpoint, primary or not; for what is to be done there and nowhere else. */
  onEndpoint<T>(endpoint: Endpoint, session: TargetSession, work: Work<T>): Promise<T>;
  /**
   * Logs in on the primary, or at an endpoint, answering nothing but SCRAM, and leaves again. @throws ConnectError saying how far it came, what
   * `session.signal` was aborted with, Failure where there is no primary
   */
  tryLogin(login: Required<TargetLogin>, session: TargetSession, at?: Endpoint): Promise<void>;
  /** Closes connections that nobody uses; those in use are closed when their work ends. */
  close(): Promise<void>;
}

/** Budgets that the work under way has reserved from. */
const reservedFrom = new AsyncLocalStorage<ReadonlySet<TargetBudget>>();

/**
 * Opens no connection by itself.
 * @param budget shared by all that speak to the same server
 */
export function createTargetServer(address: TargetAddress, budget: TargetBudget = createTargetBudget()): TargetServer {
  const connector = createConnector(address, budget);

  /** @throws the signal's reason when aborted while waiting */
  async function withReservation<T>(session: TargetSession, count: number, work: () => Promise<T>): Promise<T> {
    const outer = reservedFrom.getStore();
    if (outer?.has(budget)) {
      throw new Error(
        `${session.doing}: connections to server ${address.name} are reserved together, never one by one`,
      );
    }
    const giveBack = await budget.reserve(count, session.signal);
    try {
      return await reservedFrom.run(new Set([...(outer ?? []), budget]), work);
    } finally {
      giveBack();
    }
  }

  function leased<T>(session: TargetSession, count: number, work: (lease: OwnedLease) => Promise<T>): Promise<T> {
    return withReservation(session, count, async () => {
      const lease = createLease(connector, session, count);
      let outcome: 'done' | 'failed' = 'failed';
      try {
        const result = await work(lease);
        outcome = 'done';
        return result;
      } finally {
        await lease.end(outcome);
      }
    });
  }

  async function foreseen<T>(session: TargetSession, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const failure = toFailure(reasonOf(error), session.doing);
      // Lost, or read-only by now: another endpoint may have taken over.
      if (failure.type === 'ServerUnavailable') connector.forgetPrimary();
      throw failure;
    }
  }

  function inTransaction<T>(login: Partial<TargetLogin>, session: TargetSession, work: Work<T>): Promise<T> {
    return foreseen(session, () =>
      leased(session, 1, async (lease) => {
        const client = await lease.connectInTransaction(login);
        const result = await work(client);
        await commit(client);
        return result;
      }),
    );
  }

  return {
    name: address.name,
    address,
    reserve: (session, connections, work) => foreseen(session, () => leased(session, connections, work)),
    onMaintenance: (session, work) =>
      foreseen(session, () => leased(session, 1, async (lease) => work((await lease.connect()).client))),
    inMaintenanceTransaction: (session, work) => inTransaction({}, session, work),
    inDatabaseTransaction: inTransaction,
    askEndpoints: (session) => withReservation(session, 1, () => connector.askEndpoints(session)),
    onEndpoint: (endpoint, session, work) =>
      withReservation(session, 1, async () => {
        try {
          return await connector.onEndpoint(endpoint, session, work);
        } catch (error) {
          session.signal?.throwIfAborted();
          throw toFailure(reasonOf(error), session.doing);
        }
      }),
    tryLogin: (login, session, at) =>
      withReservation(session, 1, async () => {
        const connection = await connector.knock(login, session, at);
        await connection.close();
      }),
    close: () => connector.close(),
  };
}
