import type pg from 'pg';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import type { AccessResult } from './server-work.ts';
import { CHANNELS, type Signals, type Wake } from './signals.ts';
import type { TaskStatus } from './tasks.ts';

/** A signal may be lost: whoever waits looks by itself, too. In milliseconds. */
export const LOOK_EVERY_MS = 1_000;

/** A task on a server that has ended. */
export interface EndedTask {
  status: Extract<TaskStatus, 'completed' | 'failed' | 'canceled'>;
  error: string | null;
  result: AccessResult;
}

const FIND_ENDED = prepared(
  'find_ended',
  `SELECT t.status, t.error, coalesce(r.result, '{}') AS result
   FROM tasks t LEFT JOIN access_requests r ON r.task_id = t.id
   WHERE t.id = $1 AND t.status IN ('completed', 'failed', 'canceled')`,
);

/** Tells those who wait that a task has ended, once the transaction that closes it commits. */
export async function announceEnd(tx: Queryable, taskId: string): Promise<void> {
  await tx.query('SELECT pg_notify($1, $2)', [CHANNELS.ended, taskId]);
}

/**
 * Waits for a task to end, whichever process closes it.
 * @returns undefined when it has not within `boundMs`
 */
export async function taskEnd(
  deps: { db: pg.Pool; signals: Signals },
  wait: { taskId: string; boundMs: number; wake?: Wake },
): Promise<EndedTask | undefined> {
  const { taskId } = wait;
  const deadline = performance.now() + wait.boundMs;
  await deps.signals.ready();
  // Begun before there was a task to end.
  await wait.wake?.promise;
  for (;;) {
    const wake = deps.signals.next('ended', taskId, Math.min(LOOK_EVERY_MS, deadline - performance.now()));
    const { rows } = await deps.db.query<EndedTask>(FIND_ENDED([taskId]));
    if (rows[0] !== undefined) {
      wake.cancel();
      return rows[0];
    }
    await wake.promise;
    if (performance.now() >= deadline) return undefined;
  }
}
