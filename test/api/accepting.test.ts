import { once } from 'node:events';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import { acceptedDatabaseSchema, acceptedTaskSchema } from '../../api/schemas/database.ts';
import { taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectError, expectProblems, expectShape } from './support/answers.ts';
import { changesNothing, rowCounts } from './support/records.ts';
import { bareRequest } from './support/requests.ts';

const KEY = 'Idempotency-Key';
/** Enough to meet at every await of the accepting path. */
const AT_ONCE = 6;

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

const post = (body: unknown, headers: Record<string, string> = {}) =>
  stack.call('POST', '/v1/databases', body, headers);
const tasksOf = async (id: string) => (await stack.call('GET', `/v1/databases/${id}/tasks`)).body.tasks;

/** Sends the same request many times at the same moment; every answer must be 200 and name the same task. */
async function oneTaskOf(send: () => ReturnType<TestStack['call']>): Promise<{ database_id: string; task_id: string }> {
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, send));
  expect(answers.map(({ status, body }) => [status, body.name, body.message])).toEqual(
    Array.from({ length: AT_ONCE }, () => [200, undefined, undefined]),
  );
  const ids = new Set(answers.map(({ body }) => body.task.task_id));
  expect(ids.size).toBe(1);
  return answers[0]?.body.task;
}

