/** Contract, section 1: the rows of databases. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../api/support/answers.ts';
import { changesNothing } from '../api/support/records.ts';
import { bareRequest } from '../api/support/requests.ts';
import { create, remove, taskEnded } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectMembers, expectOk, expectPlainValues, expectSchemaError } from './support/answers.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

const get = (path: string) => stack.call('GET', path);
const post = (body: unknown) => stack.call('POST', '/v1/databases', body);

test('GET /v1/databases: no databases are an empty list, never null', async () => {
  expect(expectOk(await get('/v1/databases'))).toEqual({ databases: [] });
});

describe('with a database', () => {
  const request = () => seedRequest({ id: 'shop', port: stack.port(), user: 'shop_app' });

  beforeAll(async () => {
    expect(await create(stack, request())).toMatchObject({ status: 'completed' });
  });

  test('POST /v1/databases: answers 200 with task and database', async () => {
    const { task, database, ...rest } = expectOk(await post(bareRequest('posted')));
    expect(rest).toEqual({});
    expectMembers('task', task);
    expectMembers('database', database);
    expectPlainValues({ task, database });
    expect(task).toMatchObject({ scope: 'database', entity_id: 'posted', database_id: 'posted', type: 'create' });
    expect([task.status, database.state, database.created_at]).toEqual(['pending', 'creating', task.created_at]);
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
  });

  test('POST /v1/databases: unknown members are ignored', async () => {
    const { id, spec } = bareRequest('unknown-members');
    const { task, database } = expectOk(await post({ id, spec: { ...spec, colour: 'blue' }, colour: 'blue' }));
    expect(database.spec).not.toHaveProperty('colour');
    await taskEnded(stack, task);
  });

  test('POST /v1/databases: a wrong specification is 400 invalid_input', async () => {
    const { id, spec } = bareRequest('never');
    const answer = await changesNothing(stack, () =>
      post({ id, spec: { ...spec, nodes: [{ name: 'n1', host_ids: ['nowhere'] }] } }),
    );
    expectError(answer, 400, 'invalid_input', /nowhere/);
  });

  test('POST /v1/databases: an id that exists is 409 database_already_exists, also when its create failed', async () => {
    expectError(
      await post(bareRequest('shop', { databaseName: 'other', user: 'other' })),
      409,
      'database_already_exists',
    );
    const failing = seedRequest({ id: 'failing', port: 0, user: 'failing_app', config: { db_schemas: 'nowhere' } });
    expect(await create(stack, failing)).toMatchObject({ status: 'failed' });
    expectError(await post(failing), 409, 'database_already_exists');
    expect(await remove(stack, 'failing')).toMatchObject({ status: 'completed' });
  });

  test('GET /v1/databases: a summary has no specification and no services', async () => {
    const { databases } = expectOk(await get('/v1/databases'));
    const shop = databases.find(({ id }: { id: string }) => id === 'shop');
    expectMembers('database', shop);
    expect(Object.keys(shop).sort()).toEqual(['created_at', 'id', 'instances', 'state', 'updated_at']);
    expectMembers('instance', shop.instances[0]);
    expectPlainValues(databases);
  });

  test.each(['include=available_upgrades', 'include=available_upgrades&include=available_upgrades'])(
    'GET /v1/databases and GET /v1/databases/{database_id}: %s is accepted',
    async (query) => {
      expect(expectOk(await get(`/v1/databases?${query}`))).toEqual(expectOk(await get('/v1/databases')));
      expect(expectOk(await get(`/v1/databases/shop?${query}`))).toEqual(expectOk(await get('/v1/databases/shop')));
    },
  );

  test('GET /v1/databases and GET /v1/databases/{database_id}: any other include is refused', async () => {
    expectSchemaError(await get('/v1/databases?include=everything'), 'invalid_enum_value');
    expectSchemaError(await get('/v1/databases/shop?include=everything'), 'invalid_enum_value');
  });

  test('GET /v1/databases/{database_id}: the database with its instances, services and specification', async () => {
    const database = expectOk(await get('/v1/databases/shop'));
    expectMembers('database', database);
    expectPlainValues(database);
    expect(database.instances).toHaveLength(1);
    expect(database.service_instances).toHaveLength(1);
    expect(database.spec.database_name).toBe('shop');
  });

  test('GET /v1/databases/{database_id}: an unknown database is 404 not_found', async () => {
    expectError(await get('/v1/databases/unheard-of'), 404, 'not_found');
  });

  test.each(['GET', 'DELETE'])(
    '%s /v1/databases/{database_id}: a malformed id is 400 invalid_input',
    async (method) => {
      expectError(await stack.call(method, '/v1/databases/Not_An_Id'), 400, 'invalid_input', /^database_id: /);
    },
  );

  describe('in pages', () => {
    const ids = async (query: string) =>
      expectOk(await get(`/v1/databases${query}`)).databases.map(({ id }: { id: string }) => id);

    test('GET /v1/databases: without a limit all of them come, by id', async () => {
      const all = await ids('');
      expect(all).toEqual(all.toSorted());
      expect(all).toContain('shop');
    });

    test('GET /v1/databases: after_database_id is exclusive, and need not exist any more', async () => {
      const all = await ids('');
      const paged: string[] = [];
      for (let last: string[] = await ids('?limit=1'); last.length > 0; ) {
        expect(last).toHaveLength(1);
        paged.push(...last);
        last = await ids(`?limit=1&after_database_id=${last[0]}`);
      }
      expect(paged).toEqual(all);
      expect(await ids('?after_database_id=a')).toEqual(all);
      expect(await ids('?after_database_id=zzz')).toEqual([]);
    });

    test.each([
      ['?limit=0', 'invalid_range'],
      ['?limit=1001', 'invalid_range'],
      ['?limit=all', 'invalid_field_type'],
      ['?after_database_id=%00', 'invalid_format'],
    ])('GET /v1/databases: %s is refused', async (query, name) => {
      expectSchemaError(await get(`/v1/databases${query}`), name);
    });
  });

  describe('deleted', () => {
    test('DELETE /v1/databases/{database_id}: an unknown database is 404 not_found, also by force', async () => {
      expectError(await stack.call('DELETE', '/v1/databases/unheard-of'), 404, 'not_found');
      expectError(await stack.call('DELETE', '/v1/databases/unheard-of?force=true'), 404, 'not_found');
    });

    test('DELETE /v1/databases/{database_id}: force that is no boolean is 400 invalid_field_type', async () => {
      const remove = () => stack.call('DELETE', '/v1/databases/shop?force=perhaps');
      expectSchemaError(await changesNothing(stack, remove), 'invalid_field_type');
    });

    test('DELETE /v1/databases/{database_id}: while it is created 409 database_not_modifiable, and 200 by force', async () => {
      await stack.controlWorker.stop();
      const { task } = expectOk(await post(bareRequest('creating')));
      const refused = await changesNothing(stack, () => stack.call('DELETE', '/v1/databases/creating?force=False'));
      expectError(refused, 409, 'database_not_modifiable', /creating/);
      const forced = expectOk(await stack.call('DELETE', '/v1/databases/creating?force=True'));
      await stack.restartControlWorker();
      expect(await taskEnded(stack, forced.task)).toMatchObject({ status: 'completed' });
      expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    });

    test('DELETE /v1/databases/{database_id}: answers 200 with the task alone', async () => {
      const { task, ...rest } = expectOk(await stack.call('DELETE', '/v1/databases/shop'));
      expect(rest).toEqual({});
      expectMembers('task', task);
      expect(task).toMatchObject({ type: 'delete', status: 'pending', entity_id: 'shop' });
      expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    });
  });
});
