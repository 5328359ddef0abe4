import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provision } from '../e2e/support/tenants.ts';
import { remove } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { shopSpec } from '../update/support/shop.ts';
import { define, logsIn, rotated, secretOf, shown } from './support/rotations.ts';

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
