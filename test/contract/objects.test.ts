/** Contract, section 1.1, with what sections 5.2 and 6 say of objects. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseSchema } from '../../api/schemas/database.ts';
import { taskLogSchema } from '../../api/schemas/task.ts';
import { expectShape } from '../api/support/answers.ts';
import { create } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectMembers, expectOk, expectPlainValues } from './support/answers.ts';

const SECRET = 'c4nary-secret-of-more-than-32-bytes';

let stack: TestStack;
// biome-ignore lint/suspicious/noExplicitAny: the published form, as a client without types sees it
let shop: any;
// biome-ignore lint/suspicious/noExplicitAny: as above
let failed: any;
let taskId: string;

/** Two services, named so that their order is not the one in which they are asked for. */
function request() {
  const { spec, ...rest } = seedRequest({
    id: 'shop',
    port: stack.port(),
    user: 'shop_app',
    password: 'c4nary-password',
  });
  const [service] = spec.services;
  const services = [
    { ...service, service_id: 'web', port: stack.port(), memory: '1GiB', cpus: '0.5', config: { jwt_secret: SECRET } },
    { ...service, service_id: 'api', port: stack.port(1), orchestrator_opts: {}, config: { db_pool: 2 } },
  ];
  return { ...rest, tenant_id: 'tenant-1', spec: { ...spec, services } };
}

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  const made = await create(stack, request());
  expect(made).toMatchObject({ status: 'completed' });
  taskId = made.task_id;
  const failing = seedRequest({ id: 'failed', port: 0, user: 'failed_app', config: { db_schemas: 'nowhere' } });
  expect(await create(stack, failing)).toMatchObject({ status: 'failed' });
  shop = expectOk(await stack.call('GET', '/v1/databases/shop'));
  failed = expectOk(await stack.call('GET', '/v1/databases/failed'));
});
afterAll(() => stack?.stop());

describe('Database', () => {
  test('Database: required members, tenant, and nothing that the description does not know', () => {
    for (const database of [shop, failed]) {
      expectMembers('database', database);
      expectShape(databaseSchema, database);
      expectPlainValues(database);
    }
    expect([shop.tenant_id, failed]).toEqual([
      'tenant-1',
      expect.not.objectContaining({ tenant_id: expect.anything() }),
    ]);
  });

  test('Database: spec is the submitted one with the resolved version, without secrets, in the words of the user', () => {
    expect(shop.spec.postgres_version).toMatch(/^\d\d\.\d{1,2}$/);
    expect(shop.spec.database_users).toEqual([{ username: 'shop_app', db_owner: true, attributes: ['LOGIN'] }]);
    const [web] = shop.spec.services;
    expect([web.memory, web.cpus, web.config]).toEqual(['1GiB', '0.5', {}]);
    expect(JSON.stringify(shop)).not.toContain('c4nary');
  });

  test('Database: a list that would be empty is left out', async () => {
    const { spec } = seedRequest({ id: 'bare', port: 0, user: 'bare_app' });
    await create(stack, { id: 'bare', spec: { ...spec, services: [] } } as { id: string });
    expect(expectOk(await stack.call('GET', '/v1/databases/bare'))).not.toHaveProperty('service_instances');
  });
});

describe('Service instance', () => {
  test('Service instance: required members; its id is database, service and host', () => {
    for (const instance of [...shop.service_instances, ...failed.service_instances]) {
      expectMembers('serviceInstance', instance);
      expect(instance.service_instance_id).toBe(`${instance.database_id}-${instance.service_id}-${instance.host_id}`);
    }
  });

  test('Service instance: sorted by service and host', () => {
    expect(shop.service_instances.map(({ service_id: id }: { service_id: string }) => id)).toEqual(['api', 'web']);
  });

  test('Service instance: of a first deployment that failed is failed, with the error', () => {
    const [instance] = failed.service_instances;
    expect([instance.state, instance.error]).toEqual(['failed', expect.stringContaining('nowhere')]);
    expect(instance).not.toHaveProperty('status');
  });
});

describe('Service status', () => {
  test('Service status: the port is named http and has container_port 8080', () => {
    expect(shop.service_instances.map(({ status }: { status: { ports: unknown } }) => status.ports)).toEqual([
      [{ name: 'http', container_port: 8080, host_port: stack.port(1) }],
      [{ name: 'http', container_port: 8080, host_port: stack.port() }],
    ]);
  });

  test('Service status: GET / on the port named http answers 200', async () => {
    const port = shop.service_instances[0].status.ports.find(({ name }: { name: string }) => name === 'http');
    const [address] = shop.service_instances[0].status.addresses;
    expect((await fetch(`http://${address}:${port.host_port}/`)).status).toBe(200);
  });

  test('Service status: health, image, container and readiness of a running service', () => {
    for (const { state, status } of shop.service_instances) {
      expect(state).toBe('running');
      expect(status.service_ready).toBe(true);
      expect(status.health_check).toMatchObject({ status: 'healthy', checked_at: expect.any(String) });
      expect([typeof status.container_id, typeof status.image_version]).toEqual(['string', 'string']);
    }
  });
});

describe('Instance', () => {
  test('Instance: required members; its id ends with the hash of its host', () => {
    for (const database of [shop, failed]) {
      for (const instance of database.instances) expectMembers('instance', instance);
      expect(database.instances[0].id).toBe(`${database.id}-n1-689qacsi`);
    }
  });

  test('Instance: clients connect to the connection_info of the one whose role is primary', async () => {
    const primary = shop.instances.find(({ postgres }: { postgres: { role: string } }) => postgres.role === 'primary');
    const client = new pg.Client({
      host: primary.connection_info.addresses[0],
      port: primary.connection_info.port,
      user: 'shop_app',
      password: 'c4nary-password',
      database: shop.spec.database_name,
      ssl: { ca: stack.target.address.tls.caCertificate },
    });
    await client.connect();
    try {
      expect((await client.query('SELECT current_database() AS name')).rows).toEqual([{ name: 'shop' }]);
    } finally {
      await client.end();
    }
  });

  test('Instance: stays what it is, while its database is failed, and says why', () => {
    expect(failed.instances[0].error).toContain('nowhere');
  });
});

describe('Task and task log', () => {
  test('Task: required members, and a task id that is a UUID of version 7', async () => {
    const { tasks } = expectOk(await stack.call('GET', '/v1/tasks'));
    expect(tasks.length).toBeGreaterThanOrEqual(2);
    for (const task of tasks) {
      expectMembers('task', task);
      expect(task.task_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  test('Task: a failed one keeps its error and when it ended', async () => {
    const { tasks } = expectOk(await stack.call('GET', '/v1/databases/failed/tasks'));
    expect(tasks[0]).toMatchObject({ status: 'failed', error: expect.stringContaining('nowhere') });
    expect(tasks[0].completed_at).toBeTypeOf('string');
  });

  test('TaskLog: required members, entries with timestamp and message, fields where there are some', async () => {
    const log = expectOk(await stack.call('GET', `/v1/databases/shop/tasks/${taskId}/log`));
    expectMembers('taskLog', log);
    expectPlainValues(log);
    const { entries, ...rest } = expectShape(taskLogSchema, log);
    expect(rest).toMatchObject({ database_id: 'shop', task_status: 'completed', last_entry_id: expect.any(String) });
    expect(entries.length).toBeGreaterThan(3);
    expect(entries.some(({ fields }) => typeof fields?.duration_ms === 'number' && fields.success === true)).toBe(true);
  });
});
