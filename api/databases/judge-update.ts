import type { Problem } from '../../domain/spec/problems.ts';
import type { DatabaseSpec, SpecRequest } from '../../domain/spec/types.ts';
import { validateSpec } from '../../domain/spec/validate.ts';
import { listCredentials } from '../../store/credentials.ts';
import { type DatabaseRecord, findDatabase, listDatabaseServers } from '../../store/databases.ts';
import { type InstanceRecord, listInstances } from '../../store/instances.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import { noSuchDatabase } from './absent.ts';
import { serverConflicts } from './conflicts.ts';
import { gatherKnowledge, type Knowledge } from './knowledge.ts';
import { usersWithPassword } from './next-secrets.ts';
import { assertModifiable } from './states.ts';

/** An update that may be accepted, and what it was judged by. */
export interface JudgedUpdate {
  database: DatabaseRecord;
  instances: InstanceRecord[];
  knowledge: Knowledge;
}

/**
 * Judges an update in the contract's order: the specification by itself, then whether the database exists, then hosts, versions and
 * what cannot change, then its state, then what the servers hold.
 * @throws ApiError
 */
export async function judgeUpdate(
  deps: ApiDeps,
  update: { caller: Caller; databaseId: string; request: SpecRequest; removeHosts: readonly string[] },
): Promise<JudgedUpdate> {
  const { databaseId, request, caller } = update;
  const { spec } = request;
  const [database, instances] = await Promise.all([
    findDatabase(deps.db, databaseId),
    listInstances(deps.db, [databaseId]),
  ]);
  const named = new Set(spec.database_users?.map(({ username }) => username));
  const withPassword = database === undefined ? named : await usersWithPassword(deps.db, databaseId, spec);
  const knowledge = await gatherKnowledge(deps, {
    caller,
    databaseId,
    spec,
    usersWithPassword: withPassword,
    ...(database === undefined ? {} : { ownHosts: hostsOf(database.spec) }),
  });
  const { knownHosts: _, serverMajors: __, ...alone } = knowledge.context;
  // Whose a role is says nothing as long as it is not known which database asks.
  refuse(validateSpec(request, database === undefined ? { ...alone, foreignRoles: new Set() } : alone));
  if (database === undefined) throw noSuchDatabase();
  const { tenantId, databaseName } = database;
  const previous = { databaseName, ...(tenantId === null ? {} : { tenantId }) };
  refuse(validateSpec(request, { ...knowledge.context, previous }));
  refuse([...removedHostProblems(spec, update.removeHosts), ...(await nodeProblems(deps, database, knowledge))]);
  assertModifiable(database, 'updated');
  const roles = new Set((await listCredentials(deps.db, databaseId)).map(({ roleName }) => roleName));
  const existing = database.provisioned ? { existing: { roles } } : {};
  refuse(await serverConflicts(deps, { databaseId, spec, knowledge, ...existing }));
  return { database, instances, knowledge };
}

/** Hosts that a specification names. */
function hostsOf({ nodes, services = [] }: Pick<DatabaseSpec, 'nodes' | 'services'>): Set<string> {
  return new Set([...nodes, ...services].flatMap(({ host_ids: ids }) => ids));
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw invalidInput(problems);
}

/** A host that is to be removed must not be named any more. */
function removedHostProblems({ nodes, services = [] }: DatabaseSpec, removeHosts: readonly string[]): Problem[] {
  const named = hostsOf({ nodes, services });
  return removeHosts
    .filter((hostId) => named.has(hostId))
    .map((hostId) => ({ path: 'remove_host', message: `host ${hostId} is still named by the specification` }));
}

/** Nodes stay on the servers that they are on: a database is not moved. */
async function nodeProblems(deps: ApiDeps, database: DatabaseRecord, { nodeServers }: Knowledge): Promise<Problem[]> {
  if (!database.provisioned) return [];
  const before = await listDatabaseServers(deps.db, database.id);
  const text = (nodes: readonly { nodeName: string; serverName: string }[]) =>
    nodes
      .map(({ nodeName, serverName }) => `${nodeName} on server ${serverName}`)
      .sort()
      .join(', ');
  const [from, to] = [
    text(before),
    text(nodeServers.map(({ nodeName, server }) => ({ nodeName, serverName: server.name }))),
  ];
  if (from === to) return [];
  const message = `invalid database update: nodes cannot be added, removed or moved to another server; they are ${from}`;
  return [{ path: '', message }];
}
