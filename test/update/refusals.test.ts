import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provision } from '../e2e/support/tenants.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { instanceOf, type Member, shopService, shopSpec, update, updated } from './support/shop.ts';

describe('an update is refused', () => {
  let stack: TestStack;
  const id = 'refused';
  const port = () => stack.port(0);
  const post = (spec: Member, path = id, more: Member = {}) =>
    stack.call('POST', `/v1/databases/${path}`, { ...more, spec });
  const without = (spec: Member, member: string) => {
    const { [member]: _, ...rest } = spec;
    return rest;
  };

  beforeAll(async () => {
    stack = await startTestStack({ runtime: 'process' });
    await provision(stack, { id, tenant_id: 'tenant-1', spec: shopSpec(id, port()) } as { id: string });
    await provision(stack, { id: 'other', spec: shopSpec('other', stack.port(1)) } as { id: string });
  });
  afterAll(() => stack?.stop());

  test('in the order of the contract: shape, specification, existence, hosts, what cannot change, state', async () => {
    const unknown = 'unknown-database';
    const bad = shopSpec(id, port(), { services: [shopService(id, port(), { config: { max_rows: 0 } })] });
    expect((await post(without(shopSpec(id, port()), 'nodes'), unknown)).headers.get('goa-error')).toBeNull();
    expect(await post(bad, unknown)).toMatchObject({ status: 400, body: { name: 'invalid_input' } });
    expect(await post(shopSpec(id, port()), unknown)).toMatchObject({ status: 404, body: { name: 'not_found' } });
    const elsewhere = {
      ...shopSpec(id, port()),
      nodes: [{ name: 'n1', host_ids: ['host-9'] }],
      database_name: 'renamed',
    };
    const hosts = await post(elsewhere, id, { tenant_id: 'tenant-1' });
    expect(hosts.body.message).toContain('got invalid host ids: host-9');
    const renamed = await post({ ...shopSpec(id, port()), database_name: 'renamed' }, id, { tenant_id: 'tenant-2' });
    expect(renamed.status).toBe(400);
    expect(renamed.body.message.split('\n')).toEqual([
      'invalid database update: tenant ID cannot be changed',
      'invalid database update: database name cannot be changed',
    ]);
  });

  test('while another operation is under way; what is wrong by itself is still a 400', async () => {
    await stack.hostWorker.stop();
    try {
      const change = shopSpec('other', stack.port(1), {
        services: [shopService('other', stack.port(1), { config: { max_rows: 7 } })],
      });
      const { body } = await post(change, 'other');
      expect(body.database.state).toBe('modifying');
      const again = await post(shopSpec('other', stack.port(1)), 'other');
      expect(again).toMatchObject({ status: 409, body: { name: 'database_not_modifiable' } });
      expect((await stack.call('DELETE', '/v1/databases/other')).status).toBe(409);
      const wrong = shopSpec('other', stack.port(1), { services: [shopService('other', 70_000)] });
      expect((await post(wrong, 'other')).status).toBe(400);
      // The same request again is the same task.
      expect((await post(change, 'other')).body.task.task_id).toBe(body.task.task_id);
    } finally {
      await stack.restartHostWorker();
    }
    await until(async () => {
      const { body } = await stack.call('GET', '/v1/databases/other');
      return body.state === 'available' ? true : undefined;
    }, 60_000);
  });

  test.each<[string, (stack: TestStack) => Member, string]>([
    ['a port of another database', (s) => ({ port: s.port(1) }), 'is used by a service of database "other"'],
    [
      'a port whose admin port another has',
      (s) => ({ port: s.port(1) - 1 }),
      'is used by a service of database "other"',
    ],
    ['an unknown connect_as', () => ({ connect_as: 'ghost' }), 'does not match any database_users entry'],
    ['more connections than the server has', () => ({ config: { db_pool: 30 }, host_ids: ['host-1'] }), ''],
  ])('for %s', async (_what, more, message) => {
    const services = message === '' ? many(stack) : [shopService(id, port(), more(stack))];
    const { status, body } = await post(shopSpec(id, port(), { services }), id, { tenant_id: 'tenant-1' });
    expect(status).toBe(400);
    expect(body.message).toContain(message === '' ? 'lower db_pool or raise max_connections' : message);
    const stored = await stack.call('GET', `/v1/databases/${id}`);
    expect(stored.body).toMatchObject({ state: 'available', spec: { services: [{ port: port() }] } });
  });

  /** More services with large pools than any server of the tests has connections for. */
  const many = (s: TestStack) =>
    Array.from({ length: 20 }, (_, index) => ({
      ...shopService(id, s.port(0), { config: { db_pool: 30 } }),
      port: 0,
      service_id: `api-${index}`,
    }));

  test('for another set of nodes', async () => {
    const moved = { ...shopSpec(id, port()), nodes: [{ name: 'n2', host_ids: ['host-1'] }] };
    const { status, body } = await post(moved, id, { tenant_id: 'tenant-1' });
    expect([status, body.message]).toEqual([400, expect.stringContaining('nodes cannot be added, removed or moved')]);
  });

  test('when it would remove a host that it names', async () => {
    const { status, body } = await stack.call('POST', `/v1/databases/${id}?remove_host=host-1&remove_host=host-7`, {
      tenant_id: 'tenant-1',
      spec: shopSpec(id, port()),
    });
    expect([status, body.message]).toEqual([400, expect.stringContaining('remove_host: host host-1 is still named')]);
  });
});