describe('while no worker takes tasks', () => {
  beforeAll(() => stack.controlWorker.stop());
  afterAll(async () => {
    await stack.restartControlWorker();
    const { databases } = (await stack.call('GET', '/v1/databases')).body;
    const tasks = await Promise.all(databases.map(({ id }: { id: string }) => tasksOf(id)));
    await Promise.all(tasks.flat().map((task) => taskEnded(stack, task)));
  });

  test('a create answers with its pending task and the database, without passwords', async () => {
    const { status, body, headers } = await post(bareRequest('pending', { password: 'c4nary-pending' }));
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    const { task, database } = expectShape(acceptedDatabaseSchema, body);
    expect(task).toMatchObject({ type: 'create', status: 'pending', scope: 'database', entity_id: 'pending' });
    expect(database).toMatchObject({ id: 'pending', state: 'creating', spec: { database_name: 'pending' } });
    expect(JSON.stringify(body)).not.toContain('c4nary');
  });

  test('a database without an id gets a random one', async () => {
    const { id: _, ...request } = bareRequest('nameless');
    const { body } = await post(request);
    expect(body.database.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(body.task.database_id).toBe(body.database.id);
  });

  test('the same create again gets the same task, and another create of that id is refused', async () => {
    const first = await post(bareRequest('joined'));
    const counts = await rowCounts(stack);
    const again = await post(bareRequest('joined'));
    expect(again.body.task).toEqual(first.body.task);
    const other = await changesNothing(stack, () => post(bareRequest('joined', { password: 'other' })));
    expectError(other, 409, 'database_already_exists', /"joined"/);
    expect(await rowCounts(stack)).toEqual(counts);
  });

  test('the order of members and members that mean nothing do not make it another create', async () => {
    const { id, spec } = bareRequest('reordered');
    const first = await post({ id, spec });
    const reordered = { spec: Object.fromEntries(Object.entries(spec).reverse()), unknown: 1, tenant_id: null, id };
    expect((await post(reordered)).body.task).toEqual(first.body.task);
  });

  test('the same create many times at once makes one task', async () => {
    await oneTaskOf(() => post(bareRequest('at-once')));
    expect(await tasksOf('at-once')).toHaveLength(1);
  });

  test('the same keyed create without an id many times at once makes one database', async () => {
    const { id: _, ...request } = bareRequest('keyed-at-once');
    const { databases } = await rowCounts(stack);
    await oneTaskOf(() => post(request, { [KEY]: 'at-once' }));
    expect((await rowCounts(stack)).databases).toBe((databases ?? 0) + 1);
  });

  test('different creates of one id at once make one database, and the others are 409', async () => {
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((suffix) => post(bareRequest('contested', { databaseName: `contested_${suffix}` }))),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expectError(answer, 409, 'database_already_exists');
    }
  });

  test('different creates of one database name at once make one database, and the others are told who has the name', async () => {
    const answers = await Promise.all(
      ['name-a', 'name-b'].map((id) => post(bareRequest(id, { databaseName: 'wanted' }))),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    const refused = answers.find(({ status }) => status === 400);
    if (refused === undefined) throw new Error('nobody was refused');
    expectProblems(refused, /^database_name: the name "wanted" is taken on server host-1 by database "name-[ab]"$/);
  });

  test('a specification that is wrong is 400 also where the id exists', async () => {
    const { id, spec } = bareRequest('pending');
    const answer = await changesNothing(stack, () => post({ id, spec: { ...spec, database_name: 'postgres' } }));
    expectProblems(answer, 'database_name: "postgres" belongs to the server itself');
  });

  test('a database whose create is under way cannot be deleted', async () => {
    const answer = await changesNothing(stack, () => stack.call('DELETE', '/v1/databases/pending'));
    expectError(answer, 409, 'database_not_modifiable', /^the database is creating/);
  });

  test('an Idempotency-Key that was used for another request is a conflict', async () => {
    await post(bareRequest('key-owner'), { [KEY]: 'taken' });
    const answer = await changesNothing(stack, () => post(bareRequest('key-thief'), { [KEY]: 'taken' }));
    expectError(answer, 409, 'idempotency_conflict');
  });

  test('different requests with one key at once: one is accepted, the others are conflicts', async () => {
    const answers = await Promise.all(
      ['race-a', 'race-b', 'race-c'].map((id) => post(bareRequest(id), { [KEY]: 'race' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expectError(answer, 409, 'idempotency_conflict');
    }
    expect(await rowCounts(stack).then(({ databases }) => databases)).toBe(
      (await stack.call('GET', '/v1/databases')).body.databases.length,
    );
  });

  test('a request that was refused leaves its key free', async () => {
    const { id, spec } = bareRequest('second-try');
    const wrong = await post({ id, spec: { ...spec, database_name: 'postgres' } }, { [KEY]: 'second-try' });
    expect(wrong.status).toBe(400);
    expect((await post({ id, spec }, { [KEY]: 'second-try' })).status).toBe(200);
  });

  test('after ten minutes a key is free again', async () => {
    await post(bareRequest('old-key'), { [KEY]: 'old' });
    await stack.control.db.query(
      `UPDATE idempotency_keys SET created_at = created_at - interval '10 minutes' WHERE key = 'old'`,
    );
    const { status, body } = await post(bareRequest('new-use'), { [KEY]: 'old' });
    expect([status, body.database.id]).toEqual([200, 'new-use']);
  });

  test.each(['', 'k'.repeat(256)])('a key of a wrong length is refused', async (key) => {
    const answer = await changesNothing(stack, () => post(bareRequest('bad-key'), { [KEY]: key }));
    expect([answer.status, answer.body.name]).toEqual([400, 'invalid_length']);
  });

  test('who asked, and for what, is on record', async () => {
    const { body, headers } = await post(bareRequest('audited', { password: 'c4nary-audit' }), {
      'X-Request-Id': 'my-request-17',
    });
    expect(headers.get('x-request-id')).toBe('my-request-17');
    const { rows } = await stack.control.db.query('SELECT * FROM audit_log WHERE task_id = $1', [body.task.task_id]);
    expect(rows).toEqual([
      expect.objectContaining({
        kind: 'intent',
        actor: 'admin',
        request_id: 'my-request-17',
        action: 'database.create',
        resource: 'database/audited',
      }),
    ]);
    expect(JSON.stringify(rows)).not.toContain('c4nary');
  });

  test('where a request came from is on record', async () => {
    const server = createAdaptorServer({ fetch: createApp(stack.api).fetch });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    try {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const response = await fetch(`http://127.0.0.1:${port}/v1/databases`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify(bareRequest('by-socket')),
      });
      expect(response.status).toBe(200);
      const { rows } = await stack.control.db.query(
        `SELECT source FROM audit_log WHERE resource = 'database/by-socket'`,
      );
      expect(rows).toEqual([{ source: '127.0.0.1' }]);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });
});

describe('once the task has ended', () => {
  const request = bareRequest('finished');

  beforeAll(async () => {
    const { body } = await post(request, { [KEY]: 'finished' });
    expect(await taskEnded(stack, body.task)).toMatchObject({ status: 'completed' });
  });

  test('the same create is refused without the key, and answered as before with it', async () => {
    expectError(await changesNothing(stack, () => post(request)), 409, 'database_already_exists');
    const { status, body } = await changesNothing(stack, () => post(request, { [KEY]: 'finished' }));
    expect([status, body.task.status]).toEqual([200, 'pending']);
    expectShape(acceptedDatabaseSchema, body);
  });

  test('the same keyed delete many times at once makes one task, and is answered alike when all is gone', async () => {
    const send = () => stack.call('DELETE', '/v1/databases/finished', undefined, { [KEY]: 'delete' });
    const task = await oneTaskOf(send);
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    const late = await send();
    expect(late.status).toBe(200);
    expect(expectShape(acceptedTaskSchema, late.body).task.task_id).toBe(task.task_id);
    expectError(await stack.call('DELETE', '/v1/databases/finished'), 404, 'not_found');
  });

  test('one key may serve two routes', async () => {
    const { body } = await post(bareRequest('both'), { [KEY]: 'both' });
    await taskEnded(stack, body.task);
    const answer = await stack.call('DELETE', '/v1/databases/both', undefined, { [KEY]: 'both' });
    expect([answer.status, answer.body.task?.type]).toEqual([200, 'delete']);
    expect(await taskEnded(stack, answer.body.task)).toMatchObject({ status: 'completed' });
  });
});
