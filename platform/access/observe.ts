import type pg from 'pg';
import type {
  DatabaseContents,
  ObservedDatabase,
  ObservedObject,
  ObservedServer,
} from '../../domain/access/observed.ts';
import type { DatabaseScope } from '../../domain/access/scope.ts';
import { type ClusterScope, inspectCluster } from '../target/catalog/cluster.ts';
import { inspectDatabase } from '../target/catalog/database.ts';
import { inspectAgain } from '../target/catalog/objects.ts';
import type { ConnectionLease, LeasedConnection } from '../target/target-server.ts';

/** Reads what belongs to the whole server, on the given connection. */
export function observeCluster(
  client: pg.ClientBase,
  input: ClusterScope & { serverName: string },
): Promise<ObservedServer> {
  return inspectCluster(client, input);
}

/**
 * Reads the contents of databases, `parallel` at a time, each on a reserved connection of its own, and gives the server with
 * them. Databases that do not exist or accept no connections are left out: the plan says what that means.
 */
export async function observeDatabases(
  lease: ConnectionLease,
  input: {
    /** May still be on its way: what is in the databases does not depend on it. */
    cluster: ObservedServer | Promise<ObservedServer>;
    scopes: readonly DatabaseScope[];
    /** How much must be read of each of them, where that is not known yet: connections are opened before this, and read after it. */
    narrowed?: Promise<readonly DatabaseScope[]>;
    parallel: number;
    /** Takes the connections that the last databases were read with; the others make room for those. */
    kept?: Map<string, LeasedConnection>;
    /** Hears of each database that was read, while others still are. */
    onRead?: (database: ObservedDatabase) => void;
  },
): Promise<ObservedServer> {
  const { cluster, scopes } = input;
  let known = cluster instanceof Promise ? undefined : cluster;
  let toRead: readonly DatabaseScope[] | undefined = input.narrowed === undefined ? scopes : undefined;
  // Whoever needs them hears of their failure.
  noteWhen(Promise.resolve(cluster), (server) => {
    known = server;
  });
  const narrowed = input.narrowed ?? Promise.resolve(scopes);
  noteWhen(narrowed, (narrow) => {
    toRead = narrow;
  });
  const found: ObservedDatabase[] = [];
  let next = 0;

  /** @returns its connection, where there can be one */
  async function read({ name }: DatabaseScope, at: number): Promise<LeasedConnection | undefined> {
    let reading: Promise<DatabaseContents> | undefined;
    const begin = (client: pg.ClientBase) => {
      const scope = toRead?.[at];
      if (scope !== undefined) reading = contentsOf(client, { cluster, scope });
      reading?.catch(() => undefined);
    };
    const connection = await enter(lease, name, { cluster: known ?? cluster, begin });
    if (connection === undefined) return undefined;
    try {
      const scope = (await narrowed)[at];
      if (scope === undefined) throw new Error(`nothing is to be read of database ${name}`);
      const contents = await (reading ?? contentsOf(connection.client, { cluster, scope }));
      const database = (await cluster).databases.get(name);
      if (database?.allowConnections) {
        const observed = { ...database, contents };
        found.push(observed);
        input.onRead?.(observed);
      }
      return connection;
    } catch (error) {
      await connection.release();
      throw error;
    }
  }

  async function reader(): Promise<void> {
    let at = next++;
    for (let scope = scopes[at]; scope !== undefined; ) {
      const connection = await read(scope, at);
      // Claimed before the connection makes room for it: so the last ones are known.
      at = next++;
      const following = scopes[at];
      if (connection !== undefined && following === undefined && input.kept !== undefined) {
        input.kept.set(scope.name, connection);
      } else if (following === undefined) await connection?.release();
      else await connection?.close();
      scope = following;
    }
  }

  const readers = await Promise.allSettled(Array.from({ length: Math.max(1, input.parallel) }, reader));
  for (const result of readers) if (result.status === 'rejected') throw result.reason;
  return withDatabases(await cluster, found);
}

function noteWhen<T>(promise: Promise<T>, note: (value: T) => void): void {
  promise.then(note, () => undefined);
}

function isReadable(cluster: ObservedServer, name: string): boolean {
  return cluster.databases.get(name)?.allowConnections === true;
}

/** A connection to a database; undefined where the server says that there can be none. */
async function enter(
  lease: ConnectionLease,
  database: string,
  { cluster, begin }: { cluster: ObservedServer | Promise<ObservedServer>; begin: (client: pg.ClientBase) => void },
): Promise<LeasedConnection | undefined> {
  if (!(cluster instanceof Promise) && !isReadable(cluster, database)) return undefined;
  try {
    return await lease.connect({ database }, begin);
  } catch (error) {
    if (isReadable(await cluster, database)) throw error;
    return undefined;
  }
}

/** Reads the contents of the database that the connection is in; asked for at once, also where the server is still being read. */
export async function observeDatabase(
  client: pg.ClientBase,
  input: { cluster: ObservedServer | Promise<ObservedServer>; scope: DatabaseScope },
): Promise<ObservedDatabase> {
  const contents = await contentsOf(client, input);
  return { ...databaseOf(await input.cluster, input.scope.name), contents };
}

function databaseOf(cluster: ObservedServer, name: string): ObservedDatabase {
  const database = cluster.databases.get(name);
  if (database === undefined) throw new Error(`database ${name} was not read`);
  return database;
}

function contentsOf(
  client: pg.ClientBase,
  { cluster, scope }: { cluster: ObservedServer | Promise<ObservedServer>; scope: DatabaseScope },
): Promise<DatabaseContents> {
  return inspectDatabase(client, {
    cluster,
    columnNames: scope.columnNames,
    ownedSequences: scope.ownedSequences,
    catalogs: scope.catalogs,
    systemSchemas: scope.systemSchemas,
    ...(scope.schemas === undefined ? {} : { schemas: scope.schemas }),
  });
}

/**
 * Reads again what a transaction can have touched in the database that the connection is in.
 * @param input.objects what can have been touched, as it was before, with the schemas
 * @returns the database with these objects only; undefined where more may have changed than their rights
 */
export async function observeTouched(
  client: pg.ClientBase,
  input: {
    cluster: ObservedServer | Promise<ObservedServer>;
    database: string;
    objects: readonly ObservedObject[];
  },
): Promise<ObservedDatabase | undefined> {
  const { cluster, objects } = input;
  const contents = await inspectAgain(client, { cluster, objects });
  return contents === undefined ? undefined : { ...databaseOf(await cluster, input.database), contents };
}

/** The server with these databases in place of the ones of the same name. */
export function withDatabases(cluster: ObservedServer, databases: readonly ObservedDatabase[]): ObservedServer {
  if (databases.length === 0) return cluster;
  const all = new Map(cluster.databases);
  for (const database of databases) all.set(database.name, database);
  return { ...cluster, databases: all };
}
