import { randomInt } from 'node:crypto';
import { takenPorts } from '../../store/ports.ts';
import type { ApiDeps } from '../deps.ts';
import type { PortWish } from './port-wishes.ts';

/** Free pairs proposed to a host beyond those needed: enough to step around foreign processes. */
const SPARE = 8;

/**
 * First ports of free pairs, by host, for the instances that name no port; at random, so that concurrent requests seldom
 * want the same.
 */
export async function proposeCandidates(
  deps: Pick<ApiDeps, 'db' | 'portRange'>,
  wishes: readonly PortWish[],
): Promise<Map<string, number[]>> {
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
      return [hostId, sample(free, own.length + SPARE)] as const;
    }),
  );
  return new Map(proposals);
}

/** Some of the values, in random order. */
function sample(values: readonly number[], count: number): number[] {
  const left = [...values];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(randomInt(left.length), 1)).flat();
}
