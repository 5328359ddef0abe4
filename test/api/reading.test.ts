import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTE_RULES } from '../../api/access/rules.ts';
import { databaseListSchema, databaseSchema } from '../../api/schemas/database.ts';
import { taskListSchema, taskLogSchema, taskSchema } from '../../api/schemas/task.ts';
import { versionSchema } from '../../api/schemas/version.ts';
import { appendLog, closeTask, insertTask } from '../../store/tasks.ts';
import { create, remove } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectError, expectShape } from './support/answers.ts';

const UNKNOWN = '019f6a00-0000-7000-8000-000000000001';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

const get = (path: string) => stack.call('GET', path);

test('without databases the list is empty, not missing', async () => {
  expect((await get('/v1/databases')).body).toEqual({ databases: [] });
});

test('what is running is told in full', async () => {
  const { status, body } = await get('/v1/version');
  expect(status).toBe(200);
  expectShape(versionSchema, body);
});

test('the root tells name, version and authentication, and links to the description of the API', async () => {
  const { status, body, headers } = await get('/');
  expect([status, body]).toEqual([
    200,
    {
      service: 'pgsteward',
      version: '0.0.0',
      auth: 'bearer token; none on loopback for published pgEdge routes',
    },
  ]);
  expect(headers.get('link')).toBe('</v1/openapi.json>; rel="service-desc", </v1/docs>; rel="service-doc"');
  const description = await get('/v1/openapi.json');
  expect(description.status).toBe(200);
  const paths = Object.keys(ROUTE_RULES).map((key) => key.replace(/^\S+ /, ''));
  expect(Object.keys(description.body.paths).sort()).toEqual([...new Set(paths)].sort());
});

describe('a database that was created', () => {
  const request = () =>
    seedRequest({
      id: 'shown',
      port: stack.port(),
      user: 'shown_app',
      password: 'c4nary-password',
      config: { jwt_secret: 'c4nary-secret-of-more-than-32-bytes', max_rows: 5 },
    });
  let taskId: string;

  beforeAll(async () => {
    const task = await create(stack, request());
    expect(task).toMatchObject({ status: 'completed' });
    taskId = task.task_id;
  });

  test('is shown in full, with its primary and its running service', async () => {
    const { status, body, headers } = await get('/v1/databases/shown');
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    const database = expectShape(databaseSchema, body);
    expect(database.state).toBe('available');
    expect(database.instances).toEqual([
      expect.objectContaining({
        id: 'shown-n1-689qacsi',
        state: 'available',
        connection_info: { addresses: ['127.0.0.1'], port: stack.target.address.endpoints[0]?.port },
        postgres: { version: expect.stringMatching(/^\d+\.\d+$/), role: 'primary' },
      }),
    ]);
    expect(database.service_instances).toEqual([
      expect.objectContaining({
        service_instance_id: 'shown-api-host-1',
        state: 'running',
        status: expect.objectContaining({
          addresses: ['127.0.0.1'],
          ports: [{ name: 'http', container_port: 8080, host_port: stack.port() }],
          health_check: expect.objectContaining({ status: 'healthy' }),
          service_ready: true,
        }),
      }),
    ]);
  });

  test('is shown as it was asked for, with the resolved version, and without secrets', async () => {
    const { body } = await get('/v1/databases/shown');
    const { database_users, services, ...rest } = request().spec;
    expect(body.spec).toEqual({
      ...rest,
      postgres_version: expect.stringMatching(/^\d+\.\d+$/),
      database_users: database_users.map(({ password: _, ...user }) => user),
      services: services.map((service) => ({ ...service, config: { max_rows: 5 } })),
    });
    expect(JSON.stringify(body)).not.toContain('c4nary');
  });

  test('is listed without specification and services', async () => {
    const { databases } = expectShape(databaseListSchema, (await get('/v1/databases')).body);
    expect(databases.map(({ id, state, instances }) => [id, state, instances?.length])).toEqual([
      ['shown', 'available', 1],
    ]);
  });

  test('has a task with a log that tells the steps, oldest first', async () => {
    const task = expectShape(taskSchema, (await get(`/v1/databases/shown/tasks/${taskId}`)).body);
    expect(task).toMatchObject({ type: 'create', status: 'completed', database_id: 'shown', task_id: taskId });
    const log = expectShape(taskLogSchema, (await get(`/v1/databases/shown/tasks/${taskId}/log`)).body);
    expect(log).toMatchObject({ task_id: taskId, task_status: 'completed' });
    const times = log.entries.map(({ timestamp }) => timestamp);
    expect(log.entries.at(-1)?.message).toBe('database is available');
    expect(times.length).toBeGreaterThan(3);
    expect(JSON.stringify(log)).not.toContain('c4nary');
  });

  test('can be deleted; its tasks stay readable until its id is used again', async () => {
    expect(await remove(stack, 'shown')).toMatchObject({ status: 'completed' });
    expectError(await get('/v1/databases/shown'), 404, 'not_found');
    const { tasks } = expectShape(taskListSchema, (await get('/v1/databases/shown/tasks')).body);
    expect(tasks.map(({ type, status }) => [type, status])).toEqual([
      ['delete', 'completed'],
      ['create', 'completed'],
    ]);
    expect((await get(`/v1/databases/shown/tasks/${taskId}/log`)).body.entries.length).toBeGreaterThan(3);

    const again = await create(stack, request());
    expect(
      (await get('/v1/databases/shown/tasks')).body.tasks.map((task: { task_id: string }) => task.task_id),
    ).toEqual([again.task_id]);
    expectError(await get(`/v1/databases/shown/tasks/${taskId}`), 404, 'not_found');
  });
});

