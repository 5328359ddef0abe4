import type { z } from '@hono/zod-openapi';
import type { HostCheck } from '../../domain/services.ts';
import type { HostRecord } from '../../store/hosts.ts';
import type { hostSchema } from '../schemas/host.ts';
import { timestamp } from '../time.ts';

type Host = z.infer<typeof hostSchema>;

/** A host as it answered now; what it said when it joined where it did not answer. */
export function renderHost(host: HostRecord, check: HostCheck | undefined): Host {
  const facts = check?.facts ?? host.facts;
  const addresses = facts?.addresses ?? [];
  return {
    id: host.id,
    // The contract knows one orchestrator; clients compare this text.
    orchestrator: 'swarm',
    data_dir: facts?.dataDir ?? '',
    peer_addresses: addresses,
    client_addresses: addresses,
    ...(facts == null ? {} : { cpus: facts.cpus, memory: `${Math.round(facts.memoryBytes / 1e9)}GB` }),
    status: {
      state: stateOf(check),
      updated_at: timestamp(check?.checkedAt ?? host.joinedAt ?? new Date(0)),
      components: facts?.components ?? {},
    },
  };
}

/** Unknown: nobody could ask. Unreachable: asked, and no answer. Degraded: there, with a part that is not well. */
function stateOf(check: HostCheck | undefined): Host['status']['state'] {
  if (check === undefined) return 'unknown';
  if (check.facts === undefined) return 'unreachable';
  return Object.values(check.facts.components).every((component) => component.healthy) ? 'healthy' : 'degraded';
}
