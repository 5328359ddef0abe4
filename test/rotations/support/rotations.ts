import { until } from '../../support/follow.ts';
import type { TestStack } from '../../support/stack.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
type Body = any;

/** Defines a rotation. */
export async function define(stack: TestStack, body: Record<string, unknown>): Promise<Body> {
  const answer = await stack.call('POST', '/v1/rotations', body);
  if (answer.status !== 201)
    throw new Error(`the rotation was refused: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Rotates now, and waits for the end of the task. */
export async function rotate(stack: TestStack, id: string): Promise<Body> {
  const { status, body } = await stack.call('POST', `/v1/rotations/${id}/trigger`);
  if (status !== 202) throw new Error(`the run was refused: ${status} ${JSON.stringify(body)}`);
  return ended(stack, body);
}

/** The same for a run that must succeed. */
export async function rotated(stack: TestStack, id: string): Promise<Body> {
  const task = await rotate(stack, id);
  if (task.status !== 'completed') throw new Error(`the run ${task.status}: ${task.error}`);
  return task;
}

/** The task of a run, once it has ended. */
export function ended(stack: TestStack, run: { server: string; task_id: string }): Promise<Body> {
  return until(async () => {
    const { body } = await stack.call('GET', `/v1/servers/${run.server}/tasks/${run.task_id}?wait=20`);
    return ['completed', 'failed', 'canceled'].includes(body.status) ? body : undefined;
  }, 90_000);
}

export async function shown(stack: TestStack, id: string): Promise<Body> {
  return (await stack.call('GET', `/v1/rotations/${id}`)).body;
}

let keys = 0;

/** The current login, with its password. */
export async function secretOf(
  stack: TestStack,
  id: string,
): Promise<{ login: string; password: string; version: number }> {
  keys += 1;
  const headers = { 'idempotency-key': `secret-${process.pid}-${keys}` };
  const { status, body } = await stack.call('POST', `/v1/rotations/${id}/secret`, undefined, headers);
  if (status !== 200) throw new Error(`no secret: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Whether a login is taken. */
export async function logsIn(
  stack: TestStack,
  login: { user: string; password: string; database?: string },
): Promise<boolean> {
  return stack.target.query('SELECT 1', login).then(
    () => true,
    (error: { code?: string }) => {
      if (error.code?.startsWith('28')) return false;
      throw error;
    },
  );
}
