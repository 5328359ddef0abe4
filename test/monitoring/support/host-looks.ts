import type { WorkerInterceptors } from '@temporalio/worker';
import { judgeAnswer } from '../../../domain/postgrest/answer.ts';
import type { ServiceObservation } from '../../../domain/services.ts';
import { probeHttp } from '../../../platform/runtime/http-probe.ts';

/** Well below the time in which a host has to answer. */
const PROBE_TIMEOUT_MS = 500;

/**
 * For a host worker that does not look at its services by itself: adds to its answer what a request to each of them finds.
 * What the worker says itself is left as it is.
 */
export const HOST_LOOKS: NonNullable<WorkerInterceptors['activity']> = [
  (context) => ({
    inbound: {
      async execute(input, next) {
        const answer = await next(input);
        if (context.info.activityType !== 'describeHost') return answer;
        const { services, ...rest } = answer as { services: ServiceObservation[] };
        return { ...rest, services: await Promise.all(services.map(looked)) };
      },
    },
  }),
];

async function looked(service: ServiceObservation): Promise<ServiceObservation> {
  if (service.health !== undefined || !service.running) return service;
  const target = { address: '127.0.0.1', port: service.port, method: 'GET', path: '/' } as const;
  const answer = judgeAnswer(await probeHttp({ ...target, timeoutMs: PROBE_TIMEOUT_MS }));
  const found = answer.state === 'pending' ? { healthy: false, message: answer.reason } : { healthy: true };
  return { ...service, health: { ...found, checkedAt: new Date().toISOString() } };
}
