/** Rotations by the command line, against a running API. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import { type Listener, listen } from '../../worker/listen.ts';
import { freePort } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { commandLine, type Ran } from './support/command-line.ts';

let stack: TestStack;
let listener: Listener;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  const port = await freePort();
  const { fetch } = createApp(stack.api);
  listener = await listen({ address: '127.0.0.1', port, variable: 'none', owner: 'a test', fetch, tls: undefined });
});
afterAll(async () => {
  await listener?.stop();
  await stack?.stop();
});

const pgsteward = (words: string): Promise<Ran> =>
  commandLine({ PGSTEWARD_URL: listener.url, PGSTEWARD_TOKEN_FILE: stack.config.files.adminToken }, words.split(' '));

test('a rotation is listed, triggered by its role, paused and resumed', async () => {
  const { body } = await stack.call('PUT', '/v1/servers/host-1/roles/turning', {
    login: true,
    generate_password: true,
  });
  expect(body).toMatchObject({ name: 'turning' });
  const made = await stack.call('POST', '/v1/rotations', {
    server: 'host-1',
    role: 'turning',
    strategy: 'in-place',
    schedule: { every: 'P30D' },
  });
  expect([made.status, made.body]).toMatchObject([201, { role: 'turning' }]);
  expect((await pgsteward('rotate list --server host-1')).out).toMatch(
    new RegExp(`^${made.body.id} +host-1 +turning +in-place +no `, 'm'),
  );
  const triggered = await pgsteward('rotate trigger turning --server host-1');
  expect([triggered.code, triggered.out]).toEqual([0, expect.stringMatching(/^status +completed$/m)]);
  const paused = await pgsteward(`rotate pause ${made.body.id}`);
  expect([paused.code, paused.out]).toEqual([0, expect.stringMatching(/^paused +true$/m)]);
  const resumed = await pgsteward('rotate resume turning -s host-1 --json');
  expect([resumed.code, resumed.json()]).toMatchObject([0, { paused: false, next: expect.any(String) }]);
  const unknown = await pgsteward('rotate trigger nobody --server host-1');
  expect([unknown.code, unknown.notes]).toEqual([1, expect.stringContaining('has no rotation')]);
});
