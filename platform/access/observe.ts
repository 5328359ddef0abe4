import type pg from 'pg';
import type { ObservedDatabase, ObservedServer } from '../../domain/access/observed.ts';
import type { DatabaseScope } from '../../domain/access/scope.ts';
import { type ClusterScope, inspectCluster } from '../target/catalog/cluster.ts';
import { inspectDatabase } from '../target/catalog/database.ts';
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
    cluster: ObservedServer;
    scopes: readonly DatabaseScope[];
    parallel: number;
    /** Takes the connections, by database; else each is given back when its database is read. */
    kept?: Map<string, LeasedConnection>;
  },
): Promise<ObservedServer> {
  const { cluster } = input;
  const readable = input.scopes.filter(({ name }) => cluster.databases.get(name)?.allowConnections);
  const found: ObservedDatabase[] = [];
  const queue = readable.values();
  const reader = async () => {
    for (const scope of queue) {
      const connection = await lease.connect({ database: scope.name });
      try {
        found.push(await observeDatabase(connection.client, { cluster, scope }));
        input.kept?.set(scope.name, connection);
      } finally {
        if (!input.kept?.has(scope.name)) await connection.release();
      }
    }
  };
  const readers = await Promise.allSettled(Array.from({ length: Math.max(1, input.parallel) }, reader));
  for (const result of readers) if (result.status === 'rejected') throw result.reason;
  return withDatabases(cluster, found);
}

/** Reads the contents of the database that the connection is in. */
export async function observeDatabase(
  client: pg.ClientBase,
  input: { cluster: ObservedServer; scope: DatabaseScope },
): Promise<ObservedDatabase> {
  const { cluster, scope } = input;
  const database = cluster.databases.get(scope.name);
  if (database === undefined) throw new Error(`database ${scope.name} was not read`);
  const contents = await inspectDatabase(client, {
    cluster,
    columnNames: scope.columnNames,
    systemSchemas: scope.systemSchemas,
    ...(scope.schemas === undefined ? {} : { schemas: scope.schemas }),
  });
  return { ...database, contents };
}

/** The server with these databases in place of the ones of the same name. */
export function withDatabases(cluster: ObservedServer, databases: readonly ObservedDatabase[]): ObservedServer {
  if (databases.length === 0) return cluster;
  const all = new Map(cluster.databases);
  for (const database of databases) all.set(database.name, database);
  return { ...cluster, databases: all };
}
