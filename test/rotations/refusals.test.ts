import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePerson } from '../support/accounts.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { define, rotated, secretOf } from './support/rotations.ts';

let stack: TestStack;
let operator: Record<string, string>;
const server = 'host-1';
const MONTHLY = { every: 'P30D' };

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  ({ credentials: operator } = await makePerson(stack, { role: 'operator' }));
  await stack.target.query(`CREATE ROLE app LOGIN PASSWORD 'x'; CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE maker CREATEROLE LOGIN;
    CREATE ROLE heir LOGIN IN ROLE boss; CREATE ROLE reader LOGIN; GRANT pg_read_server_files TO reader; CREATE ROLE owned LOGIN;
    CREATE ROLE other LOGIN; CREATE ROLE locked NOLOGIN; CREATE ROLE taken LOGIN; CREATE ROLE taken_a`);
});
afterAll(() => stack?.stop());

const post = (body: Record<string, unknown>, credentials?: Record<string, string>) =>
  (credentials === undefined ? stack : stack.as(credentials)).call('POST', '/v1/rotations', {
    server,
    role: 'app',
    strategy: 'in-place',
    ...body,
  });

describe('what is no rotation is refused with the member at fault:', () => {
  test.each([
    ['a strategy of another kind', { strategy: 'yearly' }, 'strategy'],
    ['no role', { role: undefined }, 'role'],
    ['an unknown member', { passwrod: 'x' }, 'passwrod'],
    ['two places', { database_id: 'shop' }, 'exactly one of server'],
    ['half a place', { server: undefined, env: 'prod' }, 'database: belongs to env'],
    ['a schedule of nothing', { schedule: {} }, 'schedule: needs exactly one'],
    ['a schedule of two kinds', { schedule: { every: 60, cron: '@daily' } }, 'schedule: needs exactly one'],
    ['no length of time', { schedule: { every: 'P1M' } }, 'every'],
    ['a length of nothing', { schedule: { every: 0 } }, 'schedule.every: must be whole seconds'],
    ['four fields of cron', { schedule: { cron: '0 3 * *' } }, 'schedule.cron: must have five fields'],
    ['an hour that is none', { schedule: { cron: '0 24 * * *' } }, 'schedule.cron: has no valid hour'],
    ['a range that goes back', { schedule: { cron: '0 3 * * fri-mon' } }, 'schedule.cron: has no valid day of week'],
    [
      'no time zone',
      { schedule: { ...MONTHLY, time_zone: 'Mars/Olympus' } },
      'schedule.time_zone: there is no time zone',
    ],
    ['jitter longer than the interval', { schedule: { every: 60, jitter: 60 } }, 'schedule.jitter'],
    [
      'a window without length',
      { schedule: { ...MONTHLY, window: { start: '01:00', end: '01:00' } } },
      'schedule.window',
    ],
    [
      'a window of other times',
      { schedule: { ...MONTHLY, window: { start: '1:00', end: '25:00' } } },
      'schedule.window.end',
    ],
    ['a catch-up of a moment', { schedule: { ...MONTHLY, catch_up_window: 1 } }, 'schedule.catch_up_window'],
    ['a grace in place', { grace: 60 }, 'grace: is of alternating rotations'],
    ['logins in place', { logins: ['a', 'b'] }, 'logins: is of alternating rotations'],
    ['one login twice', { strategy: 'alternating', logins: ['a', 'a'] }, 'logins'],
    [
      'a grace into the next run',
      { strategy: 'alternating', schedule: { every: 60 }, grace: 60 },
      'grace: must be shorter',
    ],
    [
      'a file without a directory',
      { consumers: [{ kind: 'file', name: 'f', path: 'f' }] },
      'set PGSTEWARD_CONSUMERS_DIR',
    ],
    ['a way out of the directory', { consumers: [{ kind: 'file', name: 'f', path: '../f' }] }, 'consumers[0].path'],
    [
      'a webhook without a public address',
      { consumers: [{ kind: 'webhook', name: 'w', url: 'https://a.example', signing_key: '0123456789abcdef' }] },
      'PGSTEWARD_PUBLIC_URL',
    ],
  ])('%s', async (_, body, message) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.body.message).toContain(message);
  });

  test('a role or a server that is not there is 404', async () => {
    expect((await post({ role: 'nobody' })).status).toBe(404);
    expect((await post({ server: 'nowhere' })).status).toBe(404);
    expect((await post({ server: undefined, database_id: 'nowhere' })).status).toBe(404);
  });
});

describe('whose password is not for operators to change is refused with the rule:', () => {
  test.each([
    ['a superuser', 'boss', 'it is a superuser'],
    ['one that makes roles', 'maker', 'CREATEROLE'],
    ['one that can become a superuser', 'heir', 'through membership in "boss"'],
    ['one that reaches the host', 'reader', 'reaches the host'],
    ['the role of the control plane', 'postgres', "control plane's own role"],
    ['a role of PostgreSQL itself', 'pg_monitor', 'a role of PostgreSQL itself'],
  ])('%s', async (_, role, message) => {
    const answer = await post({ role }, operator);
    expect(answer.status).toBe(403);
    expect(answer.body.message).toContain(message);
  });

  test('a role on record for somebody else', async () => {
    await stack.control.db.query(
      `INSERT INTO credentials (server_name, role_name, owner, origin) VALUES ($1, 'owned', 'users', 'engine')`,
      [server],
    );
    expect((await post({ role: 'owned' }, operator)).body.message).toContain('it belongs to users');
  });

  test('and an administrator says otherwise for what may be changed at all, in a word of its own', async () => {
    expect((await post({ role: 'boss' })).status).toBe(403);
    expect((await post({ role: 'boss', override: true }, operator)).status).toBe(403);
    const { id } = await define(stack, { server, role: 'boss', strategy: 'in-place', override: true });
    expect(await rotated(stack, id)).toMatchObject({ status: 'completed' });
    expect((await post({ role: 'postgres', override: true })).status).toBe(403);
  });

  test('consumers that are no service of ours are for administrators to define (R16)', async () => {
    const webhook = { kind: 'webhook', name: 'w', url: 'https://a.example', signing_key: '0123456789abcdef' };
    const answer = await post({ consumers: [webhook] }, operator);
    expect([answer.status, answer.body.message]).toEqual([403, expect.stringContaining('needs the admin role')]);
  });
});

