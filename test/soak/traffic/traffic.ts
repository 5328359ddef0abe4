import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Client } from '../client.ts';
import type { Installation } from '../installation.ts';
import type { End, Journal } from '../journal.ts';
import type { Random } from '../random.ts';

/** What a client works with. */
export interface Traffic {
  client: Client;
  journal: Journal;
  installation: Installation;
  random: Random;
  /** No new work is begun once it is aborted; what is under way is brought to its end. */
  closing: AbortSignal;
}

/** A task as the API shows it. */
export interface ShownTask {
  task_id: string;
  status: string;
  error?: string;
}

/** Longer than the task's own bound and its undo: then it is stuck. */
const TASK_BOUND_MS = 15 * 60_000;
const ENDED = new Set(['completed', 'failed', 'canceled']);

/** Does something again and again, until the traffic is to stop. */
export async function again(traffic: Traffic, work: () => Promise<void>): Promise<void> {
  while (!traffic.closing.aborted) {
    try {
      await work();
    } catch (error) {
      // By Ctrl-C.
      if (traffic.closing.aborted && error instanceof Error && error.name === 'AbortError') throw error;
      traffic.journal.violation(`a client gave up: ${error}`);
    }
  }
}

/** A pause between two requests, as people and pipelines make them. */
export async function pause({ closing, random }: Traffic, mostMs: number): Promise<void> {
  await delay(random.int(0, mostMs), undefined, { signal: closing }).catch(() => undefined);
}

/** Counts an operation with its end, as `judge` sees the answer. */
export async function counted<T>(
  { journal }: Traffic,
  kind: string,
  work: () => Promise<T>,
  judge: (result: T) => { end: End; about: string },
): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  journal.ended({ kind, ms: performance.now() - startedAt, ...judge(result) });
  return result;
}

/** Waits for the end of a task, below the path of what it is about. */
export async function taskEnd({ client, journal }: Traffic, path: string, taskId: string): Promise<ShownTask> {
  const deadline = Date.now() + TASK_BOUND_MS;
  for (;;) {
    const { status, body } = await client.call('GET', `${path}/tasks/${taskId}?wait=20`);
    if (status === 200 && ENDED.has(body.status)) return body;
    if (status !== 200) {
      journal.violation(`a task that was accepted is not shown: ${status} ${JSON.stringify(body)}`);
      return { task_id: taskId, status: 'lost' };
    }
    if (Date.now() > deadline) {
      journal.violation(`task ${taskId} of ${path} has not ended within ${TASK_BOUND_MS / 60_000} minutes`);
      return { task_id: taskId, status: 'stuck' };
    }
  }
}

/** For an answer that nothing explains. */
export function unexpected({ journal }: Traffic, what: string, { status, body }: Answer): void {
  journal.violation(`${what} was answered ${status} ${JSON.stringify(body)}`);
}
