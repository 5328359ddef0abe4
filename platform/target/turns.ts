import pLimit from 'p-limit';

/** Runs work when its turn comes; whoever is aborted while waiting gives up at once, and its work never begins. */
export type TakeTurn = <T>(signal: AbortSignal | undefined, work: () => Promise<T>) => Promise<T>;

/** At most `size` pieces of work at a time, first come, first served. */
export function createTurns(size: number): TakeTurn {
  const limit = pLimit(size);
  return (signal, work) =>
    new Promise((resolve, reject) => {
      const giveUp = () => reject(signal?.reason);
      signal?.addEventListener('abort', giveUp, { once: true });
      limit(() => {
        signal?.removeEventListener('abort', giveUp);
        signal?.throwIfAborted();
        return work();
      }).then(resolve, reject);
    });
}
