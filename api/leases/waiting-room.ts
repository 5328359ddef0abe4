import { ApiError } from '../errors.ts';

/** Bounds how many requests of one server wait in this process: more would only wait longer. */
export interface WaitingRoom {
  /** @throws ApiError 429 */
  enter<T>(serverName: string, work: () => Promise<T>): Promise<T>;
}

const COME_BACK_SECONDS = 1;

export function createWaitingRoom(seats: number): WaitingRoom {
  const taken = new Map<string, number>();
  return {
    async enter(serverName, work) {
      const before = taken.get(serverName) ?? 0;
      if (before >= seats) {
        throw new ApiError(
          'too_many_requests',
          `${before} requests for leases of server "${serverName}" are waiting already; try again in ${COME_BACK_SECONDS} s`,
          { headers: { 'Retry-After': String(COME_BACK_SECONDS) } },
        );
      }
      taken.set(serverName, before + 1);
      try {
        return await work();
      } finally {
        const left = (taken.get(serverName) ?? 1) - 1;
        if (left === 0) taken.delete(serverName);
        else taken.set(serverName, left);
      }
    },
  };
}
