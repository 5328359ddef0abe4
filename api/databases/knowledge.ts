import type { SpecContext } from '../../domain/spec/context.ts';
import { TRUSTED_EXTENSIONS } from '../../domain/spec/extensions.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { rolesOfOthers } from '../../store/credentials.ts';
import { type HostRecord, listHosts } from '../../store/hosts.ts';
import { listServers, type ServerRecord } from '../../store/servers.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { lookAtServer, type ServerLook } from './server-look.ts';

/** Everything that a request is judged by, read before it is judged. */
export interface Knowledge {
  context: SpecContext;
  /** Joined hosts, by id. */
  hosts: ReadonlyMap<string, HostRecord>;
  /** Servers of the nodes, in the order of the nodes. */
  nodeServers: { nodeName: string; server: ServerRecord }[];
  /** What the servers themselves say; a server that does not answer in time is missing: the workflow will wait for it. */
  looks: ReadonlyMap<string, ServerLook>;
}

/** Reads hosts, servers and the servers' own state for one request. */
export async function gatherKnowledge(
  deps: ApiDeps,
  input: { caller: Caller; databaseId: string; spec: DatabaseSpec },
): Promise<Knowledge> {
  const { spec, databaseId } = input;
  const hosts = new Map((await listHosts(deps.db)).map((host) => [host.id, host]));
  const serverNames = [...hosts.values()].flatMap((host) => host.serverName ?? []);
  const servers = new Map((await listServers(deps.db, serverNames)).map((server) => [server.name, server]));
  const serverOf = (hostId: string | undefined) => servers.get(hosts.get(hostId ?? '')?.serverName ?? '');
  const nodeServers = spec.nodes.flatMap((node) => {
    const server = serverOf(node.host_ids[0]);
    return server === undefined ? [] : [{ nodeName: node.name, server }];
  });
  const used = [...new Set(nodeServers.map(({ server }) => server.name))];
  const names = namedRoles(spec);
  const [looks, foreignRoles] = await Promise.all([
    Promise.all(
      used.map(
        async (name) =>
          [name, await lookAtServer(deps, { server: name, roles: names, database: spec.database_name })] as const,
      ),
    ),
    rolesOfOthers(deps.db, { serverNames: used, roleNames: names, databaseId }),
  ]);
  const known = new Map(looks.flatMap(([name, look]) => (look === undefined ? [] : [[name, look] as const])));
  return {
    hosts,
    nodeServers,
    looks: known,
    context: {
      databaseId,
      callerIsAdmin: input.caller.isAdmin,
      usersWithPassword: new Set(),
      allowedExtensions: TRUSTED_EXTENSIONS,
      parseSql: deps.parseSql,
      knownHosts: new Set([...hosts.values()].filter((host) => host.facts !== null).map((host) => host.id)),
      serverMajors: new Map(
        [...hosts.keys()].flatMap((hostId) => {
          const server = serverOf(hostId);
          return server === undefined ? [] : [[hostId, Math.floor(server.versionNum / 10_000)] as const];
        }),
      ),
      superusers: new Set([...known.values()].flatMap((look) => look.superusers)),
      foreignRoles: new Set(foreignRoles),
      allowListedRoles: deps.allowedRoles,
    },
  };
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
