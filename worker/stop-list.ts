import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../platform/log.ts';

/** Something that was started, as it is called in messages, and how it ends. */
export interface StoppablePart {
  name: string;
  stop(): Promise<unknown>;
}

/** Told what became of each part; `stopped` is false when the part failed to stop, or not within the bound. */
export type OnStopped = (name: string, stopped: boolean) => void;

/** What has been started and must be stopped again, newest first. */
export interface StopList {
  /** Parts that are given together are stopped side by side. */
  add(...parts: StoppablePart[]): void;
  /** Stops everything; a part that cannot be stopped is logged and does not keep the others from it. */
  stopAll(onStopped?: OnStopped): Promise<void>;
}

/** Above what every part allows itself; who hangs longer, on a server that is gone, is left behind. */
const PART_BOUND_MS = 9_000;

export function createStopList(log: Log): StopList {
  const groups: StoppablePart[][] = [];

  async function stopOne({ name, stop }: StoppablePart): Promise<boolean> {
    const done = new AbortController();
    const late = delay(PART_BOUND_MS, 'late' as const, { signal: done.signal });
    try {
      if ((await Promise.race([stop(), late])) !== 'late') return true;
      log.error({ part: name, boundMs: PART_BOUND_MS }, 'a part did not stop in time');
    } catch (error) {
      log.error({ err: error, part: name }, 'a part could not be stopped');
    } finally {
      late.catch(() => undefined);
      done.abort();
    }
    return false;
  }

  return {
    add(...parts) {
      groups.push(parts);
    },
    async stopAll(onStopped) {
      for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
        await Promise.all(
          group.map(async (part) => {
            const stopped = await stopOne(part);
            onStopped?.(part.name, stopped);
          }),
        );
      }
    },
  };
}
