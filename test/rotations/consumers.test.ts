import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rest } from '../e2e/support/rest.ts';
import { provision } from '../e2e/support/tenants.ts';
import { createFaults } from '../faults/support/faults.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { rolesOf, shopSpec, shopToken } from '../update/support/shop.ts';
import { type PgbouncerForTests, startPgbouncer } from './support/pgbouncer.ts';
import { define, ended, logsIn, rotate, rotated, secretOf, shown } from './support/rotations.ts';

const SIGNING_KEY = 'a-key-that-nobody-else-has';
const faults = createFaults();

let directory: string;
let stack: TestStack;
let bouncer: PgbouncerForTests;
let receiver: Server;
let answer = 204;
const messages: { body: string; signature: string }[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgsteward-consumers-'));
  stack = await startTestStack({
    runtime: 'process',
    hostInterceptors: faults.interceptors,
    env: { PGSTEWARD_CONSUMERS_DIR: directory, PGSTEWARD_PUBLIC_URL: 'http://localhost:3000' },
  });
  await stack.target.query(`CREATE ROLE pooled LOGIN PASSWORD 'first'; CREATE ROLE called LOGIN PASSWORD 'first'`);
  await stack.target.query('CREATE DATABASE pooled OWNER pooled');
  bouncer = await startPgbouncer(stack, { directory, database: 'pooled' });
  receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const signature = String(request.headers['x-pgsteward-signature']);
      messages.push({ body: Buffer.concat(parts).toString('utf8'), signature });
      response.writeHead(answer).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});
afterAll(async () => {
  await bouncer?.stop();
  receiver?.close();
  await stack?.stop();
  await rm(directory, { recursive: true, force: true });
});

const hook = () => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/rotated`;
const webhook = () => ({ kind: 'webhook', name: 'deploy', url: hook(), signing_key: SIGNING_KEY });

describe.each(['in-place', 'alternating'])('%s: a PgBouncer', (strategy) => {
  test('lets clients in with the new password at once, and logs in to the server with what it learns from them', async () => {
    const role = strategy === 'in-place' ? 'pooled' : 'pooled_too';
    if (role === 'pooled_too') await stack.target.query(`CREATE ROLE pooled_too LOGIN PASSWORD 'first'`);
    const consumer = {
      ...{ kind: 'pgbouncer', name: 'pool', host: '127.0.0.1', port: bouncer.port, auth_file: bouncer.authFile },
      ...{ admin_user: bouncer.admin.user, admin_password: bouncer.admin.password, databases: ['pooled'] },
    };
    const { id, consumers } = await define(stack, { server: 'host-1', role, strategy, consumers: [consumer] });
    expect(JSON.stringify(consumers)).not.toContain(bouncer.admin.password);
    for (let run = 1; run <= 3; run += 1) {
      await rotated(stack, id);
      const { login: user, password } = await secretOf(stack, id);
      expect(await bouncer.query('SELECT session_user AS me', { user, password })).toEqual([{ me: user }]);
      const [stored] = await stack.target.query<{ verifier: string }>(
        `SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = '${user}'`,
      );
      const file = await readFile(join(directory, bouncer.authFile), 'utf8');
      expect(file.split('\n').filter((line) => line.startsWith(`"${role}`))).toEqual([
        `"${user}" "${stored?.verifier}"`,
      ]);
      expect(file).toContain(`"${bouncer.admin.user}"`);
    }
    expect((await stat(join(directory, bouncer.authFile))).mode & 0o777).toBe(0o600);
  });
});

