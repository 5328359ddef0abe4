import type { Problem } from '../../domain/spec/problems.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { type HeldPort, portsHeldByOthers } from '../../store/ports.ts';
import type { ApiDeps } from '../deps.ts';
import { proposeCandidates } from './candidate-ports.ts';
import { probePorts } from './probe-ports.ts';

/** An instance that needs a port. */
export interface PortWish {
  serviceIndex: number;
  serviceId: string;
  hostId: string;
  /** False where the specification names no port. */
  published: boolean;
  /** Port that the specification names; without one, any of the control plane's range will do. */
  fixedPort?: number;
}

/** A port that an instance will get, with the admin port after it. */
export interface ChosenPort extends Omit<PortWish, 'fixedPort'> {
  port: number;
  /** Named in the specification, so that it cannot be exchanged for another one. */
  fixed: boolean;
}

/**
 * Finds a port for every instance: the one asked for, or a free pair of the control plane's range. Ports of other
 * databases are known; which ones other processes hold, the hosts are asked (R21). A host that does not answer is not
 * waited for.
 */
export async function choosePorts(
  deps: ApiDeps,
  input: { databaseId: string; spec: DatabaseSpec },
): Promise<{ chosen: ChosenPort[]; problems: Problem[] }> {
  const wishes = wishesOf(input.spec);
  if (wishes.length === 0) return { chosen: [], problems: [] };
  const fixed = wishes.flatMap((wish) => (wish.fixedPort === undefined ? [] : [{ ...wish, port: wish.fixedPort }]));
  const [held, candidates] = await Promise.all([
    portsHeldByOthers(deps.db, { databaseId: input.databaseId, claims: fixed }),
    proposeCandidates(deps, wishes),
  ]);
  const hostIds = [...new Set(wishes.map(({ hostId }) => hostId))];
  const busy = await probePorts(
    deps,
    hostIds.map((hostId) => {
      const named = fixed.flatMap((wish) => (wish.hostId === hostId ? wish.port : []));
      return { hostId, ports: [...named, ...(candidates.get(hostId) ?? [])] };
    }),
  );

  const chosen: ChosenPort[] = [];
  const problems: Problem[] = [];
  for (const { fixedPort, ...wish } of wishes) {
    const { hostId } = wish;
    const blocked = busy.get(hostId) ?? new Set();
    const isFree = (port: number) => !blocked.has(port) && !blocked.has(port + 1);
    const port = fixedPort ?? takeFirst(candidates.get(hostId) ?? [], isFree);
    if (port === undefined) {
      const { first, last } = deps.portRange;
      const message = `no free pair of ports is left between ${first} and ${last} on host ${hostId}`;
      problems.push({ path: portPath(wish), message });
      continue;
    }
    const choice = { ...wish, port, fixed: fixedPort !== undefined };
    const heldProblems = heldPortProblem(choice, held);
    problems.push(...heldProblems);
    if (heldProblems.length === 0 && !isFree(port)) {
      const which = blocked.has(port) ? port : port + 1;
      problems.push({ path: portPath(wish), message: `port ${which} on host ${hostId} is in use by another process` });
    }
    chosen.push(choice);
  }
  return { chosen, problems };
}

/** Why an instance cannot have its port, if another database has that one or the next. */
export function heldPortProblem(choice: ChosenPort, held: readonly HeldPort[]): Problem[] {
  const { hostId, port } = choice;
  const holder = held.find((other) => other.hostId === hostId && (other.port === port || other.port === port + 1));
  if (holder === undefined) return [];
  const message = `port ${holder.port} on host ${hostId} is used by a service of database "${holder.heldBy}"`;
  return [{ path: portPath(choice), message }];
}

function portPath({ serviceIndex }: { serviceIndex: number }): string {
  return `services[${serviceIndex}].port`;
}

function wishesOf(spec: DatabaseSpec): PortWish[] {
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

/** The first port that is free; it is taken out of the list. */
function takeFirst(ports: number[], isFree: (port: number) => boolean): number | undefined {
  const index = ports.findIndex(isFree);
  return index < 0 ? undefined : ports.splice(index, 1)[0];
}
