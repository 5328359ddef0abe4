import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provision } from '../e2e/support/tenants.ts';
import { remove, until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { shopSpec } from '../update/support/shop.ts';
import { define, logsIn, rotate, rotated, secretOf, shown } from './support/rotations.ts';

let stack: TestStack;
const server = 'host-1';

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

describe('a role without anybody to tell', () => {
  test('gets another password in a batch, and whoever may ask is shown it', async () => {
    await stack.target.query(`CREATE ROLE plain LOGIN PASSWORD 'first'`);
    const { id } = await define(stack, { server, role: 'plain', strategy: 'in-place' });
    expect(await rotated(stack, id)).toMatchObject({ status: 'completed', type: 'change_role' });
    const { login, password, version } = await secretOf(stack, id);
    expect([login, version]).toEqual(['plain', 1]);
    expect(await logsIn(stack, { user: login, password })).toBe(true);
    expect(await logsIn(stack, { user: login, password: 'first' })).toBe(false);
    expect(await shown(stack, id)).toMatchObject({ next: null, last: { status: 'completed', batched: true } });
  });
});

describe('runs that share a batch', () => {
  const GOOD = 12;
  /** What the server refuses, whatever the password: it is expired, or the role may not log in. */
  const REFUSED = {
    expired: `LOGIN VALID UNTIL '2000-01-01'`,
    locked: 'NOLOGIN',
    empty: `LOGIN VALID UNTIL '2000-01-01'`,
  };
  const good = Array.from({ length: GOOD }, (_, index) => `good_${index}`);

  async function verifiers(): Promise<Map<string, string | null>> {
    const rows = await stack.target.query<{ role: string; verifier: string | null }>(
      'SELECT rolname AS role, rolpassword AS verifier FROM pg_authid',
    );
    return new Map(rows.map(({ role, verifier }) => [role, verifier]));
  }

  test('are proven by a login each; one that is refused has its former verifier back and harms no other', async () => {
    for (const role of good) await stack.target.query(`CREATE ROLE ${role} LOGIN PASSWORD 'first'`);
    for (const [role, attributes] of Object.entries(REFUSED)) {
      await stack.target.query(`CREATE ROLE ${role} ${attributes} ${role === 'empty' ? '' : `PASSWORD 'first'`}`);
    }
    const before = await verifiers();
    const roles = [...Object.keys(REFUSED), ...good];
    const ids = new Map<string, string>();
    for (const role of roles) ids.set(role, (await define(stack, { server, role, strategy: 'in-place' })).id);
    const tasks = await Promise.all(roles.map((role) => rotate(stack, ids.get(role) ?? '')));
    expect(new Set(tasks.map(({ type }) => type))).toEqual(new Set(['change_role']));
    const after = await verifiers();
    for (const [index, role] of roles.entries()) {
      const task = tasks[index];
      const id = ids.get(role) ?? '';
      if (Object.hasOwn(REFUSED, role)) {
        expect(task).toMatchObject({ status: 'failed', error: expect.stringContaining(`login of "${role}"`) });
        expect(after.get(role)).toBe(before.get(role));
        expect(await shown(stack, id)).toMatchObject({ current: { version: 0 }, last: { status: 'failed' } });
        continue;
      }
      expect(task).toMatchObject({ status: 'completed' });
      const log = await stack.call('GET', `/v1/servers/${server}/tasks/${task.task_id}/log`);
      expect(JSON.stringify(log.body.entries)).toContain(`login of ${role} proven on the primary`);
      const { login: user, password } = await secretOf(stack, id);
      expect(await logsIn(stack, { user, password })).toBe(true);
    }
  });

  test('end the sessions of the former password, where that was asked for, only when the new one is proven', async () => {
    await stack.target.query(`CREATE ROLE kept LOGIN PASSWORD 'first'`);
    const { endpoints, tls } = stack.target.address;
    const [endpoint] = endpoints;
    const place = { host: endpoint?.address, port: endpoint?.port, database: 'postgres' };
    const session = new pg.Client({ ...place, user: 'kept', password: 'first', ssl: { ca: tls.caCertificate } });
    let ended = false;
    session
      .on('error', () => undefined)
      .on('end', () => {
        ended = true;
      });
    await session.connect();
    const sessions = { policy: 'end' };
    const { id } = await define(stack, { server, role: 'kept', strategy: 'in-place', sessions });
    await stack.target.query(`ALTER ROLE kept VALID UNTIL '2000-01-01'`);
    expect(await rotate(stack, id)).toMatchObject({ status: 'failed' });
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await stack.target.query(`ALTER ROLE kept VALID UNTIL 'infinity'`);
    await rotated(stack, id);
    await until(async () => (ended ? true : undefined));
  });
});

describe('alternating logins', () => {
  let id: string;

  beforeAll(async () => {
    await stack.target.query(`CREATE ROLE app LOGIN PASSWORD 'first'; ALTER ROLE app SET search_path = "$user", 'Other', public;
      ALTER ROLE app CONNECTION LIMIT 7`);
    await stack.target.query('CREATE DATABASE shop OWNER app');
    ({ id } = await define(stack, { server, role: 'app', strategy: 'alternating', sessions: { policy: 'end' } }));
  });

  test('act as the role, which owns what either of them makes, and either alters what the other made', async () => {
    expect(await rotated(stack, id)).toMatchObject({ status: 'completed', type: 'rotate_password' });
    const first = await secretOf(stack, id);
    expect(first.login).toBe('app_a');
    const asFirst = { user: first.login, password: first.password, database: 'shop' };
    await stack.target.query('CREATE TABLE items (id int)', asFirst);
    expect(await logsIn(stack, { user: 'app', password: 'first' })).toBe(false);

    expect(await rotated(stack, id)).toMatchObject({ status: 'completed' });
    const second = await secretOf(stack, id);
    expect(second.login).toBe('app_b');
    expect(await logsIn(stack, asFirst)).toBe(false);
    const asSecond = { user: second.login, password: second.password, database: 'shop' };
    await stack.target.query('DISCARD ALL', asSecond);
    await stack.target.query('ALTER TABLE items ADD COLUMN name text', asSecond);
    const [row] = await stack.target.query<{ owner: string; path: string }>(
      `SELECT pg_get_userbyid(relowner) AS owner, current_setting('search_path') AS path FROM pg_class WHERE relname = 'items'`,
      asSecond,
    );
    expect(row).toEqual({ owner: 'app', path: '"$user", "Other", public' });

    expect(await rotated(stack, id)).toMatchObject({ status: 'completed' });
    expect((await secretOf(stack, id)).login).toBe('app_a');
  });
});

describe('a database that is deleted', () => {
  test('takes the logins that a rotation made, and the rotation, with it', async () => {
    const { roles } = await stack.target.inventory();
    await provision(stack, { id: 'gone', spec: shopSpec('gone', stack.port(0)) } as { id: string });
    const { id } = await define(stack, { database_id: 'gone', role: 'gone_app', strategy: 'alternating' });
    await rotated(stack, id);
    const { login, password } = await secretOf(stack, id);
    expect(await logsIn(stack, { user: login, password, database: 'gone' })).toBe(true);
    expect(await stack.call('DELETE', `/v1/rotations/${id}`)).toMatchObject({ status: 400 });
    expect(await remove(stack, 'gone')).toMatchObject({ status: 'completed' });
    expect((await stack.call('GET', `/v1/rotations/${id}`)).status).toBe(404);
    expect((await stack.target.inventory()).roles).toEqual(roles);
  });
});
