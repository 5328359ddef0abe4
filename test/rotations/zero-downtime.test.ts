import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rest } from '../e2e/support/rest.ts';
import { provision } from '../e2e/support/tenants.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { startProbe } from '../update/support/probe.ts';
import { rolesOf, shopSpec, shopToken, updated } from '../update/support/shop.ts';
import { startClients } from './support/clients.ts';
import { define, logsIn, rotated, secretOf, shown } from './support/rotations.ts';

const RUNS = Number(process.env.ROTATION_RUNS ?? 5);
/** A bound for hangs: a run takes a few seconds. */
const BOUND_MS = 60_000 + RUNS * 30_000;

let directory: string;
let stack: TestStack;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgsteward-consumers-'));
  // In containers where they run: what a process reads again is seen by the tests of faults and consumers.
  const [runtime = 'process'] = testRuntimes();
  stack = await startTestStack({ runtime, env: { PGSTEWARD_CONSUMERS_DIR: directory } });
});
afterAll(async () => {
  await stack?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A shop with its service, a file that tells clients the login, and a rotation. */
async function shopWith(id: string, index: number, rotation: Record<string, unknown>) {
  const port = stack.port(index);
  await provision(stack, { id, spec: shopSpec(id, port) } as { id: string });
  const file = { kind: 'file', name: 'clients', path: `${id}.json`, database: id };
  const defined = await define(stack, { database_id: id, role: rolesOf(id).owner, consumers: [file], ...rotation });
  const login = async () => {
    const told = JSON.parse(await readFile(join(directory, `${id}.json`), 'utf8'));
    return { user: told.login as string, password: told.password as string };
  };
  return { port, login, rotationId: defined.id as string };
}

/** A session of the role, opened with its first password. */
async function openSession(id: string) {
  const { address } = stack.target;
  const [endpoint] = address.endpoints;
  const session = new pg.Client({
    ...{ host: endpoint?.address, port: endpoint?.port, database: id },
    ...{ user: rolesOf(id).owner, password: 'changeme', ssl: { ca: address.tls.caCertificate } },
  });
  await session.connect();
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return { session, pid: rows[0]?.pid };
}

describe('alternating rotations', () => {
  test(
    `lose no request and refuse no login, however often they run (${RUNS} times here)`,
    async () => {
      const id = 'shop';
      const { port, login, rotationId } = await shopWith(id, 0, {
        strategy: 'alternating',
        grace: 1,
        sessions: { policy: 'drain', drain: 1 },
      });
      const probe = startProbe({ port, table: 'items', token: shopToken(id) });
      await rotated(stack, rotationId);
      const clients = startClients(stack, { login, database: id, count: 4 });
      for (let run = 1; run < RUNS; run += 1) await rotated(stack, rotationId);
      const [requests, logins] = [await probe.stop(), await clients.stop()];
      process.stdout.write(`alternating: ${RUNS} runs, ${requests.requests} requests, ${logins.logins} logins\n`);
      expect(requests.failures).toEqual([]);
      expect(logins.refused).toEqual([]);
      expect(requests.requests).toBeGreaterThan(RUNS);
      expect(logins.logins).toBeGreaterThan(RUNS);
      const { current, runs } = await shown(stack, rotationId);
      expect(current).toMatchObject({ version: RUNS, login: RUNS % 2 === 1 ? 'shop_app_a' : 'shop_app_b' });
      expect(runs[0]).toMatchObject({ status: 'completed', gap_ms: 0 });
    },
    BOUND_MS,
  );

  test('leave the database to later updates, whose services keep the login that is current', async () => {
    const id = 'shop';
    await updated(
      stack,
      id,
      shopSpec(id, stack.port(0), { users: [{ username: 'shop_more', attributes: ['LOGIN'], password: 'x' }] }),
      '?force_update=true',
    );
    expect((await rest(stack.port(0), '/items', { token: shopToken(id) })).status).toBe(200);
    const users = await stack.target.query<{ usename: string }>(
      `SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'shop' AND application_name LIKE '%shop%'`,
    );
    expect(users.map(({ usename }) => usename)).toEqual([expect.stringMatching(/^shop_app_[ab]$/)]);
  });
});

describe('in-place rotations', () => {
  test(
    'leave open sessions alone, and say how long it took until every service and consumer had the new password',
    async () => {
      const id = 'store';
      const { port, login, rotationId } = await shopWith(id, 1, { strategy: 'in-place' });
      const { session, pid } = await openSession(id);
      const probe = startProbe({ port, table: 'items', token: shopToken(id) });
      await rotated(stack, rotationId);
      const clients = startClients(stack, { login, database: id, count: 2 });
      for (let run = 1; run < RUNS; run += 1) await rotated(stack, rotationId);
      const [requests, logins] = [await probe.stop(), await clients.stop()];
      const { runs } = await shown(stack, rotationId);
      const windows = runs.map((run: { window_ms: number }) => run.window_ms);
      process.stdout.write(
        `in-place: ${RUNS} runs, ${requests.requests} requests of which ${requests.failures.length} failed (longest gap ${Math.round(requests.longestGapMs)} ms), ${logins.logins} logins and ${logins.refused.length} refused; window at most ${Math.max(...windows)} ms\n`,
      );
      expect(windows).toHaveLength(Math.min(RUNS, 20));
      expect((await session.query('SELECT pg_backend_pid() AS pid')).rows).toEqual([{ pid }]);
      await session.end();
      expect((await rest(port, '/items', { token: shopToken(id) })).status).toBe(200);
      const { login: user, password } = await secretOf(stack, rotationId);
      expect(user).toBe(rolesOf(id).owner);
      expect(await logsIn(stack, { user, password, database: id })).toBe(true);
      expect(await login()).toEqual({ user, password });
    },
    BOUND_MS,
  );
});
