import type pg from 'pg';
import type { Queryable } from './connection.ts';
import { gathererOfPool } from './gather.ts';
import { prepared } from './prepared.ts';
import type { AccessResult } from './server-work.ts';
import type { Signals, Wake } from './signals.ts';
import type { TaskOutcome } from './tasks.ts';

/** A signal may be lost: whoever waits looks by itself, too. In milliseconds. */
export const LOOK_EVERY_MS = 1_000;

/** A task that has ended. */
export interface EndedTask {
  status: TaskOutcome;
  error: string | null;
  /** What came of a task on a server; empty for others. */
  result: AccessResult;
}

const FIND_ENDED = prepared(
  'find_ended',
  `SELECT t.id, t.status, t.error, coalesce(r.result, '{}') AS result
   FROM tasks t LEFT JOIN access_requests r ON r.task_id = t.id
   WHERE t.id = ANY ($1::uuid[]) AND t.status IN ('completed', 'failed', 'canceled')`,
);

/** Callers whose tasks end together look together; nothing is said of one that has not ended. */
const lookerOf = gathererOfPool<string, EndedTask>(endsSoFar);

/** Those of the tasks that have ended by now. */
export async function endsSoFar(db: Queryable, taskIds: readonly string[]): Promise<Map<string, EndedTask>> {
  const { rows } = await db.query<EndedTask & { id: string }>(FIND_ENDED([taskIds]));
  return new Map(rows.map(({ id, ...end }) => [id, end]));
}

/**
 * Waits for several tasks to end.
 * @returns those that have ended within `boundMs`
 */
export async function taskEnds(
  deps: { db: pg.Pool; signals: Signals },
  wait: { taskIds: readonly string[]; boundMs: number; wakes: readonly Wake[] },
): Promise<Map<string, EndedTask>> {
  const deadline = performance.now() + wait.boundMs;
  const ended = new Map<string, EndedTask>();
  let wakes = wait.wakes;
  for (;;) {
    await Promise.all(wakes.map(({ promise }) => promise));
    const open = wait.taskIds.filter((id) => !ended.has(id));
    const boundMs = Math.min(LOOK_EVERY_MS, deadline - performance.now());
    wakes = open.map((id) => deps.signals.next('ended', id, boundMs));
    for (const [id, end] of await endsSoFar(deps.db, open)) ended.set(id, end);
    if (ended.size < wait.taskIds.length && performance.now() < deadline) continue;
    for (const wake of wakes) wake.cancel();
    return ended;
  }
}

/**
 * Waits for a task to end, whichever process closes it.
 * @param wait.signal ends the wait early
 * @returns undefined when it has not ended within `boundMs`
 */
export async function taskEnd(
  deps: { db: pg.Pool; signals: Signals },
  wait: { taskId: string; boundMs: number; wake?: Wake; signal?: AbortSignal },
): Promise<EndedTask | undefined> {
  const { taskId, signal } = wait;
  const deadline = performance.now() + wait.boundMs;
  await deps.signals.ready();
  // Begun before there was a task to end.
  await wait.wake?.promise;
  for (;;) {
    const boundMs = Math.min(LOOK_EVERY_MS, deadline - performance.now());
    const wake = deps.signals.next('ended', taskId, boundMs, signal === undefined ? {} : { signal });
    const end = await lookerOf(deps.db).ask(taskId);
    if (end !== undefined) {
      wake.cancel();
      return end;
    }
    await wake.promise;
    if (performance.now() >= deadline || signal?.aborted) return undefined;
  }
}
