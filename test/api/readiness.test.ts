import { Connection, WorkflowClient } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import { hostListSchema, hostSchema } from '../../api/schemas/host.ts';
import { createMetadataPool } from '../../store/connection.ts';
import { createReadiness } from '../../worker/readiness.ts';
import { until } from '../support/follow.ts';
import { freePort } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectError, expectShape } from './support/answers.ts';
import { bareRequest } from './support/requests.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

/** Answers are shared for 2 s, so a change shows with the next one. */
const ready = (status: number, missing?: string[]) =>
  until(async () => {
    const answer = await stack.call('GET', '/readyz');
    const is = answer.status === status && JSON.stringify(answer.body.missing) === JSON.stringify(missing);
    return is ? answer.body : undefined;
  });
const hostIs = (state: string) =>
  until(async () => {
    const { body } = await stack.call('GET', '/v1/hosts/host-1');
    return body.status.state === state ? expectShape(hostSchema, body) : undefined;
  });

test('while everything runs, the server is ready and its host is healthy', async () => {
  expect(await ready(200)).toEqual({ status: 'ready' });
  const { hosts } = expectShape(hostListSchema, (await stack.call('GET', '/v1/hosts')).body);
  expect(hosts).toEqual([await hostIs('healthy')]);
  expect(hosts[0]).toMatchObject({
    id: 'host-1',
    orchestrator: 'swarm',
    client_addresses: ['127.0.0.1'],
    status: { components: { process: { healthy: true } } },
  });
});

test('a host with a part that is not well is degraded, and says which', async () => {
  await stack.restartHostWorker([
    () => ({
      inbound: {
        async execute(input, next) {
          const result = await next(input);
          if (typeof result !== 'object' || result === null || !('facts' in result)) return result;
          const components = { engine: { healthy: false, error: 'does not answer' } };
          return { ...result, facts: { ...Object(result.facts), components } };
        },
      },
    }),
  ]);
  const host = await hostIs('degraded');
  expect(host.status.components).toEqual({ engine: { healthy: false, error: 'does not answer' } });
  expect(await ready(200)).toEqual({ status: 'ready' });
});

test('without its worker a host is unreachable, the server is not ready and says why; then both recover', async () => {
  await stack.hostWorker.stop();
  const [host, missing] = await Promise.all([hostIs('unreachable'), ready(503, ['host worker host-1'])]);
  expect(host).toMatchObject({ id: 'host-1', client_addresses: ['127.0.0.1'], status: { components: {} } });
  expect(missing).toEqual({ status: 'not ready', missing: ['host worker host-1'] });
  await stack.restartHostWorker();
  await Promise.all([hostIs('healthy'), ready(200)]);
});

test('without a control worker the state of hosts is unknown, the server is not ready and says why', async () => {
  await stack.controlWorker.stop();
  await Promise.all([hostIs('unknown'), ready(503, ['Temporal or a control worker'])]);
  expect((await stack.call('GET', '/healthz')).body).toEqual({ status: 'ok' });
  await stack.restartControlWorker();
  await Promise.all([hostIs('healthy'), ready(200)]);
});

describe('without metadata database and Temporal', () => {
  let cut: { get(path: string): Promise<Response>; post(body: unknown): Promise<Response> };
  let close: () => Promise<void>;

  beforeAll(async () => {
    const db = createMetadataPool({ ...stack.metadata, port: await freePort() });
    const connection = Connection.lazy({ address: `127.0.0.1:${await freePort()}` });
    const dead = { ...stack.api, db, workflows: new WorkflowClient({ connection }) };
    const app = createApp({ ...dead, readiness: createReadiness(dead) });
    const origin = 'http://localhost:3000';
    cut = {
      get: async (path) => app.request(`${origin}${path}`),
      post: async (body) =>
        app.request(`${origin}/v1/databases`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
    };
    close = async () => {
      await connection.close();
      await db.end();
    };
  });
  afterAll(() => close?.());

  test('the process is alive and says what is missing', async () => {
    expect((await cut.get('/healthz')).status).toBe(200);
    const response = await cut.get('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: 'not ready',
      missing: ['metadata database', 'Temporal or a control worker'],
    });
  });

  test('requests are refused with the advice to try again', async () => {
    for (const response of [
      await cut.get('/v1/databases'),
      await cut.get('/v1/databases/a/tasks'),
      await cut.post(bareRequest('nowhere')),
    ]) {
      expect(response.headers.get('retry-after')).toBe('5');
      const { status, headers } = response;
      expectError({ status, headers, body: await response.json() }, 503, 'unavailable', /metadata database/);
    }
  });
});
