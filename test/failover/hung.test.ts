import { afterAll, beforeAll, expect, test } from 'vitest';
import { create, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import type { Member } from './support/group.ts';
import { type GroupStack, startGroupStack } from './support/stack.ts';
import { type ServiceUrl, untilWritten, urlsOf, writableRequest, write } from './support/writer.ts';

const HOSTS = ['host-1', 'host-2'];
let on: GroupStack;
let first: Member;
let second: Member;
let services: ServiceUrl[];

beforeAll(async () => {
  on = await startGroupStack({
    runtime: 'process',
    hosts: 2,
    members: 2,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(400) },
  });
  const [one, two] = on.group.members;
  if (one === undefined || two === undefined) throw new Error('two members');
  [first, second] = [one, two];
  expect(await create(on.stack, writableRequest('shop', HOSTS))).toMatchObject({ status: 'completed' });
  services = urlsOf((await on.stack.call('GET', '/v1/databases/shop')).body);
  for (const service of services) expect(await write(service, 'before')).toBe(201);
  await until(async () => (await seenPrimary())?.port === first.port || undefined);
});
afterAll(() => on?.stack.stop());

async function seenPrimary(): Promise<{ port: number; problem: string | null } | undefined> {
  const { rows } = await on.stack.control.db.query('SELECT port, problem FROM server_primaries');
  return rows[0];
}

test('a primary that hangs is given up: writes succeed once the standby is promoted and stuck requests are abandoned', async () => {
  await first.freeze();
  // Pools hold connections that nobody answers: whoever waits gives up after its own bound.
  for (const service of services) expect(await write(service, 'stuck', 1_000)).toBe(0);
  await second.promote();
  for (const service of services) await untilWritten(service, 'after');
  expect(await second.query(`SELECT FROM items WHERE note = 'after'`, 'shop')).toHaveLength(services.length);
});

test('operations of the control plane do not hang with it', async () => {
  await until(async () => (await seenPrimary())?.port === second.port || undefined);
  const { status } = await on.stack.call('PUT', '/v1/servers/host-1/roles/after_hang', { login: false });
  expect(status).toBe(200);
  expect(await second.query(`SELECT FROM pg_roles WHERE rolname = 'after_hang'`)).toHaveLength(1);
});

test('one that goes on after the promotion is fenced, and the services listen on the new primary alone', async () => {
  await first.thaw();
  // Asked in the maintenance database: sessions in the other one are ended.
  const setting = `SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
    WHERE datname = 'shop' AND 'default_transaction_read_only=on' = ANY (setconfig)`;
  await until(async () => ((await first.query(setting)).length === 1 ? true : undefined));
  await until(async () => ((await seenPrimary())?.problem === null ? true : undefined));
  const listening = `SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = 'shop' AND query LIKE 'LISTEN%'`;
  await until(async () => ((await second.query(listening)).length === services.length ? true : undefined), 60_000);
  expect(await first.query(listening)).toEqual([]);
  for (const service of services) expect(await write(service, 'last')).toBe(201);
  expect(await second.query(`SELECT FROM items WHERE note = 'last'`, 'shop')).toHaveLength(services.length);
});
