/** A user of a database that is on two servers: one password, set on both, or on neither. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attachServer } from '../../store/hosts.ts';
import { provision, tenantRequest, owner as userOf } from '../e2e/support/tenants.ts';
import { remove } from '../support/follow.ts';
import { registerServer } from '../support/registered-server.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
import { define, logsIn, rotate, rotated, secretOf, shown } from './support/rotations.ts';

const role = 'wide_app';
let stack: TestStack;
let second: VersionedServer;
/** Roles of each server before there was anything. */
let before: string[];

const rolesOfSecond = async () => {
  const rows = await second.query<{ name: string }>(
    `SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
};

/** On which of the two a login is taken. */
async function logins(user: string, password: string): Promise<{ first: boolean; second: boolean }> {
  const there = await second.query('SELECT 1', { user, password, database: 'wide' }).then(
    () => true,
    (error: { code?: string }) => {
      if (error.code?.startsWith('28')) return false;
      throw error;
    },
  );
  return { first: await logsIn(stack, { user, password, database: 'wide' }), second: there };
}

const BOTH = { first: true, second: true };
const NEITHER = { first: false, second: false };

beforeAll(async () => {
  [stack, second] = await Promise.all([
    startTestStack({
      runtime: 'process',
      moreHosts: { 'host-2': { PGSTEWARD_HOST_ADDRESSES: '127.0.0.2', PGSTEWARD_HOST_SERVER: '' } },
    }),
    startServerOf(18),
  ]);
  await registerServer(stack, 'second', second, 'superuser');
  await attachServer(stack.control.db, { hostId: 'host-2', serverName: 'second' });
  before = await rolesOfSecond();
  const request = tenantRequest({ id: 'wide', users: [userOf(role)] });
  const nodes = ['host-1', 'host-2'].map((host, index) => ({ name: `n${index + 1}`, host_ids: [host] }));
  await provision(stack, { ...request, spec: { ...request.spec, nodes } } as { id: string });
}, 180_000);
afterAll(async () => {
  await stack?.stop();
  await second?.stop();
});

describe('in place', () => {
  let id: string;

  test('the password is set and proven on both servers before it is the current one', async () => {
    ({ id } = await define(stack, { database_id: 'wide', role, strategy: 'in-place' }));
    expect(await logins(role, 'changeme')).toEqual(BOTH);
    const task = await rotated(stack, id);
    const { password, version } = await secretOf(stack, id);
    expect(version).toBe(1);
    expect(await logins(role, password)).toEqual(BOTH);
    expect(await logins(role, 'changeme')).toEqual(NEITHER);
    const log = await stack.call('GET', `/v1/servers/host-1/tasks/${task.task_id}/log`);
    expect(JSON.stringify(log.body.entries).match(/login of wide_app proven on the primary/g)).toHaveLength(2);
  });

  test('it has one rotation, whichever server is named', async () => {
    const body = { server: 'second', role, strategy: 'in-place' };
    const answer = await stack.call('POST', '/v1/rotations', body);
    expect(answer).toMatchObject({ status: 409, body: { message: expect.stringContaining('server host-1') } });
  });

  test('what one of them refuses is taken back on both, byte for byte', async () => {
    const verifier = `SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = '${role}'`;
    const stored = async () => [await stack.target.query(verifier), await second.query(verifier)];
    const known = await stored();
    const { password } = await secretOf(stack, id);
    await second.query(`ALTER ROLE ${role} VALID UNTIL '2000-01-01'`);
    expect(await rotate(stack, id)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining(`login of "${role}"`),
    });
    await second.query(`ALTER ROLE ${role} VALID UNTIL 'infinity'`);
    expect(await stored()).toEqual(known);
    expect(await logins(role, password)).toEqual(BOTH);
    expect(await shown(stack, id)).toMatchObject({ current: { version: 1 } });
    await stack.call('DELETE', `/v1/rotations/${id}`);
  });
});

describe('alternating', () => {
  test('the two logins take turns on both servers, and go with the database', async () => {
    const sessions = { policy: 'end' };
    const { id } = await define(stack, { database_id: 'wide', role, strategy: 'alternating', sessions });
    await rotated(stack, id);
    const first = await secretOf(stack, id);
    expect(first.login).toBe('wide_app_a');
    expect(await logins(first.login, first.password)).toEqual(BOTH);
    await rotated(stack, id);
    const next = await secretOf(stack, id);
    expect(next.login).toBe('wide_app_b');
    expect(await logins(next.login, next.password)).toEqual(BOTH);
    expect(await logins(first.login, first.password)).toEqual(NEITHER);
    expect(await remove(stack, 'wide')).toMatchObject({ status: 'completed' });
    expect(await rolesOfSecond()).toEqual(before);
  });
});
