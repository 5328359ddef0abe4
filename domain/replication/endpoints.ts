import type { HostFacts } from '../services.ts';

/** One address of a registered server. */
export interface ReplicationEndpoint {
  address: string;
  port: number;
}

/** What is known of a host that matters here. */
export interface ServerHost {
  id: string;
  facts: Pick<HostFacts, 'addresses' | 'postgres'> | null;
}

/** The endpoint of a server that is on a host, or why it cannot be told. */
export type LocatedEndpoint = { endpoint: ReplicationEndpoint } | { problem: string };

/**
 * Which endpoint of a server is on a host: the one that the host worker was told, else the one at an address of the host. A
 * server with one endpoint is wherever it is said to be: there is nothing to tell apart.
 */
export function locateEndpoint(host: ServerHost, endpoints: readonly ReplicationEndpoint[]): LocatedEndpoint {
  const told = host.facts?.postgres?.endpoint;
  if (told !== undefined) {
    const endpoint = endpoints.find((candidate) => isSame(candidate, told));
    if (endpoint !== undefined) return { endpoint };
    return { problem: `its endpoint ${label(told)} (PGSTEWARD_HOST_POSTGRES_ENDPOINT) is none of the registered ones` };
  }
  const [only, ...others] = endpoints;
  if (only !== undefined && others.length === 0) return { endpoint: only };
  const addresses = host.facts?.addresses ?? [];
  const [first, second] = endpoints.filter(({ address }) => addresses.includes(address));
  if (first === undefined) return { problem: 'none of the registered endpoints is at one of its addresses' };
  if (second === undefined) return { endpoint: first };
  return { problem: 'several registered endpoints are at its addresses; set PGSTEWARD_HOST_POSTGRES_ENDPOINT' };
}

/** The same endpoints, the one on a host first: a service asks its own machine before others. */
export function coLocatedFirst(
  host: ServerHost,
  endpoints: readonly ReplicationEndpoint[],
): readonly ReplicationEndpoint[] {
  const located = locateEndpoint(host, endpoints);
  if (!('endpoint' in located)) return endpoints;
  const { endpoint } = located;
  return [endpoint, ...endpoints.filter((other) => other !== endpoint)];
}

export function isSame(a: ReplicationEndpoint, b: ReplicationEndpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

/** For people: `10.0.0.5:5432`. */
export function label({ address, port }: ReplicationEndpoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
