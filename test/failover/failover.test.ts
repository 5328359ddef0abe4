import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createFaults } from '../faults/support/faults.ts';
import { create, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { testRuntimes } from '../support/stack.ts';
import type { Member } from './support/group.ts';
import { type GroupStack, startGroupStack } from './support/stack.ts';
import { type ServiceUrl, untilWritten, urlsOf, writableRequest, write } from './support/writer.ts';

const HOSTS = ['host-1', 'host-2'];

describe.each(testRuntimes())('a failover without the control plane, with services in the %s runtime', (runtime) => {
  const faults = createFaults();
  let on: GroupStack;
  let first: Member;
  let second: Member;
  let services: ServiceUrl[];
  let before: { service_instances: ShownService[] };
  const stateSeen = new Set<string>();

  interface ShownService {
    service_instance_id: string;
    state: string;
    status: { container_id: string };
  }

  const shown = async () => {
    const { body } = await on.stack.call('GET', '/v1/databases/shop');
    for (const { state } of body.service_instances) stateSeen.add(state);
    return body;
  };
  const roleOf = async (hostId: string) =>
    (await shown()).instances.find((instance: { host_id: string }) => instance.host_id === hostId)?.postgres.role;
  /** Who listens for PostgREST on a server. */
  const listeners = async (member: Member) => {
    const rows = await member.query<{ name: string }>(
      `SELECT application_name AS name FROM pg_stat_activity WHERE datname = 'shop' AND query LIKE 'LISTEN%' ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  beforeAll(async () => {
    on = await startGroupStack({
      runtime,
      hosts: 2,
      members: 2,
      interceptors: faults.interceptors,
      env: { PGSTEWARD_PORT_RANGE: widePortRange(600) },
    });
    const [one, two] = on.group.members;
    if (one === undefined || two === undefined) throw new Error('two members');
    [first, second] = [one, two];
    expect(await create(on.stack, writableRequest('shop', HOSTS))).toMatchObject({ status: 'completed' });
    before = await shown();
    services = urlsOf(before as never);
    for (const service of services) expect(await write(service, 'before')).toBe(201);
    // The watch has seen the primary: what comes later is a change.
    await until(async () => (await seenPrimary())?.port === first.port || undefined);
  });
  afterAll(() => on?.stack.stop());

  async function seenPrimary(): Promise<{ port: number; timeline: number; problem: string | null } | undefined> {
    const { rows } = await on.stack.control.db.query('SELECT port, timeline, problem FROM server_primaries');
    return rows[0];
  }

  test('writes succeed within two seconds after the promotion, through the same services', async () => {
    await first.kill();
    for (const service of services) expect(await write(service, 'nobody takes this')).not.toBe(201);
    await shown();
    await second.promote();
    const took = await Promise.all(services.map((service) => untilWritten(service, 'after')));
    process.stdout.write(
      `promotion to first write: ${took.map(({ tookMs }) => `${tookMs.toFixed(0)} ms`).join(', ')}\n`,
    );
    expect(await second.query(`SELECT FROM items WHERE note = 'after'`, 'shop')).toHaveLength(services.length);
  });

  test('operations of the control plane find the new primary by themselves', async () => {
    const { status } = await on.stack.call('PUT', '/v1/servers/host-1/roles/after_failover', { login: false });
    expect(status).toBe(200);
    const found = await second.query(`SELECT FROM pg_roles WHERE rolname = 'after_failover'`);
    expect(found).toHaveLength(1);
  });

  test('is noticed: services listen on the new primary, and instances show their new roles', async () => {
    await until(async () => (await seenPrimary())?.port === second.port || undefined);
    await until(async () => ((await listeners(second)).length === services.length ? true : undefined));
    expect(await listeners(second)).toEqual(HOSTS.map((hostId) => `pgsteward/shop-api-${hostId}`));
    await until(async () => ((await roleOf('host-2')) === 'primary' ? true : undefined));
    expect(await roleOf('host-1')).toBeUndefined();
  });

  test('a former primary that comes back writable stops all changes, and both are named, until it is fenced', async () => {
    const fence = faults.hold({ subject: '', activity: 'fenceFormer', when: 'before' });
    onTestFinished(() => fence.release());
    await first.start();
    await fence.reached;
    const { body: probe } = await on.stack.call('POST', '/v1/servers/host-1/probe');
    expect(probe.problem).toMatch(/two primaries/);
    const { spec } = writableRequest('never-made', ['host-1'], []);
    const task = await create(on.stack, { id: 'never-made', ...{ spec: { ...spec, services: [] } } });
    expect(task).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/two primaries, 127\.0\.0\.\d:\d+ and/),
    });
    expect((await seenPrimary())?.problem).toMatch(`127.0.0.2:${second.port} (timeline 2)`);
    expect(await on.stack.log()).toMatch(/has several primaries/);
    fence.release();
    await until(async () => ((await seenPrimary())?.problem === null ? true : undefined));
    for (const member of [first, second]) {
      expect(await member.query(`SELECT FROM pg_roles WHERE rolname = 'never_made_web'`)).toHaveLength(0);
    }
  });

  test('a fenced former primary has no sessions of managed databases, and gets no writes', async () => {
    const sessions = `SELECT FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid()`;
    expect(await first.query(sessions)).toHaveLength(0);
    for (const service of services) expect(await write(service, 'fenced')).toBe(201);
    expect(await second.query(`SELECT FROM items WHERE note = 'fenced'`, 'shop')).toHaveLength(services.length);
    expect(await first.query(`SELECT FROM items WHERE note = 'fenced'`, 'shop')).toHaveLength(0);
    expect(await first.query('SHOW transaction_read_only', 'shop')).toEqual([{ transaction_read_only: 'on' }]);
    const { status } = await on.stack.call('PUT', '/v1/servers/host-1/roles/made_later', { login: false });
    expect(status).toBe(200);
  });

  test('no service was deployed again, and none was ever shown as failed', async () => {
    const after = await shown();
    const identity = ({ service_instances: all }: { service_instances: ShownService[] }) =>
      all.map((service) => [service.service_instance_id, service.status.container_id]);
    expect(identity(after)).toEqual(identity(before));
    expect([...stateSeen]).toEqual(['running']);
  });
});
