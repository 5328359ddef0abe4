import type { ServerTopology } from '../../platform/target/topology.ts';
import type { Queryable } from '../../store/connection.ts';
import { type HostRecord, listHosts } from '../../store/hosts.ts';
import { listServers, type ServerRecord } from '../../store/servers.ts';

/** Hosts by id and their servers by name: what databases are judged by and rendered with. */
export interface Surroundings {
  hosts: ReadonlyMap<string, HostRecord>;
  servers: ReadonlyMap<string, ServerRecord>;
  /** What servers say of their endpoints, by name; a server that could not be asked in time is missing. */
  topologies?: ReadonlyMap<string, ServerTopology>;
}

/** Two queries, whatever the number of databases. */
export async function surroundings(db: Queryable): Promise<Surroundings> {
  const hosts = await listHosts(db);
  const servers = await listServers(
    db,
    hosts.flatMap((host) => host.serverName ?? []),
  );
  return {
    hosts: new Map(hosts.map((host) => [host.id, host])),
    servers: new Map(servers.map((server) => [server.name, server])),
  };
}

/** The PostgreSQL server of a host, where it has one. */
export function serverOfHost({ hosts, servers }: Surroundings, hostId: string): ServerRecord | undefined {
  return servers.get(hosts.get(hostId)?.serverName ?? '');
}
