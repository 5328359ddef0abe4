/** Leases by the command line, against a running API. */
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
  await stack.target.query('CREATE ROLE billing_readers');
});
afterAll(async () => {
  await listener?.stop();
  await stack?.stop();
});

const pgsteward = (words: string): Promise<Ran> =>
  commandLine({ PGSTEWARD_URL: listener.url, PGSTEWARD_TOKEN_FILE: stack.config.files.adminToken }, words.split(' '));

test('a lease is given with a password that works, listed, renewed and revoked', async () => {
  const created = await pgsteward('lease create -s host-1 -r billing_readers --ttl 10m --max-ttl 2h --reason incident');
  expect([created.code, created.notes]).toEqual([0, '']);
  const fact = (name: string) => new RegExp(`^${name} +(\\S+)$`, 'm').exec(created.out)?.[1] ?? '';
  const [id, user, password] = [fact('lease'), fact('username'), fact('password')];
  expect(await stack.target.query('SELECT 1', { user, password })).toHaveLength(1);
  const listed = await pgsteward('lease list --server host-1');
  expect(listed.out).toMatch(new RegExp(`^${id} +host-1 +${user} .* active .* billing_readers +incident$`, 'm'));
  expect(listed.out).not.toContain(password);
  const renewed = await pgsteward(`lease renew ${id} --ttl 1h --json`);
  expect([renewed.code, new Date(renewed.json().ends_at) > new Date(fact('ends at'))]).toEqual([0, true]);
  const revoked = await pgsteward(`lease revoke ${id}`);
  expect([revoked.code, revoked.out]).toEqual([0, expect.stringMatching(/^state +ended$/m)]);
  await expect(stack.target.query('SELECT 1', { user, password })).rejects.toThrow();
  expect((await pgsteward('lease list')).out).not.toContain(id);
  expect((await pgsteward('lease list --state ended')).out).toContain(id);
});

test('what is refused ends with 1', async () => {
  const refused = await pgsteward('lease create -s host-1 -r pg_monitor --reason x');
  expect([refused.code, refused.out]).toEqual([1, '']);
  expect((await pgsteward('lease revoke 019f6a00-0000-7000-8000-000000000001')).code).toBe(1);
});
