import type { ServiceHealth } from '../../domain/services.ts';
import type { ServiceState } from '../../platform/runtime/service-runtime.ts';
import { askRoot } from './ask-root.ts';
import type { HostContext } from './context.ts';

/**
 * A service that needs longer for its own description counts as not answering. Below the bound of the liveness check, in
 * which a host without earlier looks has to answer.
 */
const ANSWER_WITHIN_MS = 1_500;
/** A look is taken every few seconds; an older one says nothing about now. */
const KEPT_MS = 15_000;

/** What the last look at each instance found. */
export interface HealthRecords {
  /** Undefined when there was no look, or only one that is too old. */
  of(instanceId: string): ServiceHealth | undefined;
  note(instanceId: string, health: ServiceHealth): void;
  /** The instance has changed: what was seen before says nothing about it. */
  forget(instanceId: string): void;
}

export function createHealthRecords(): HealthRecords {
  const looks = new Map<string, { health: ServiceHealth; at: number }>();
  return {
    of(instanceId) {
      const look = looks.get(instanceId);
      return look !== undefined && performance.now() - look.at < KEPT_MS ? look.health : undefined;
    },
    note: (instanceId, health) => void looks.set(instanceId, { health, at: performance.now() }),
    forget: (instanceId) => void looks.delete(instanceId),
  };
}

/** A service of this host: what its runtime says, and where it listens if the host has a record of it. */
export interface HostService {
  state: ServiceState;
  address?: string;
}

/** Each instance once: the unit that its record names, which is the only one that serves. */
export async function hostServices({ runtime, records }: HostContext): Promise<HostService[]> {
  const [states, launches] = await Promise.all([runtime.list(), records.list()]);
  const recorded = new Map(launches.map((launch) => [launch.instanceId, launch]));
  return states.flatMap((state) => {
    const launch = recorded.get(state.instanceId);
    if (launch === undefined) return [{ state }];
    return launch.unit === state.unit ? [{ state, address: launch.address }] : [];
  });
}

/** A look at every instance of this host, side by side. */
export async function lookAtHealth(context: HostContext): Promise<void> {
  const services = await hostServices(context);
  await Promise.all(
    services.map(async (service) => {
      const health = await check(service);
      if (health !== undefined) context.health.note(service.state.instanceId, health);
    }),
  );
}

/**
 * How a service does: as of the last look, unless its runtime knows by now that it does not run, or there was no look.
 * Undefined for one without a record, which is nobody's to judge.
 */
export async function healthOf(context: HostContext, service: HostService): Promise<ServiceHealth | undefined> {
  const { instanceId, running } = service.state;
  const known = running ? context.health.of(instanceId) : undefined;
  if (known !== undefined) return known;
  const health = await check(service);
  if (health !== undefined) context.health.note(instanceId, health);
  return health;
}

async function check({ state, address }: HostService): Promise<ServiceHealth | undefined> {
  if (address === undefined) return undefined;
  if (!state.running) return unhealthy(notRunning(state));
  const answer = await askRoot({ address, port: state.port }, { timeoutMs: ANSWER_WITHIN_MS });
  // A refused anonymous role is an answer: requests with a token are served.
  return answer.state === 'pending'
    ? unhealthy(`it does not answer requests: ${answer.reason}`)
    : { healthy: true, checkedAt: new Date().toISOString() };
}

function notRunning({ restarting }: ServiceState): string {
  return restarting ? 'it has ended by itself and is being started again' : 'it does not run';
}

function unhealthy(message: string): ServiceHealth {
  return { healthy: false, message, checkedAt: new Date().toISOString() };
}
