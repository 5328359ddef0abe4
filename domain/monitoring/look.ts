import type { HostCheck, ServiceObservation } from '../services.ts';

/** What one look at an instance found. Unknown is neither: nobody could tell. */
export type Health = 'healthy' | 'unhealthy' | 'unknown';

/** What a host said about one instance, or why it said nothing. */
export interface InstanceLook {
  health: Health;
  /** Why not healthy; for people. */
  message?: string;
  /** The container or process, stopped ones included; absent where there is none or nobody could tell. */
  service?: ServiceObservation;
  addresses?: string[];
}

/**
 * What a check of its host says about an instance. A host that is silent, or whose container engine is, knows nothing of
 * its services: that is no reason to call them missing.
 */
export function lookAt(of: { instanceId: string; hostId: string }, check: HostCheck | undefined): InstanceLook {
  const facts = check?.facts;
  if (check === undefined || facts === undefined) {
    return { health: 'unknown', message: `host ${of.hostId} does not answer` };
  }
  const engine = facts.components[facts.runtime];
  if (engine?.healthy === false) {
    return { health: 'unknown', message: `host ${of.hostId} cannot look: ${engine.error ?? 'its engine is not well'}` };
  }
  const service = check.services?.find(({ instanceId }) => instanceId === of.instanceId);
  const addresses = facts.addresses;
  if (service === undefined) {
    return { health: 'unhealthy', message: `there is no container or process of it on host ${of.hostId}`, addresses };
  }
  return { ...judged(service), service, addresses };
}

function judged({ running, health, startedAt }: ServiceObservation): Pick<InstanceLook, 'health' | 'message'> {
  if (!running) return { health: 'unhealthy', message: 'its container or process does not run' };
  if (health === undefined) return { health: 'unknown', message: 'its host does not say whether it serves requests' };
  // Both by the host's clock: what was seen before this process started was its predecessor.
  if (Date.parse(health.checkedAt) < Date.parse(startedAt)) {
    return { health: 'unknown', message: 'its host has not looked since it was started' };
  }
  if (health.healthy) return { health: 'healthy' };
  return { health: 'unhealthy', message: health.message ?? 'it does not serve requests' };
}
