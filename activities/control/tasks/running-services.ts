import type { ServiceObservation } from '../../../domain/services.ts';
import type { HostRecord } from '../../../store/hosts.ts';
import type { RunningInstance } from '../../../store/instances.ts';

/** What is recorded of services that have just answered a request. */
export function statusesOf(services: readonly ServiceObservation[], hosts: readonly HostRecord[]): RunningInstance[] {
  const now = new Date().toISOString();
  const byId = new Map(hosts.map((host) => [host.id, host]));
  return services.map((service) => {
    const hostId = service.instanceId.slice(`${service.databaseId}-${service.serviceId}-`.length);
    return {
      id: service.instanceId,
      version: service.version,
      status: {
        containerId: service.containerId,
        image: service.image,
        addresses: byId.get(hostId)?.facts?.addresses ?? [],
        healthy: true,
        checkedAt: now,
        lastHealthyAt: now,
      },
    };
  });
}