describe('a webhook', () => {
  let id: string;

  test('gets a signed message whose link shows the password once, and confirms it', async () => {
    ({ id } = await define(stack, { server: 'host-1', role: 'called', strategy: 'in-place', consumers: [webhook()] }));
    await rotated(stack, id);
    const message = messages.at(-1);
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(message?.signature ?? '') ?? [];
    expect(mac).toBe(createHmac('sha256', SIGNING_KEY).update(`${time}.${message?.body}`).digest('hex'));
    const body = JSON.parse(message?.body ?? '');
    expect(body).toMatchObject({ event: 'rotation.password', rotation_id: id, login: 'called', version: 1 });
    const { password } = await secretOf(stack, id);
    expect(message?.body).not.toContain(password);
    const path = new URL(body.link.url).pathname;
    const opened = await stack.call('POST', path);
    expect(opened.body).toMatchObject({ username: 'called', password });
    expect((await stack.call('POST', path)).status).toBe(404);
  });

  test('that refuses has the former password stay, everywhere', async () => {
    const file = { kind: 'file', name: 'file', path: 'called/app.env', format: 'env' };
    await stack.call('PATCH', `/v1/rotations/${id}`, { consumers: [file, webhook()] });
    await rotated(stack, id);
    const before = [await secretOf(stack, id), await readFile(join(directory, 'called/app.env'), 'utf8')] as const;
    expect(before[1]).toContain(`PGPASSWORD='${before[0].password}'`);
    answer = 400;
    const task = await rotate(stack, id);
    answer = 204;
    expect(task).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('refused the new password with 400'),
    });
    const after = await secretOf(stack, id);
    expect(after).toEqual(before[0]);
    expect(await logsIn(stack, { user: 'called', password: after.password })).toBe(true);
    expect(await readFile(join(directory, 'called/app.env'), 'utf8')).toBe(before[1]);
    expect(await shown(stack, id)).toMatchObject({ alarm: { name: 'failing' }, last: { status: 'failed' } });
  });
});

describe('a PostgREST that needs a connection between the two passwords', () => {
  test('ends over the former one, is back with the new one, and once it has confirmed never tries the former one again', async () => {
    const id = 'caught';
    const role = rolesOf(id).owner;
    await provision(stack, { id, spec: shopSpec(id, stack.port(0)) } as { id: string });
    const rotation = await define(stack, { database_id: id, role, strategy: 'in-place' });
    const told = { subject: rotation.id, activity: 'changeService' };
    const [held, confirmed] = [faults.hold({ ...told, when: 'before' }), faults.hold({ ...told, when: 'after' })];
    const { body } = await stack.call('POST', `/v1/rotations/${rotation.id}/trigger`);
    await held.reached;
    const pids = async () => {
      const sessions = await stack.target.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE datname = '${id}' AND usename = '${role}'`,
      );
      return sessions.map(({ pid }) => pid);
    };
    const endAll = () =>
      stack.target.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${id}' AND usename = '${role}'`,
      );
    const refusals = async () => {
      const log = await readFile(stack.target.logFile, 'utf8');
      return log.split(`password authentication failed for user "${role}"`).length - 1;
    };
    const ask = () =>
      rest(stack.port(0), '/items', { token: shopToken(id) }).then(
        ({ status }) => status,
        () => undefined,
      );
    // It asks for a new connection, and is refused: it ends for good then, as every PostgREST does.
    await until(async () => ((await refusals()) === 0 ? true : undefined));
    await endAll();
    await ask();
    await until(async () => ((await pids()).length === 0 && (await refusals()) > 0 ? true : undefined));
    held.release();
    await confirmed.reached;
    // The host has said that the service has the new password. Whatever connection it needs from now on, it opens with that.
    const before = await refusals();
    for (let round = 0; round < 3; round += 1) {
      const sessions = await until(async () => {
        await ask();
        const open = await pids();
        return open.length > 0 ? open : undefined;
      });
      await endAll();
      await until(async () => ((await pids()).every((pid) => !sessions.includes(pid)) ? true : undefined));
    }
    await until(async () => ((await ask()) === 200 ? true : undefined));
    expect(await refusals()).toBe(before);
    confirmed.release();
    expect(await ended(stack, body)).toMatchObject({ status: 'completed' });
    expect(await ask()).toBe(200);
    expect(await refusals()).toBe(before);
    const { runs } = await shown(stack, rotation.id);
    process.stdout.write(
      `a PostgREST that was caught was refused ${before} times, and did not answer for ${runs[0].gap_ms} ms after it was told\n`,
    );
  });
});
