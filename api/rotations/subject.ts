import { judgeCondition } from '../../domain/access/role-condition.ts';
import { uuidOf } from '../../domain/clusters/eid.ts';
import { Failure } from '../../domain/failures.ts';
import { observeCluster } from '../../platform/access/observe.ts';
import { sessionFacts } from '../../platform/target/catalog/cluster.ts';
import { findCluster } from '../../store/clusters.ts';
import { ENGINE_OWNER } from '../../store/credentials.ts';
import { listDatabaseServers } from '../../store/databases.ts';
import { findPlace } from '../../store/registry.ts';
import { roleFacts } from '../../store/role-facts.ts';
import { mayUse } from '../access/may-use.ts';
import { assertAdmin, type Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';

/** What a request names a role by. */
export interface NamedSubject {
  server?: string | undefined;
  database_id?: string | undefined;
  cluster_id?: string | undefined;
  env?: string | undefined;
  database?: string | undefined;
  role: string;
  override: boolean;
}

/** The server that the role of a request is on. @throws ApiError 400, or 404 for what is not there or not for the caller (R6) */
export async function serverOf(deps: Pick<ApiDeps, 'db'>, caller: Caller, named: NamedSubject): Promise<string> {
  const { server, database_id: databaseId, cluster_id: clusterId, env, database } = named;
  if ([server, databaseId, clusterId, env].filter((one) => one !== undefined).length !== 1) {
    throw invalidInput([
      { path: '', message: 'needs exactly one of server, database_id, cluster_id, and env with database' },
    ]);
  }
  if ((env === undefined) !== (database === undefined)) {
    throw invalidInput([{ path: 'database', message: 'belongs to env' }]);
  }
  const found =
    server ??
    (databaseId !== undefined && (await serverOfDatabase(deps, caller, databaseId))) ??
    (clusterId !== undefined &&
      (await findCluster(deps.db, uuidOf(clusterId) ?? clusterId).catch(() => undefined))?.serverName);
  const name =
    found ||
    (env !== undefined && database !== undefined ? await serverOfPlace(deps, caller, env, database) : undefined);
  if (name && mayUse(caller, 'servers', name) && (await isRegistered(deps, name))) return name;
  throw new ApiError('not_found', 'there is no such server, database, cluster or environment');
}

async function serverOfDatabase(
  deps: Pick<ApiDeps, 'db'>,
  caller: Caller,
  databaseId: string,
): Promise<string | undefined> {
  if (!mayUse(caller, 'databases', databaseId)) return undefined;
  // The password of a user is one, however many servers the database is on: the rotation is defined on the first.
  return (await listDatabaseServers(deps.db, databaseId)).map(({ serverName }) => serverName).toSorted()[0];
}

async function serverOfPlace(
  deps: Pick<ApiDeps, 'db'>,
  caller: Caller,
  env: string,
  dbName: string,
): Promise<string | undefined> {
  if (!mayUse(caller, 'environments', env)) return undefined;
  return (await findPlace(deps.db, { env, dbName }))?.entry.serverName;
}

async function isRegistered({ db }: Pick<ApiDeps, 'db'>, name: string): Promise<boolean> {
  return ((await db.query('SELECT FROM servers WHERE name = $1', [name])).rowCount ?? 0) > 0;
}

/**
 * Holds the rules of whose password may be changed (R5) against the role as it is.
 * @throws ApiError 403 with the rule, 404 for a role that is not there, 503 where the server does not answer
 */
export async function assertRotatable(
  deps: Pick<ApiDeps, 'db' | 'targets'>,
  caller: Caller,
  of: { serverName: string; role: string; override: boolean },
): Promise<void> {
  const { serverName, role, override } = of;
  if (override) assertAdmin(caller, 'override');
  const owner = await ownerOf(deps, of);
  const observed = await look(deps, caller, serverName);
  const facts = (await roleFacts(deps.db, { serverName, roles: [role] })).get(role);
  const environments = caller.scope === undefined ? undefined : [...(caller.scope.environments ?? [])];
  const verdict = judgeCondition(
    { role, when: 'present', ...(override && { override }), ...(environments !== undefined && { environments }) },
    observed,
    {
      environment: null,
      known: false,
      environmentsOfServer: [],
      ...facts,
      foreignOwner: isOthers(owner, caller) ? owner : undefined,
    },
  );
  if (verdict.state === 'refused') throw new ApiError('forbidden', verdict.message);
  if (verdict.state === 'settled') {
    throw new ApiError('not_found', `there is no role ${JSON.stringify(role)} on server ${serverName}`);
  }
}

/** Roles of databases within the caller's scope, and those of the role engine, are everybody's who may rotate at all. */
function isOthers(owner: string | undefined, caller: Caller): boolean {
  if (owner === undefined || owner === ENGINE_OWNER) return false;
  if (owner.startsWith('database/')) return !mayUse(caller, 'databases', owner.slice('database/'.length));
  // Team roles are never implied by global ones, except by that of administrators.
  return owner.startsWith('cluster/') ? !caller.isAdmin : true;
}

async function ownerOf(
  { db }: Pick<ApiDeps, 'db'>,
  { serverName, role }: { serverName: string; role: string },
): Promise<string | undefined> {
  const { rows } = await db.query<{ owner: string }>(
    "SELECT CASE WHEN origin = 'rotation' THEN 'another rotation' ELSE owner END AS owner FROM credentials WHERE server_name = $1 AND role_name = $2",
    [serverName, role],
  );
  return rows[0]?.owner;
}

async function look(deps: Pick<ApiDeps, 'targets'>, caller: Caller, serverName: string) {
  const server = await deps.targets.get(serverName);
  const session = {
    applicationName: `pgsteward:${caller.requestId}`,
    doing: `looking at roles of server ${serverName}`,
  };
  try {
    return await server.onMaintenance(session, async (client) =>
      observeCluster(client, { serverName, facts: await sessionFacts(client) }),
    );
  } catch (error) {
    if (!(error instanceof Failure && error.retryable)) throw error;
    throw new ApiError('unavailable', error.message, { headers: { 'Retry-After': '2' } });
  }
}
