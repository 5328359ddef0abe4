import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
  return address.port;
}

/** Place of this file among those that run at once, from 1 on. */
const testWorker = () => Number(process.env.VITEST_POOL_ID ?? '1');

/**
 * A block of service ports for one test file, by its place among the files that run at once. Below the range from which
 * the system hands out ports by itself, so that a chosen port stays free.
 */
export async function servicePortRange(): Promise<{ first: number; last: number }> {
  const slot = testWorker() + (process.pid % 50) * 4;
  const first = 18_000 + (slot % 200) * 40;
  return { first, last: first + 39 };
}

/** Ports above those blocks that each worker of Vitest has to itself, for files that need more of them or several ranges. */
const WIDE = { first: 26_000, each: 1_300, workers: 3 } as const;

/**
 * A range of service ports as settings have it, that no file which runs at the same time uses.
 * @param from place within the ports of this worker, where a file needs several ranges
 */
export function widePortRange(count: number, from = 0): string {
  if (from + count > WIDE.each) throw new RangeError(`a file has ${WIDE.each} ports`);
  const worker = (testWorker() - 1) % WIDE.workers;
  const first = WIDE.first + worker * WIDE.each + from;
  return `${first}-${first + count - 1}`;
}
