import type { SpecContext } from '../../domain/spec/context.ts';
import { TRUSTED_EXTENSIONS } from '../../domain/spec/extensions.ts';
import { nameProblem } from '../../domain/spec/text.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { rolesOfOthers } from '../../store/credentials.ts';
import type { HostRecord } from '../../store/hosts.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { mayUse } from '../access/may-use.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { withTopologies } from '../nodes/topologies.ts';
import { lookAtServers, type ServerLook } from './server-look.ts';
import { type Surroundings, serverOfHost, surroundings } from './surroundings.ts';

/** Everything that a request is judged by, read before it is judged. */
export interface Knowledge {
  context: SpecContext;
  around: Surroundings;
  /** Servers of the nodes, in the order of the nodes. */
  nodeServers: { nodeName: string; server: ServerRecord }[];
  /** What the servers themselves say; a server that does not answer in time is missing: the workflow will wait for it. */
  looks: ReadonlyMap<string, ServerLook>;
}

/** Reads hosts, servers and the servers' own state for one request. */
export async function gatherKnowledge(
  deps: ApiDeps,
  input: {
    caller: Caller;
    databaseId: string;
    spec: DatabaseSpec;
    /** Users whose password is kept from before; see {@link SpecContext}. */
    usersWithPassword?: ReadonlySet<string>;
    /** Hosts that the database is on already. */
    ownHosts?: ReadonlySet<string>;
  },
): Promise<Knowledge> {
  const { spec, databaseId } = input;
  const known = visibleTo(input, await surroundings(deps.db));
  const nodeServers = spec.nodes.flatMap(({ name: nodeName, host_ids: [primary = ''] }) => {
    const server = serverOfHost(known, primary);
    return server === undefined ? [] : [{ nodeName, server }];
  });
  const serverNames = [...new Set(nodeServers.map(({ server }) => server.name))];
  const roleNames = namedRoles(spec).map(storable);
  const [around, looks, foreignRoles] = await Promise.all([
    withTopologies(deps, known, [spec]),
    lookAtServers(deps, { serverNames, roleNames, databaseName: storable(spec.database_name) }),
    rolesOfOthers(deps.db, { serverNames, roleNames, databaseId: storable(databaseId) }),
  ]);
  const hosts = [...around.hosts.values()];
  return {
    around,
    nodeServers,
    looks,
    context: {
      databaseId,
      callerIsAdmin: isAdminOf(input.caller, serverNames),
      usersWithPassword: input.usersWithPassword ?? new Set(),
      allowedExtensions: TRUSTED_EXTENSIONS,
      parseSql: deps.parseSql,
      knownHosts: new Set(hosts.filter(({ facts }) => facts !== null).map(({ id }) => id)),
      serverMajors: new Map(
        hosts.flatMap(({ id }) => {
          const server = serverOfHost(around, id);
          return server === undefined ? [] : [[id, Math.floor(server.versionNum / 10_000)] as const];
        }),
      ),
      superusers: new Set([...looks.values()].flatMap((look) => look.superusers)),
      foreignRoles: new Set(foreignRoles),
      allowListedRoles: deps.allowedRoles,
    },
  };
}

/**
 * What a caller may build on: with servers in its scope, only hosts whose server is one of them, and hosts that the database is on
 * already. The others are as if they were not there (R6).
 */
function visibleTo(
  { caller, ownHosts }: { caller: Caller; ownHosts?: ReadonlySet<string> },
  known: Surroundings,
): Surroundings {
  if (caller.scope?.servers === undefined) return known;
  const isVisible = ({ id, serverName }: HostRecord) =>
    serverName === null || mayUse(caller, 'servers', serverName) || ownHosts?.has(id) === true;
  return { ...known, hosts: new Map([...known.hosts].filter(([, host]) => isVisible(host))) };
}

/** What needs the admin role reaches beyond a database, to all of its server: so that has to be in the scope, too. */
function isAdminOf(caller: Caller, serverNames: readonly string[]): boolean {
  return caller.isAdmin && serverNames.every((name) => mayUse(caller, 'servers', name));
}

/** Nothing is on record under a malformed name, and a server refuses to be asked for one with NUL: it becomes an empty one. */
function storable(name: string): string {
  return nameProblem(name) === undefined ? name : '';
}

/** Every role that the specification names. */
function namedRoles(spec: DatabaseSpec): string[] {
  const users = (spec.database_users ?? []).flatMap((user) => [user.username, ...(user.roles ?? [])]);
  const anonymous = (spec.services ?? []).flatMap((service) => {
    const role = service.config?.db_anon_role;
    return typeof role === 'string' ? [role] : [];
  });
  return [...new Set([...users, ...anonymous])];
}
