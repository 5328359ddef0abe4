import type { Log } from '../platform/log.ts';

/** What has been started and must be stopped again, newest first. */
export interface StopList {
  add(name: string, stop: () => Promise<unknown>): void;
  /** Stops everything; a part that cannot be stopped is logged and does not keep the others from it. */
  stopAll(onStopped?: (name: string) => void): Promise<void>;
}

export function createStopList(log: Log): StopList {
  const parts: { name: string; stop: () => Promise<unknown> }[] = [];
  return {
    add(name, stop) {
      parts.push({ name, stop });
    },
    async stopAll(onStopped) {
      for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
        try {
          await part.stop();
          onStopped?.(part.name);
        } catch (error) {
          log.error({ err: error, part: part.name }, 'a part could not be stopped');
        }
      }
    },
  };
}
