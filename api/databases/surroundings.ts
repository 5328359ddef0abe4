import type { Queryable } from '../../store/connection.ts';
import { listHosts } from '../../store/hosts.ts';
import { listServers } from '../../store/servers.ts';
import type { Surroundings } from './render.ts';

/** Hosts and their servers, for rendering. Two queries, whatever the number of databases. */
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
