import type { ObservedServer } from '../../../../domain/access/observed.ts';
import { type DatabaseScope, documentScope, roleScope } from '../../../../domain/access/scope.ts';
import { observeCluster, observeDatabase, withDatabases } from '../../../../platform/access/observe.ts';
import type { Item } from './items.ts';
import type { Share } from './share-transaction.ts';

/** Reads what the requests mention. A superuser needs to know nothing about other roles. */
export async function look(share: Share, items: readonly Item[]): Promise<ObservedServer> {
  const { client, serverName, facts } = share;
  const mentioned = roleScope(items.map(({ request }) => request.document));
  const cluster = await observeCluster(client, { serverName, facts, ...(facts.admin.superuser ? mentioned : {}) });
  const scope = mergedScope(items);
  if (scope === undefined || !cluster.databases.has(scope.name)) return cluster;
  return withDatabases(cluster, [await observeDatabase(client, { cluster, scope })]);
}

function mergedScope(items: readonly Item[]): DatabaseScope | undefined {
  const scopes = items.flatMap(({ request }) => documentScope(request.document));
  const [first] = scopes;
  if (first === undefined) return undefined;
  const everything = scopes.some(({ schemas }) => schemas === undefined);
  return {
    name: first.name,
    schemas: everything ? undefined : [...new Set(scopes.flatMap(({ schemas }) => schemas ?? []))],
    systemSchemas: scopes.flatMap(({ systemSchemas }) => systemSchemas),
    columnNames: scopes.some(({ columnNames }) => columnNames),
    ownedSequences: scopes.some(({ ownedSequences }) => ownedSequences),
  };
}
