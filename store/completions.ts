import pg from 'pg';
import type { MetadataConnection, Queryable } from './connection.ts';
import { ENDS_CHANNEL } from './ended-requests.ts';
import { findTask, type TaskRecord, type TaskStatus } from './tasks.ts';

/** A notification may be lost with its connection: whoever waits looks by itself, too. */
const LOOK_EVERY_MS = 1_000;
const RECONNECT_AFTER_MS = 1_000;
/** A payload of NOTIFY holds fewer than 8000 bytes; an id and its comma take 37. */
const IDS_PER_NOTIFICATION = 200;

const ENDED: ReadonlySet<TaskStatus> = new Set(['completed', 'failed', 'canceled']);

/** Tells those who wait that tasks have ended, once the transaction that closes them commits. */
export async function announceEnds(tx: Queryable, taskIds: readonly string[]): Promise<void> {
  for (let start = 0; start < taskIds.length; start += IDS_PER_NOTIFICATION) {
    const payload = taskIds.slice(start, start + IDS_PER_NOTIFICATION).join(',');
    await tx.query('SELECT pg_notify($1, $2)', [ENDS_CHANNEL, payload]);
  }
}

/** Waits for tasks to end, whichever process closes them. */
export interface Completions {
  /**
   * Resolves with the task once it has ended, or with undefined when it has not within `boundMs`. To be called before the
   * task is started, or later.
   */
  ended(taskId: string, boundMs: number, signal?: AbortSignal): Promise<TaskRecord | undefined>;
  close(): Promise<void>;
}

/** Listens on a connection of its own, opened with the first wait and opened again when it breaks. */
export function createCompletions(db: pg.Pool, connection: MetadataConnection): Completions {
  const waiting = new Map<string, Set<() => void>>();
  let listener: Promise<pg.Client | undefined> | undefined;
  let closed = false;

  async function listen(): Promise<pg.Client | undefined> {
    const { maxConnections: _, onIdleError: __, ...address } = connection;
    const client = new pg.Client({ ...address, application_name: 'pgsteward:ends', connectionTimeoutMillis: 5_000 });
    const again = () => {
      listener = undefined;
    };
    client.on('error', () => undefined);
    client.on('end', again);
    client.on('notification', ({ payload }) => {
      for (const taskId of (payload ?? '').split(',')) for (const wake of waiting.get(taskId) ?? []) wake();
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${ENDS_CHANNEL}`);
      return client;
    } catch {
      // Those who wait look by themselves meanwhile.
      setTimeout(again, RECONNECT_AFTER_MS).unref();
      await client.end().catch(() => undefined);
      return undefined;
    }
  }

  return {
    async ended(taskId, boundMs, signal) {
      const deadline = Date.now() + boundMs;
      if (!closed) listener ??= listen();
      await listener;
      for (;;) {
        const woken = nextWake(waiting, taskId, Math.min(LOOK_EVERY_MS, deadline - Date.now()), signal);
        const task = await findTask(db, { taskId });
        if (task !== undefined && ENDED.has(task.status)) {
          woken.cancel();
          return task;
        }
        await woken.promise;
        if (Date.now() >= deadline || signal?.aborted) return undefined;
      }
    },
    async close() {
      closed = true;
      await (await listener)?.end();
    },
  };
}

/** Resolves when the task's end is announced, after `ms`, or on abort. */
function nextWake(
  waiting: Map<string, Set<() => void>>,
  taskId: string,
  ms: number,
  signal: AbortSignal | undefined,
): { promise: Promise<void>; cancel(): void } {
  const wakes = waiting.get(taskId) ?? new Set();
  waiting.set(taskId, wakes);
  let cancel: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      wakes.delete(wake);
      if (wakes.size === 0 && waiting.get(taskId) === wakes) waiting.delete(taskId);
      resolve();
    };
    const timer = setTimeout(wake, Math.max(0, ms));
    wakes.add(wake);
    signal?.addEventListener('abort', wake, { once: true });
    cancel = wake;
  });
  return { promise, cancel };
}
