import type { SpecContext } from '../../domain/spec/context.ts';
import { TRUSTED_EXTENSIONS } from '../../domain/spec/extensions.ts';
import { nameProblem } from '../../domain/spec/text.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { rolesOfOthers } from '../../store/credentials.ts';
import type { ServerRecord } from '../../store/servers.ts';
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
  },
): Promise<Knowledge> {
  const { spec, databaseId } = input;
  const known = await surroundings(deps.db);
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
      callerIsAdmin: input.caller.isAdmin,
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
