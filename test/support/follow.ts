import { setTimeout as delay } from 'node:timers/promises';
import type { TestStack } from './stack.ts';

/** Bound for a task to end: a hang fails the test, a slow machine does not. */
const TASK_BOUND_MS = 90_000;

/** Waits until a task has ended and gives it back. */
export async function taskEnded(
  stack: TestStack,
  task: { database_id: string; task_id: string },
): Promise<{ status: string; error?: string }> {
  return until(async () => {
    const { body } = await stack.call('GET', `/v1/databases/${task.database_id}/tasks/${task.task_id}`);
    return ['completed', 'failed', 'canceled'].includes(body.status) ? body : undefined;
  }, TASK_BOUND_MS);
}

/** Posts a create and waits for its task's end. */
export async function create(
  stack: TestStack,
  request: { id: string },
): Promise<{ status: string; error?: string; task_id: string }> {
  const { status, body } = await stack.call('POST', '/v1/databases', request);
  if (status !== 200) throw new Error(`create was refused: ${status} ${JSON.stringify(body)}`);
  return { ...(await taskEnded(stack, body.task)), task_id: body.task.task_id };
}

/** Deletes a database and waits for its task's end. */
export async function remove(stack: TestStack, id: string): Promise<{ status: string; error?: string }> {
  const { status, body } = await stack.call('DELETE', `/v1/databases/${id}`);
  if (status !== 200) throw new Error(`delete was refused: ${status} ${JSON.stringify(body)}`);
  return taskEnded(stack, body.task);
}

/** Polls until the look gives something, within a bound. */
export async function until<T>(look: () => Promise<T | undefined>, boundMs = 30_000): Promise<T> {
  const deadline = Date.now() + boundMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`nothing came of it within ${boundMs} ms`);
    await delay(20);
  }
}
