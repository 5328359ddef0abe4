import type { ServiceObservation } from '../../domain/services.ts';
import type { ServiceState } from '../../platform/runtime/service-runtime.ts';

/** What a host reports about an instance. */
export function observation({ restarting: _restarting, unit: _unit, ...reported }: ServiceState): ServiceObservation {
  return reported;
}
