import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import type { Signals } from '../../store/signals.ts';
import { closeTask } from '../../store/tasks.ts';
import { createGate } from '../faults/support/gate.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { bareRequest } from './support/requests.ts';

/** The longest wait there is: a test that ends within its own bound has not waited for it. */
const LONGEST = 25;

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

type Task = { database_id: string; task_id: string };

async function accepted(request: object): Promise<Task> {
  const { status, body } = await stack.call('POST', '/v1/databases', request);
  expect(status).toBe(200);
  return body.task;
}
const pathOf = (task: Task) => `/v1/databases/${task.database_id}/tasks/${task.task_id}`;
const wait = (task: Task, seconds: number | string) => stack.call('GET', `${pathOf(task)}?wait=${seconds}`);

const statusIn = async (answer: Response) => ((await answer.json()) as { status: string }).status;

/** Runs `work` and says whether that took less than half of the longest wait. */
async function early<T>(work: Promise<T>): Promise<{ result: T; early: boolean }> {
  const startedAt = performance.now();
  const result = await work;
  return { result, early: performance.now() - startedAt < (LONGEST * 1_000) / 2 };
}

/** The signals of the stack, with word of the first wait for one. */
function watched(signals: Signals): { signals: Signals; begun: Promise<void> } {
  const begun = createGate();
  return {
    begun: begun.passed,
    signals: {
      ...signals,
      next(...args) {
        const wake = signals.next(...args);
        begun.open();
        return wake;
      },
    },
  };
}

describe('a request for a task that waits', () => {
  test('is answered when the create completes, the create fails, or the delete completes', async () => {
    const created = await early(
      accepted(seedRequest({ id: 'awaited', port: 0, user: 'awaited_app' })).then((task) => wait(task, LONGEST)),
    );
    expect([created.result.body.status, created.early]).toEqual(['completed', true]);
    const failing = seedRequest({
      id: 'awaited-failing',
      port: 0,
      user: 'failing_app',
      config: { db_schemas: 'nowhere' },
    });
    const failed = await early(accepted(failing).then((task) => wait(task, LONGEST)));
    expect([failed.result.body.status, failed.early]).toEqual(['failed', true]);
    const { body } = await stack.call('DELETE', '/v1/databases/awaited');
    const deleted = await early(wait(body.task, LONGEST));
    expect([deleted.result.body.status, deleted.early]).toEqual(['completed', true]);
  });

  test('is answered at once when the task has ended before', async () => {
    const task = await accepted(bareRequest('ended'));
    expect((await wait(task, LONGEST)).body.status).toBe('completed');
    const app = createApp({
      ...stack.api,
      signals: {
        ...stack.api.signals,
        next: () => {
          throw new Error('nothing is to be waited for');
        },
      },
    });
    const answer = await app.request(`http://localhost:3000${pathOf(task)}?wait=${LONGEST}`);
    expect([answer.status, await statusIn(answer)]).toEqual([200, 'completed']);
  });

  test('is answered with the current state after the bound, which may be a fraction of a second', async () => {
    await stack.controlWorker.stop();
    const task = await accepted(bareRequest('undone'));
    const { result, early: wasEarly } = await early(wait(task, '0.25'));
    expect([result.status, result.body.status, wasEarly]).toEqual([200, 'pending', true]);
    const head = await early(stack.request(`${pathOf(task)}?wait=${LONGEST}`, { method: 'HEAD' }));
    expect([head.result.status, head.early]).toEqual([200, true]);
    await stack.restartControlWorker();
    expect((await wait(task, LONGEST)).body.status).toBe('completed');
  });

  test.each([
    ['-1', 'invalid_range'],
    ['25.1', 'invalid_range'],
    ['Infinity', 'invalid_field_type'],
    ['long', 'invalid_field_type'],
  ])('for %s seconds is refused', async (seconds, name) => {
    const { status, body } = await wait(
      { database_id: 'any', task_id: '019f6a00-0000-7000-8000-000000000001' },
      seconds,
    );
    expect([status, body.name]).toEqual([400, name]);
  });

  test('is woken by the transaction that closes the task, whoever closes it', async () => {
    await stack.controlWorker.stop();
    const task = await accepted(bareRequest('closed-elsewhere'));
    const { signals, begun } = watched(stack.api.signals);
    const app = createApp({ ...stack.api, signals });
    const waiting = early(Promise.resolve(app.request(`http://localhost:3000${pathOf(task)}?wait=${LONGEST}`)));
    await begun;
    await closeTask(stack.control.db, { taskId: task.task_id, status: 'canceled' });
    const { result, early: wasEarly } = await waiting;
    expect([await statusIn(result), wasEarly]).toEqual(['canceled', true]);
    await stack.restartControlWorker();
  });

  test('of a server ends with its task, too', async () => {
    const document = { roles: [{ name: 'waited_for', login: true }] };
    const { body } = await stack.call('POST', '/v1/servers/host-1/apply', { document });
    const path = `/v1/servers/host-1/tasks/${body.task.task_id}?wait=${LONGEST}`;
    const { result, early: wasEarly } = await early(stack.call('GET', path));
    expect([result.body.status, wasEarly]).toEqual(['completed', true]);
  });

  test('ends when its client goes away', async () => {
    await stack.controlWorker.stop();
    const task = await accepted(bareRequest('abandoned'));
    const { signals, begun } = watched(stack.api.signals);
    const app = createApp({ ...stack.api, signals });
    const ended = createGate();
    const server = createAdaptorServer({
      async fetch(request, env) {
        const response = await app.fetch(request, env);
        ended.open();
        return response;
      },
    });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const client = httpRequest({ host: '127.0.0.1', port, path: `${pathOf(task)}?wait=${LONGEST}` });
      client.on('error', () => undefined);
      client.end();
      await begun;
      client.destroy();
      expect(await early(ended.passed)).toMatchObject({ early: true });
    } finally {
      server.close();
      await once(server, 'close');
      await stack.restartControlWorker();
    }
  });
});
