import { setTimeout as delay } from 'node:timers/promises';
import { countBusyConnections, countClientConnections } from './client-connections.ts';

const POLL_MS = 2;

/**
 * Waits for a moment in which a service has no request under way, and calls `act` in that very moment; after `waitMs`
 * it is called in any case, and at once where the host cannot tell. PostgREST before 16.0 cuts its clients off when it is
 * told to stop, and nothing on the host could hold new requests back meanwhile, so this is as good as it gets: a request
 * that arrives between look and signal is cut, and one under way after `waitMs` is too.
 * @throws the signal's reason when it aborts before the moment has come
 */
export async function atQuietMoment(
  of: { pid: number; port: number; waitMs: number; signal?: AbortSignal },
  act: () => void,
): Promise<void> {
  const until = performance.now() + of.waitMs;
  for (;;) {
    of.signal?.throwIfAborted();
    const open = countClientConnections(of);
    if (open === undefined || open === 0 || performance.now() >= until) return act();
    // A few milliseconds pass in there: less exact, but clients that keep connections open leave no other moment.
    if ((await countBusyConnections(of)) === 0) return act();
    await delay(POLL_MS);
  }
}
