import type { DatabaseSpec } from '../../domain/spec/types.ts';
import type { ServerTopology } from '../../platform/target/topology.ts';
import { type Surroundings, serverOfHost } from '../databases/surroundings.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * The same surroundings, with what the servers of these databases' hosts say of themselves now. They are asked side by side, and
 * once for all requests of the same two seconds.
 */
export async function withTopologies(
  deps: Pick<ApiDeps, 'targets'>,
  around: Surroundings,
  specs: readonly Pick<DatabaseSpec, 'nodes'>[],
): Promise<Surroundings> {
  const hostIds = new Set(specs.flatMap(({ nodes }) => nodes.flatMap((node) => node.host_ids)));
  const names = new Set([...hostIds].flatMap((hostId) => serverOfHost(around, hostId)?.name ?? []));
  const topologies = new Map<string, ServerTopology>();
  await Promise.all(
    [...names].map(async (name) => {
      const topology = await deps.targets.topology(name);
      if (topology !== undefined) topologies.set(name, topology);
    }),
  );
  return { ...around, topologies };
}