describe('an update', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ runtime: 'process' });
  });
  afterAll(() => stack?.stop());

  test('makes a database whose create failed', async () => {
    const broken = shopSpec('repaired', stack.port(0), {
      services: [shopService('repaired', stack.port(0), { config: { db_schemas: 'nowhere' } })],
    });
    await expect(provision(stack, { id: 'repaired', spec: broken } as { id: string })).rejects.toThrow('nowhere');
    const again = await stack.call('POST', '/v1/databases', { id: 'repaired', spec: broken });
    expect(again).toMatchObject({ status: 409, body: { name: 'database_already_exists' } });
    await updated(stack, 'repaired', shopSpec('repaired', stack.port(0)));
    expect((await instanceOf(stack, 'repaired')).state).toBe('running');
  });

  test('with dry_run answers what it would do, and does nothing', async () => {
    const id = 'planned';
    const create = { id, spec: shopSpec(id, stack.port(1)) };
    const planned = await stack.call('POST', '/v1/databases?dry_run=true', create);
    expect(planned.body.plan).toMatchObject({
      operation: 'create',
      users: [{ username: 'planned_app', action: 'create' }],
      services: [{ service_instance_id: 'planned-api-host-1', action: 'add', port: stack.port(1) }],
    });
    expect((await stack.call('GET', `/v1/databases/${id}`)).status).toBe(404);
    await provision(stack, create as { id: string });
    const before = await stack.call('GET', `/v1/databases/${id}`);
    const spec = shopSpec(id, stack.port(1), {
      users: [{ username: 'planned_clerk' }],
      services: [
        shopService(id, stack.port(1), { config: { max_rows: 9 } }),
        { ...shopService(id, stack.port(1)), service_id: 'second', port: 0 },
      ],
    });
    const { status, body } = await stack.call('POST', `/v1/databases/${id}?dry_run=true`, { spec });
    expect([status, body]).toEqual([
      200,
      {
        plan: {
          operation: 'update',
          users: [
            { username: 'planned_app', action: 'keep', reasons: [] },
            { username: 'planned_clerk', action: 'create', reasons: [] },
          ],
          services: [
            expect.objectContaining({ service_id: 'api', action: 'reload', reasons: ['db-max-rows'] }),
            expect.objectContaining({ service_id: 'second', action: 'add' }),
          ],
        },
      },
    ]);
    expect((await stack.call('GET', `/v1/databases/${id}`)).body).toEqual(before.body);
    expect((await stack.call('GET', `/v1/databases/${id}/tasks`)).body.tasks).toHaveLength(1);
  });

  test('keeps the number of a port that it leaves open, and gives back one that it no longer names', async () => {
    const id = 'ports';
    const spec = (port: number | undefined) => {
      const { port: _, ...open } = shopService(id, 0);
      return shopSpec(id, 0, { services: [port === undefined ? open : { ...open, port }] });
    };
    await provision(stack, { id, spec: spec(0) } as { id: string });
    const chosen = (await instanceOf(stack, id)).status.ports[0].host_port;
    const { container_id: container } = (await instanceOf(stack, id)).status;
    await updated(stack, id, spec(0));
    expect((await instanceOf(stack, id)).status).toMatchObject({
      container_id: container,
      ports: [{ host_port: chosen }],
    });
    await updated(stack, id, spec(stack.port(3)));
    expect((await instanceOf(stack, id)).status.ports[0].host_port).toBe(stack.port(3));
    await updated(stack, id, spec(0));
    expect((await instanceOf(stack, id)).status.ports[0].host_port).toBe(stack.port(3));
  });

  test('under one Idempotency-Key is one task; another request under that key is refused', async () => {
    const id = 'keyed';
    await provision(stack, { id, spec: shopSpec(id, stack.port(4)) } as { id: string });
    const spec = shopSpec(id, stack.port(4), { users: [{ username: 'keyed_clerk' }] });
    const key = { 'idempotency-key': 'one' };
    const first = await stack.call('POST', `/v1/databases/${id}`, { spec }, key);
    const second = await stack.call('POST', `/v1/databases/${id}`, { spec }, key);
    expect(second.body.task.task_id).toBe(first.body.task.task_id);
    const other = await stack.call('POST', `/v1/databases/${id}`, { spec: shopSpec(id, stack.port(4)) }, key);
    expect(other).toMatchObject({ status: 409, body: { name: 'idempotency_conflict' } });
    await update(stack, id, shopSpec(id, stack.port(4))).catch(() => undefined);
  });
});
