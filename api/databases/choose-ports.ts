import { randomInt } from 'node:crypto';
import type { Problem } from '../../domain/spec/problems.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { takenPorts } from '../../store/ports.ts';
import type { probeHostPorts } from '../../workflows/hosts.ts';
import type { ApiDeps } from '../deps.ts';

/** A port that an instance will get, with the admin port after it. */
export interface ChosenPort {
  serviceIndex: number;
  serviceId: string;
  hostId: string;
  port: number;
  /** False where the specification names no port. */
  published: boolean;
  /** Named in the specification, so that it cannot be exchanged for another one. */
  fixed: boolean;
}

/** Free pairs proposed to a host for each port that is to be chosen: enough to step around foreign processes. */
const CANDIDATES = 8;
/** The hosts' answer adds to the caller's wait; without it the workflow finds out. */
const PROBE_DEADLINE_MS = 4_500;

/**
 * Finds a port for every instance: the one asked for, or a free pair of the control plane's range. The hosts are asked
 * which ports other processes hold (R21); a host that does not answer is not waited for.
 */
export async function choosePorts(
  deps: ApiDeps,
  input: { spec: DatabaseSpec; requestId: string },
): Promise<{ chosen: ChosenPort[]; problems: Problem[] }> {
  const wishes = wishesOf(input.spec);
  if (wishes.length === 0) return { chosen: [], problems: [] };
  const candidates = await proposeCandidates(deps, wishes);
  const busy = await askHosts(deps, input.requestId, wishes, candidates);
  const chosen: ChosenPort[] = [];
  const problems: Problem[] = [];
  for (const { fixedPort, ...wish } of wishes) {
    const blocked = busy.get(wish.hostId) ?? new Set();
    const isFree = (port: number) => !blocked.has(port) && !blocked.has(port + 1);
    const port = fixedPort ?? takeCandidate(candidates.get(wish.hostId) ?? [], isFree);
    const path = `services[${wish.serviceIndex}].port`;
    if (port === undefined) {
      const { first, last } = deps.portRange;
      problems.push({
        path,
        message: `no free pair of ports is left between ${first} and ${last} on host ${wish.hostId}`,
      });
    } else if (!isFree(port)) {
      const which = blocked.has(port) ? port : port + 1;
      problems.push({ path, message: `port ${which} on host ${wish.hostId} is in use by another process` });
    } else {
      chosen.push({ ...wish, port, fixed: fixedPort !== undefined });
    }
  }
  return { chosen, problems };
}

interface Wish {
  serviceIndex: number;
  serviceId: string;
  hostId: string;
  published: boolean;
  fixedPort?: number;
}

function wishesOf(spec: DatabaseSpec): Wish[] {
  return (spec.services ?? []).flatMap((service, serviceIndex) =>
    service.host_ids.map((hostId) => ({
      serviceIndex,
      serviceId: service.service_id,
      hostId,
      published: service.port !== undefined,
      ...(service.port === undefined || service.port === 0 ? {} : { fixedPort: service.port }),
    })),
  );
}

/** A few more free pairs of each host than are needed; at random, so that concurrent requests seldom want the same. */
async function proposeCandidates(deps: ApiDeps, wishes: readonly Wish[]): Promise<Map<string, number[]>> {
  const { first, last } = deps.portRange;
  const hostIds = [...new Set(wishes.filter((wish) => wish.fixedPort === undefined).map((wish) => wish.hostId))];
  const proposals = await Promise.all(
    hostIds.map(async (hostId) => {
      const own = wishes.filter((wish) => wish.hostId === hostId);
      const fixed = own.flatMap(({ fixedPort }) => (fixedPort === undefined ? [] : [fixedPort, fixedPort + 1]));
      const taken = new Set([...(await takenPorts(deps.db, { hostId, from: first, to: last })), ...fixed]);
      const free: number[] = [];
      for (let port = first; port < last; port += 2) {
        if (!taken.has(port) && !taken.has(port + 1)) free.push(port);
      }
      const pairs = sample(free, own.length + CANDIDATES);
      return [hostId, pairs] as const;
    }),
  );
  return new Map(proposals);
}

/** Some of the values, in random order. */
function sample(values: readonly number[], count: number): number[] {
  const left = [...values];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(randomInt(left.length), 1)).flat();
}

function takeCandidate(candidates: number[], isFree: (port: number) => boolean): number | undefined {
  const index = candidates.findIndex(isFree);
  return index < 0 ? undefined : candidates.splice(index, 1)[0];
}

async function askHosts(
  deps: ApiDeps,
  requestId: string,
  wishes: readonly Wish[],
  candidates: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, Set<number>>> {
  const hosts = [...new Set(wishes.map((wish) => wish.hostId))].map((hostId) => {
    const fixed = wishes.flatMap((wish) => (wish.hostId === hostId ? (wish.fixedPort ?? []) : []));
    return { hostId, ports: [...fixed, ...(candidates.get(hostId) ?? [])].flatMap((port) => [port, port + 1]) };
  });
  try {
    const answer = await deps.workflows.withDeadline(Date.now() + PROBE_DEADLINE_MS, () =>
      deps.workflows.execute<typeof probeHostPorts>('probeHostPorts', {
        workflowId: `probe-ports/${requestId}`,
        taskQueue: deps.taskQueue,
        args: [{ hosts }],
        workflowExecutionTimeout: PROBE_DEADLINE_MS,
        requestEagerStart: deps.eagerStart,
        staticSummary: `which of these ports are free on ${hosts.map((host) => host.hostId).join(', ')}?`,
      }),
    );
    return new Map(answer.hosts.map(({ hostId, busy }) => [hostId, new Set(busy)]));
  } catch (error) {
    deps.log.warn(
      { err: error, requestId },
      'hosts could not be asked for free ports before accepting; the workflow will',
    );
    return new Map();
  }
}
