import pg from 'pg';
import type { MetadataConnection } from './connection.ts';

/** Channels of NOTIFY in the metadata database, and what their payloads name, separated by commas; `name*3` is said three times. */
export const CHANNELS = {
  /** Ids of tasks that have ended. */
  ended: 'pgsteward_task_ended',
  /** Servers that a request came in for. */
  requested: 'pgsteward_requested',
} as const;

/** Between a name and how many times it is said. */
export const TIMES = '*';

export type Channel = keyof typeof CHANNELS;

/** A wait for one signal. */
export interface Wake {
  /** Resolves when the signal came, after the bound, or on abort. */
  promise: Promise<void>;
  cancel(): void;
}

/**
 * Signals between processes. One may be lost with its connection: whoever waits looks by itself after the bound, and a signal
 * only makes that earlier.
 */
export interface Signals {
  /** To be called before the look that decides whether to wait. With `count` that many signals have to come. */
  next(channel: Channel, name: string, boundMs: number, options?: { signal?: AbortSignal; count?: number }): Wake;
  /** Resolves once the process listens, or cannot. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const RECONNECT_AFTER_MS = 1_000;
const CHANNEL_OF = new Map<string, Channel>(
  (Object.entries(CHANNELS) as [Channel, string][]).map(([channel, name]) => [name, channel]),
);

/** Listens on a connection of its own, opened with the first wait and opened again when it breaks. */
export function createSignals(connection: MetadataConnection): Signals {
  const waiting = new Map<string, Set<(times: number) => void>>();
  let listener: Promise<pg.Client | undefined> | undefined;
  let closed = false;

  async function listen(): Promise<pg.Client | undefined> {
    const { maxConnections: _, onIdleError: __, ...address } = connection;
    const client = new pg.Client({ ...address, application_name: 'pgsteward:signals', connectionTimeoutMillis: 5_000 });
    const again = () => {
      listener = undefined;
    };
    client.on('error', () => undefined);
    client.on('end', again);
    client.on('notification', ({ channel, payload }) => {
      for (const said of (payload ?? '').split(',')) {
        const [name, times = '1'] = said.split(TIMES);
        wakeAll(`${CHANNEL_OF.get(channel) ?? ''}:${name}`, Number(times));
      }
    });
    try {
      await client.connect();
      await client.query(
        Object.values(CHANNELS)
          .map((channel) => `LISTEN ${channel}`)
          .join('; '),
      );
      return client;
    } catch {
      setTimeout(again, RECONNECT_AFTER_MS).unref();
      await client.end().catch(() => undefined);
      return undefined;
    }
  }

  function wakeAll(key: string, times: number): void {
    for (const wake of waiting.get(key) ?? []) wake(times);
  }

  function ready(): Promise<unknown> {
    if (closed) return Promise.resolve();
    listener ??= listen();
    return listener;
  }

  return {
    async ready() {
      await ready();
    },
    next(channel, name, boundMs, { signal, count = 1 } = {}) {
      void ready();
      let missing = count;
      const key = `${channel}:${name}`;
      const wakes = waiting.get(key) ?? new Set();
      waiting.set(key, wakes);
      let cancel: () => void = () => undefined;
      const promise = new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', wake);
          wakes.delete(heard);
          if (wakes.size === 0 && waiting.get(key) === wakes) waiting.delete(key);
          resolve();
        };
        const heard = (times: number) => {
          missing -= times;
          if (missing <= 0) wake();
        };
        const timer = setTimeout(wake, Math.max(0, boundMs));
        wakes.add(heard);
        if (signal?.aborted) wake();
        else signal?.addEventListener('abort', wake, { once: true });
        cancel = wake;
      });
      return { promise, cancel };
    },
    async close() {
      closed = true;
      await (await listener)?.end();
    },
  };
}
