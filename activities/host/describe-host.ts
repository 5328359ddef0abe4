import { availableParallelism, totalmem } from 'node:os';
import type { HostFacts, ServiceObservation } from '../../domain/services.ts';
import type { HostContext } from './context.ts';
import { healthOf, hostServices } from './health.ts';
import { observation } from './observation.ts';
import { postgresFacts } from './postgres/facts.ts';

/** See {@link HostActivities.describeHost}. An engine that does not answer is a fact, not a failure. */
export async function describeHost(
  context: HostContext,
): Promise<{ facts: HostFacts; services: ServiceObservation[] }> {
  const { runtime, hostId, workerId, dataDir, addresses } = context;
  const engine = await runtime.health();
  const [services, postgrestVersions] = engine.healthy
    ? await Promise.all([hostServices(context), runtime.availableVersions()])
    : [[], []];
  return {
    facts: {
      hostId,
      workerId,
      runtime: runtime.kind,
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
      dataDir,
      addresses: [...addresses],
      components: { [runtime.kind]: engine },
      postgrestVersions,
      ...(context.postgres === undefined ? {} : { postgres: postgresFacts(context.postgres) }),
    },
    services: await Promise.all(
      services.map(async (service) => {
        const health = await healthOf(context, service);
        return { ...observation(service.state), ...(health !== undefined && { health }) };
      }),
    ),
  };
}