describe('tasks', () => {
  const ids: string[] = [];

  beforeAll(async () => {
    for (let i = 0; i < 5; i += 1) {
      const task = await insertTask(stack.control.db, {
        scope: 'database',
        entityId: 'paged',
        type: 'create',
        epoch: 1,
        workflowType: 'provisionDatabase',
        workflowKind: 'provision-database',
        actor: 'test',
      });
      await closeTask(stack.control.db, { taskId: task.id, status: 'failed', error: 'a reason' });
      ids.push(task.id);
    }
  });

  test.each([
    ['?limit=0', 'invalid_range'],
    ['?limit=1001', 'invalid_range'],
    ['?limit=few', 'invalid_field_type'],
    ['?limit=1.5', 'invalid_field_type'],
    ['?after_task_id=7', 'invalid_format'],
    ['?sort_order=random', 'invalid_enum_value'],
    ['/7', 'invalid_format'],
    ['/7/log', 'invalid_format'],
    [`/${UNKNOWN}/log?after_entry_id=last`, 'invalid_format'],
  ])('asked for wrongly are 400 in the form of the framework: %s', async (suffix, name) => {
    const { status, body, headers } = await get(`/v1/databases/paged/tasks${suffix}`);
    expect([status, body.name, headers.get('goa-error')]).toEqual([400, name, null]);
  });

  describe('have a log', () => {
    let path: string;

    beforeAll(async () => {
      const taskId = ids[4] ?? '';
      path = `/v1/databases/paged/tasks/${taskId}/log`;
      const entries = ['a', 'b', 'c', 'd', 'e'].map((message) => ({ message, fields: { n: message } }));
      await appendLog(stack.control.db, { taskId, entries });
    });

    const log = async (query = '') => {
      const { body } = await get(`${path}${query}`);
      const { entries, last_entry_id: last } = expectShape(taskLogSchema, body);
      return { messages: entries.map(({ message }) => message).join(''), last };
    };

    test('that comes oldest first; a limit keeps the newest', async () => {
      expect((await log()).messages).toBe('abcde');
      expect((await log('?limit=2')).messages).toBe('de');
    });

    test('that can be followed entry by entry, and names its last entry also when nothing is new', async () => {
      const { last } = await log();
      expect(await log(`?after_entry_id=${last}`)).toEqual({ messages: '', last });
      await appendLog(stack.control.db, { taskId: ids[4] ?? '', entries: [{ message: 'f' }, { message: 'g' }] });
      const next = await log(`?after_entry_id=${last}`);
      expect(next.messages).toBe('fg');
      expect(next.last).not.toBe(last);
      expect((await log(`?after_entry_id=${last}&limit=1`)).messages).toBe('g');
    });

    test('that is an empty list when nothing was logged', async () => {
      const { body } = await get(`/v1/databases/paged/tasks/${ids[0]}/log`);
      expect(expectShape(taskLogSchema, body).entries).toEqual([]);
      expect(body).not.toHaveProperty('last_entry_id');
    });
  });
});

describe('an identifier in the path', () => {
  test.each([
    ['GET', '/v1/databases/Upper'],
    ['DELETE', '/v1/databases/Upper'],
    ['GET', '/v1/databases/a--b'],
    ['GET', '/v1/databases/-a'],
    ['GET', '/v1/databases/%00'],
    ['GET', '/v1/databases/Upper/tasks'],
    ['GET', '/v1/hosts/Upper'],
  ])('of the wrong form is refused by the application: %s %s', async (method, path) => {
    expectError(await stack.call(method, path), 400, 'invalid_input', /^(database|host)_id: must be 1 to 36/);
  });

  test.each(['/v1/databases', '/v1/hosts'])('that is too long is an error of shape: %s/…', async (path) => {
    const { status, body, headers } = await get(`${path}/${'a'.repeat(37)}`);
    expect([status, body.name, headers.get('goa-error')]).toEqual([400, 'invalid_length', null]);
  });

  test.each([
    ['GET', '/v1/databases/unheard-of'],
    ['DELETE', '/v1/databases/unheard-of'],
    ['GET', '/v1/hosts/unheard-of'],
  ])('of something unknown is 404: %s %s', async (method, path) => {
    expectError(await stack.call(method, path), 404, 'not_found', /^no (database|host) found with the given ID$/);
  });
});
