import type pg from 'pg';
import type { AccessDocument, SubmittedPassword } from '../../domain/access/document.ts';
import { computeImpact } from '../../domain/access/effective/impact.ts';
import type { ObservedServer } from '../../domain/access/observed.ts';
import type { Plan } from '../../domain/access/plan.ts';
import type { Planning } from '../../domain/access/planner/planning.ts';
import { type DatabaseScope, documentScope, mentionsSettings } from '../../domain/access/scope.ts';
import { changedPasswords } from '../../platform/access/changed-passwords.ts';
import { observeCluster, observeDatabases } from '../../platform/access/observe.ts';
import { beginPlanOn } from '../../platform/access/plan.ts';
import { type PlanWhileReading, planWhileReading } from '../../platform/access/plan-while-reading.ts';
import type { ConnectionLease } from '../../platform/target/target-server.ts';
import { foreignRoles, passwordFingerprints } from '../../store/credentials.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';

/** Of one server: one reads what belongs to the whole of it, the others read databases side by side. */
const CONNECTIONS = 4;

interface Look {
  serverName: string;
  caller: Caller;
}

/** Which databases are read with the server, over how many connections. */
export interface LookScope {
  connections: number;
  /** False leaves the server's parameters out. */
  parameters?: boolean;
  databases(cluster: ObservedServer): readonly DatabaseScope[];
}

/** Every database that accepts connections, templates left out. */
export const everyDatabase: LookScope = {
  connections: CONNECTIONS,
  databases: (cluster) =>
    [...cluster.databases.values()]
      .filter(({ allowConnections, isTemplate }) => allowConnections && !isTemplate)
      .map(({ name }) => whole(name)),
};

/** The whole of the named databases. */
export function databasesNamed(names: readonly string[]): LookScope {
  return { connections: Math.min(CONNECTIONS, 1 + names.length), databases: () => names.map(whole) };
}

/** Nothing but what belongs to the whole server. */
export const noDatabase: LookScope = { connections: 1, databases: () => [] };

const whole = (name: string): DatabaseScope => {
  return { name, schemas: undefined, systemSchemas: [], columnNames: true, ownedSequences: true };
};

/** Reads a server as it is now. */
export function lookAt(deps: ApiDeps, look: Look, scope: LookScope): Promise<ObservedServer> {
  return withLease(deps, look, scope, async (lease) => {
    const { cluster } = await readServer(lease, look, scope);
    return readDatabases(lease, cluster, scope);
  });
}

/** The plan of a document on a server as it is now. @throws ApiError 400 listing every problem */
export function planNow(
  deps: ApiDeps,
  look: Look,
  request: {
    document: AccessDocument;
    passwords: ReadonlyMap<string, SubmittedPassword>;
    /** Read every database, so that the effect of memberships is known everywhere; else those of the document, as a whole. */
    impact: 'documented' | 'all';
  },
): Promise<Plan> {
  const { document, passwords } = request;
  const mentioned = new Map(documentScope(document).map((scope) => [scope.name, { ...scope, schemas: undefined }]));
  const named = [...mentioned.values()];
  const parameters = mentionsSettings(document);
  const scope: LookScope =
    request.impact === 'documented'
      ? { parameters, connections: Math.min(CONNECTIONS, 1 + named.length), databases: () => named }
      : {
          parameters,
          connections: CONNECTIONS,
          databases: (cluster) => [
            ...named,
            ...everyDatabase.databases(cluster).filter(({ name }) => !mentioned.has(name)),
          ],
        };
  return withLease(deps, look, scope, async (lease) => {
    const { client, cluster } = await readServer(lease, look, scope);
    const { onRead, finish } = planWhileReading(
      begin(deps, { client, cluster, document, passwords, caller: look.caller }),
    );
    const planned = await finish(await readDatabases(lease, cluster, scope, onRead));
    if (!planned.ok) throw invalidInput(planned.problems);
    const { plan } = planned;
    return { ...plan, impact: { ...plan.impact, sessions: await openSessions(client, plan) } };
  });
}

async function begin(
  deps: ApiDeps,
  {
    client,
    cluster,
    document,
    passwords,
    caller,
  }: {
    client: pg.ClientBase;
    cluster: ObservedServer;
    document: AccessDocument;
    caller: Caller;
    passwords: ReadonlyMap<string, SubmittedPassword>;
  },
): Promise<Planning> {
  const { name: serverName } = cluster;
  const [foreign, changed] = await Promise.all([
    foreignRoles(deps.db, serverName),
    changedPasswords(client, {
      observed: cluster,
      passwords,
      sealer: deps.sealer,
      fingerprints: (roles) => passwordFingerprints(deps.db, { serverName, roles }),
    }),
  ]);
  return beginPlanOn({
    document,
    observed: cluster,
    changedPasswords: changed,
    foreign,
    withoutAdminRole: !caller.isAdmin,
    impact: computeImpact,
  });
}

const SESSIONS_SQL = `SELECT usename AS role, count(*)::int AS sessions FROM pg_stat_activity
  WHERE usename = ANY ($1) AND pid <> pg_backend_pid() GROUP BY usename ORDER BY usename`;

/** Sessions of those whom a plan concerns: what it takes from them, an open session may keep. */
async function openSessions(client: pg.ClientBase, { impact }: Plan): Promise<{ role: string; sessions: number }[]> {
  const concerned = new Set([...impact.roles, ...impact.lost.flatMap(({ logins }) => logins)]);
  if (concerned.size === 0) return [];
  const { rows } = await client.query<{ role: string; sessions: number }>(SESSIONS_SQL, [[...concerned]]);
  return rows;
}

async function readServer(lease: ConnectionLease, { serverName }: Look, { parameters = true }: LookScope) {
  const { client } = await lease.connect();
  return { client, cluster: await observeCluster(client, { serverName, parameters }) };
}

function readDatabases(
  lease: ConnectionLease,
  cluster: ObservedServer,
  scope: LookScope,
  onRead?: PlanWhileReading['onRead'],
): Promise<ObservedServer> {
  const reading = { cluster, scopes: scope.databases(cluster), parallel: scope.connections - 1 };
  return observeDatabases(lease, { ...reading, ...(onRead === undefined ? {} : { onRead }) });
}

async function withLease<T>(
  deps: ApiDeps,
  look: Look,
  { connections }: LookScope,
  work: (lease: ConnectionLease) => Promise<T>,
): Promise<T> {
  const server = await deps.targets.get(look.serverName);
  const session = {
    applicationName: `pgsteward:${look.caller.requestId}`.slice(0, 63),
    doing: `reading server ${look.serverName}`,
  };
  return server.reserve(session, connections, work);
}