describe('a rotation', () => {
  test('is the only one of its role, listed by pages, and seen by those whose scope has its server', async () => {
    const { id } = await define(stack, { server, role: 'app', strategy: 'in-place' });
    expect((await post({ role: 'app' })).body).toMatchObject({ name: 'already_exists' });
    const { id: other } = await define(stack, {
      server,
      role: 'other',
      strategy: 'in-place',
      schedule: { cron: '30 3 * * 1' },
    });
    const first = await stack.call('GET', '/v1/rotations?limit=1');
    expect([first.body.rotations[0].id, first.body.has_more]).toEqual([other, true]);
    const second = await stack.call('GET', `/v1/rotations?limit=1&after_rotation_id=${other}`);
    expect(second.body.rotations[0].id).toBe(id);
    const { credentials } = await makePerson(stack, { role: 'operator', scope: { servers: ['elsewhere'] } });
    const foreign = stack.as(credentials);
    expect((await foreign.call('GET', '/v1/rotations')).body.rotations).toEqual([]);
    for (const [method, path] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/pause'],
      ['POST', '/trigger'],
      ['POST', '/secret'],
    ] as const) {
      const body = method === 'PATCH' ? {} : undefined;
      expect((await foreign.call(method, `/v1/rotations/${id}${path}`, body)).status).toBe(404);
    }
    expect((await stack.call('GET', `/v1/rotations/${other}`)).body).toMatchObject({
      schedule: { cron: '30 3 * * 1', time_zone: 'UTC' },
      next: expect.stringMatching(/T03:30:00Z$/),
    });
  });

  test('shows its password once a run has set it: again for the same key, and behind a link that opens once', async () => {
    const { rotations } = (await stack.call('GET', '/v1/rotations')).body;
    const { id } = rotations.find(({ role }: { role: string }) => role === 'app');
    expect((await stack.call('POST', `/v1/rotations/${id}/secret`)).status).toBe(404);
    await rotated(stack, id);
    const key = { 'idempotency-key': 'the-same' };
    const once = await stack.call('POST', `/v1/rotations/${id}/secret`, undefined, key);
    const again = await stack.call('POST', `/v1/rotations/${id}/secret`, undefined, key);
    expect(again.body).toEqual(once.body);
    expect(again.body.password).toBe((await secretOf(stack, id)).password);
    const { body } = await stack.call('POST', `/v1/rotations/${id}/secret`);
    expect(body).toMatchObject({ password: null, handover: { url: expect.any(String) } });
    const path = new URL(body.handover.url).pathname;
    expect((await stack.call('POST', path)).body).toMatchObject({ username: 'app', password: once.body.password });
    expect((await stack.call('POST', path)).status).toBe(404);
    const { rows } = await stack.control.db.query(
      `SELECT count(*)::int AS count FROM audit_log WHERE kind = 'reveal' AND resource = $1`,
      [`rotation/${id}`],
    );
    expect(rows[0].count).toBe(4);
    const kept = await stack.control.db.query('SELECT response::text AS text FROM idempotency_keys');
    expect(JSON.stringify(kept.rows)).not.toContain(once.body.password);
    expect(await stack.log()).not.toContain(once.body.password);
  });

  test('of a role that cannot log in, or whose login somebody else made, fails and says why', async () => {
    const fail = async (body: Record<string, unknown>) => {
      const { id } = await define(stack, { server, ...body });
      return rotated(stack, id).then(
        () => 'completed',
        (error: Error) => error.message,
      );
    };
    const file = { sessions: { policy: 'drain', drain: 1 } };
    expect(await fail({ role: 'locked', strategy: 'in-place', ...file })).toContain('has NOLOGIN');
    expect(await fail({ role: 'taken', strategy: 'alternating' })).toContain('was not made by this rotation');
  });
});

test('nothing is rotated on a server in maintenance, nor without the approval that a policy asks for', async () => {
  await stack.target.query('CREATE ROLE resting LOGIN');
  const { id } = await define(stack, { server, role: 'resting', strategy: 'in-place' });
  const trigger = () => stack.call('POST', `/v1/rotations/${id}/trigger`);
  await stack.call('POST', `/v1/servers/${server}/maintenance`, { enabled: true, reason: 'moving disks' });
  expect(await trigger()).toMatchObject({ status: 409, body: { name: 'server_in_maintenance' } });
  await stack.call('POST', `/v1/servers/${server}/maintenance`, { enabled: false });
  const policy = { name: 'rotations', kinds: ['rotation'], roles: ['resting'] };
  const { body: made } = await stack.call('POST', '/v1/approval-policies', policy);
  expect(await trigger()).toMatchObject({ status: 409, body: { name: 'approval_required' } });
  await stack.call('DELETE', `/v1/approval-policies/${made.id}`);
  expect((await trigger()).status).toBe(202);
});
