import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../access/engine/support/engine.ts';
import { guardOf } from '../drift/support/guard.ts';
import { provision, tenantRequest, owner as userOf } from '../e2e/support/tenants.ts';
import { type GroupStack, startGroupStack } from '../failover/support/stack.ts';
import { until } from '../support/follow.ts';
import { define, ended, logsIn, rotated, secretOf } from './support/rotations.ts';

let group: GroupStack;

beforeAll(async () => {
  group = await startGroupStack({ runtime: 'process', hosts: 1, members: 2 });
});
afterAll(async () => {
  await group?.stack.stop();
  await group?.group.stop();
});

test('a password is the current one only when every standby has replayed it and lets it in', async () => {
  const { stack } = group;
  const [, standby] = group.group.members;
  if (standby === undefined) throw new Error('the group has no standby');
  await stack.target.query('CREATE ROLE replicated LOGIN');
  const definition = { server: 'host-1', role: 'replicated', strategy: 'in-place' };
  const { id } = await define(stack, { ...definition, sessions: { policy: 'drain', drain: 1 } });
  await standby.query('SELECT pg_wal_replay_pause()');
  const { body } = await stack.call('POST', `/v1/rotations/${id}/trigger`);
  await until(async () => {
    const rows = await stack.target.query(
      `SELECT 1 FROM pg_authid WHERE rolname = 'replicated' AND rolpassword IS NOT NULL`,
    );
    return rows.length === 1 ? true : undefined;
  });
  // Nothing but the standby is waited for, and until then no password is current.
  expect((await stack.call('GET', `/v1/rotations/${id}`)).body).toMatchObject({ current: { version: 0 } });
  await standby.query('SELECT pg_wal_replay_resume()');
  expect(await ended(stack, body)).toMatchObject({ status: 'completed' });
  const log = await stack.call('GET', `/v1/servers/host-1/tasks/${body.task_id}/log`);
  const proven = log.body.entries.filter(({ message }: { message: string }) => message.startsWith('login of'));
  expect(proven).toHaveLength(2);
});

test('so is one that shares a batch, which goes on with other requests meanwhile', async () => {
  const { stack } = group;
  const [, standby] = group.group.members;
  if (standby === undefined) throw new Error('the group has no standby');
  await stack.target.query('CREATE ROLE batched LOGIN');
  const { id } = await define(stack, { server: 'host-1', role: 'batched', strategy: 'in-place' });
  await standby.query('SELECT pg_wal_replay_pause()');
  const { body } = await stack.call('POST', `/v1/rotations/${id}/trigger`);
  await until(async () => {
    const rows = await stack.target.query(
      `SELECT 1 FROM pg_authid WHERE rolname = 'batched' AND rolpassword IS NOT NULL`,
    );
    return rows.length === 1 ? true : undefined;
  });
  const other = await stack.call('PUT', '/v1/servers/host-1/roles/meanwhile', { login: false });
  expect(other.status).toBeLessThan(300);
  const paused = await stack.call('GET', `/v1/servers/host-1/tasks/${body.task_id}`);
  expect(paused.body).toMatchObject({ status: 'running', type: 'change_role' });
  expect((await stack.call('GET', `/v1/rotations/${id}`)).body).toMatchObject({ current: { version: 0 } });
  await standby.query('SELECT pg_wal_replay_resume()');
  expect(await ended(stack, body)).toMatchObject({ status: 'completed' });
  const log = await stack.call('GET', `/v1/servers/host-1/tasks/${body.task_id}/log`);
  expect(JSON.stringify(log.body.entries).match(/login of batched proven on/g)).toHaveLength(2);
});

test('where a standby stays behind, the former passwords are valid again, that of a run of its own and that of one in a batch', async () => {
  const { stack } = group;
  const [, standby] = group.group.members;
  if (standby === undefined) throw new Error('the group has no standby');
  await stack.target.query('CREATE ROLE left_alone LOGIN; CREATE ROLE left_batched LOGIN');
  const definition = { server: 'host-1', strategy: 'in-place' };
  const rotations = await Promise.all([
    define(stack, { ...definition, role: 'left_alone', sessions: { policy: 'drain', drain: 1 } }),
    define(stack, { ...definition, role: 'left_batched' }),
  ]);
  const verifiers = () =>
    stack.target.query(`SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'left%' ORDER BY rolname`);
  for (const { id } of rotations) await rotated(stack, id);
  const before = { verifiers: await verifiers(), secrets: await secrets() };
  function secrets() {
    return Promise.all(rotations.map(({ id }) => secretOf(stack, id)));
  }
  await standby.query('SELECT pg_wal_replay_pause()');
  const runs = await Promise.all(rotations.map(({ id }) => stack.call('POST', `/v1/rotations/${id}/trigger`)));
  const ends = await Promise.all(runs.map(({ body }) => ended(stack, body)));
  await standby.query('SELECT pg_wal_replay_resume()');
  for (const end of ends)
    expect(end).toMatchObject({ status: 'failed', error: expect.stringMatching(/has not replayed/) });
  expect(await verifiers()).toEqual(before.verifiers);
  expect(await secrets()).toEqual(before.secrets);
  for (const { login: user, password } of before.secrets) {
    expect(await logsIn(stack, { user, password, database: 'postgres' })).toBe(true);
  }
});

test('after a promotion every managed password is held against the new primary, and one that somebody set there is found and mended', async () => {
  const { stack } = group;
  const [primary, standby] = group.group.members;
  if (primary === undefined || standby === undefined) throw new Error('the group has no standby');
  const guard = guardOf({ stack } as Engine, 'host-1');
  /** With the password on record, on what is the primary then. */
  const isLetIn = async (user: string) => {
    const ssl = { ca: stack.target.address.tls.caCertificate };
    const place = { host: standby.address, port: standby.port, database: 'moved', ssl };
    const client = new pg.Client({ ...place, user, password: 'changeme' });
    const refusal = await client.connect().then(
      () => undefined,
      ({ code }: { code?: string }) => code,
    );
    await client.end().catch(() => undefined);
    return refusal ?? 'let in';
  };
  const users = ['moved_app', 'moved_other'];
  await provision(
    stack,
    tenantRequest({ id: 'moved', users: users.map((name, index) => userOf(name, { db_owner: index === 0 })) }),
  );
  await guard.check();
  expect((await guard.findings()).filter(({ kind }) => kind === 'password')).toEqual([]);
  // It ends when the standby has everything.
  await primary.stop();
  await standby.promote();
  await standby.query(`ALTER ROLE moved_app PASSWORD 'by hand'; ALTER ROLE batched PASSWORD 'by hand'`);
  const found = await until(async () => {
    await guard.check().catch(() => undefined);
    const passwords = (await guard.findings()).filter(({ kind }) => kind === 'password');
    return passwords.length > 0 ? passwords : undefined;
  }, 90_000);
  expect(found.map(({ role, state }) => [role, state]).toSorted()).toEqual([
    ['batched', 'open'],
    ['moved_app', 'open'],
  ]);
  expect(await isLetIn('moved_app')).toBe('28P01');
  await guard.policy({ password: 'repair' });
  await guard.checkAndRepair();
  expect(await isLetIn('moved_app')).toBe('let in');
  expect(await isLetIn('moved_other')).toBe('let in');
});
