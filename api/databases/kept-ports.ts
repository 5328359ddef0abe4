import type { Problem } from '../../domain/spec/problems.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import type { InstanceRecord } from '../../store/instances.ts';
import { type ChosenPort, type PortWish, portPath } from './port-wishes.ts';

/** Ports of a database before it is changed. */
export interface PortsBefore {
  spec: DatabaseSpec;
  instances: readonly InstanceRecord[];
}

/**
 * Ports that instances keep: the number that they have, where it is asked for again or none is named. A service whose number was
 * named and that is not published any more gives it back.
 */
export function keepPorts(
  wishes: readonly PortWish[],
  before: PortsBefore | undefined,
): { kept: ChosenPort[]; wishes: PortWish[] } {
  if (before === undefined) return { kept: [], wishes: [...wishes] };
  const named = new Map(before.spec.services?.map(({ service_id, port }) => [service_id, port ?? 0]));
  const kept: ChosenPort[] = [];
  const others: PortWish[] = [];
  for (const wish of wishes) {
    const running = before.instances.find(
      ({ serviceId, hostId }) => serviceId === wish.serviceId && hostId === wish.hostId,
    );
    const givenBack = !wish.published && (named.get(wish.serviceId) ?? 0) > 0;
    const keeps =
      running !== undefined && (wish.fixedPort === undefined ? !givenBack : wish.fixedPort === running.port);
    const { fixedPort, ...place } = wish;
    if (keeps) kept.push({ ...place, port: running.port, fixed: fixedPort !== undefined });
    else others.push(wish);
  }
  return { kept, wishes: others };
}

/** A port that another service of the same database has until the update is done. */
export function ownPortProblem(wish: PortWish & { port: number }, before: PortsBefore | undefined): Problem[] {
  const holder = before?.instances.find(
    ({ serviceId, hostId, port }) =>
      hostId === wish.hostId && serviceId !== wish.serviceId && Math.abs(port - wish.port) <= 1,
  );
  if (holder === undefined) return [];
  const message = `port ${wish.port} on host ${wish.hostId} is used by service "${holder.serviceId}" of this database until it has moved; change the two services in two updates`;
  return [{ path: portPath(wish), message }];
}
