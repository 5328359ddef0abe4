import type { Rule } from '../context.ts';
import { listed } from '../problems.ts';
import type { DatabaseSpec } from '../types.ts';

/** Hosts that are registered, have a server, and run the version asked for. */
export const hostsRule: Rule = function* ({ spec }, { knownHosts, serverMajors }) {
  if (knownHosts === undefined) return;
  const unknown = [...hostsOf(spec)].filter((hostId) => !knownHosts.has(hostId)).sort();
  if (unknown.length > 0) {
    // The contract's words, without a path.
    yield { path: '', message: `failed to validate database spec: got invalid host ids: ${listed(unknown)}` };
  }

  for (const [i, node] of spec.nodes.entries()) {
    for (const [j, hostId] of node.host_ids.entries()) {
      if (!knownHosts.has(hostId) || serverMajors === undefined) continue;
      const path = `nodes[${i}].host_ids[${j}]`;
      const major = serverMajors.get(hostId);
      const wanted = node.postgres_version ?? spec.postgres_version;
      if (major === undefined) {
        yield { path, message: 'this host has no PostgreSQL server' };
      } else if (wanted !== undefined && Number.parseInt(wanted, 10) !== major) {
        const member = node.postgres_version === undefined ? 'postgres_version' : `nodes[${i}].postgres_version`;
        yield {
          path: member,
          message: `host ${hostId} runs PostgreSQL ${major}, not ${wanted}; an existing server keeps its version`,
        };
      }
    }
  }
};

function hostsOf({ nodes, services = [] }: DatabaseSpec): Set<string> {
  return new Set([...nodes, ...services].flatMap(({ host_ids }) => host_ids));
}
