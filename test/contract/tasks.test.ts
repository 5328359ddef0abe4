/** Contract, section 1: the rows of tasks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appendLog, closeTask, insertTask, type TaskScope } from '../../store/tasks.ts';
import { expectError } from '../api/support/answers.ts';
import { changesNothing } from '../api/support/records.ts';
import { bareRequest } from '../api/support/requests.ts';
import { taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectMembers, expectOk, expectPlainValues, expectSchemaError } from './support/answers.ts';

const UNKNOWN = '019f6a00-0000-7000-8000-000000000001';
const STORED = 5;

let stack: TestStack;
/** Ids of tasks that have ended, oldest first, by what they are about. */
const ids: Record<'database' | 'host', string[]> = { database: [], host: [] };

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  for (let i = 0; i < STORED; i += 1) {
    ids.database.push(await store('database', 'paged'));
    ids.host.push(await store('host', 'host-1'));
  }
  await store('database', 'other');
});
afterAll(() => stack?.stop());

/** A task that has ended, with five lines of log. */
async function store(scope: Exclude<TaskScope, 'server'>, entityId: string): Promise<string> {
  const { db } = stack.control;
  const { id } = await insertTask(db, {
    scope,
    entityId,
    type: 'create',
    epoch: 1,
    workflowType: 'none',
    workflowKind: 'test',
    actor: 'test',
  });
  await closeTask(db, { taskId: id, status: 'failed', error: 'a reason' });
  await appendLog(db, { taskId: id, entries: ['a', 'b', 'c', 'd', 'e'].map((message) => ({ message })) });
  return id;
}

const get = (path: string) => stack.call('GET', path);

/** The three families, and how each calls the log. */
const FAMILIES = [
  ['/v1/databases/{database_id}/tasks', 'database', '/v1/databases/paged/tasks', 'log'],
  ['/v1/hosts/{host_id}/tasks', 'host', '/v1/hosts/host-1/tasks', 'logs'],
] as const;
const LISTS = [
  ...FAMILIES.map(([name, scope, path]) => [name, scope, path] as const),
  ['/v1/tasks?scope=database&entity_id=', 'database', '/v1/tasks?scope=database&entity_id=paged'] as const,
  ['/v1/tasks?scope=host&entity_id=', 'host', '/v1/tasks?scope=host&entity_id=host-1'] as const,
];

describe.each(LISTS)('GET %s', (name, scope, path) => {
  const page = async (query: string) => {
    const { tasks } = expectOk(await get(`${path}${path.includes('?') ? '&' : '?'}${query}`));
    return tasks.map(({ task_id: id }: { task_id: string }) => ids[scope].indexOf(id));
  };

  test(`${name}: every task has its required members`, async () => {
    const { tasks, ...rest } = expectOk(await get(path));
    expect(rest).toEqual({});
    expect(tasks).toHaveLength(STORED);
    expectPlainValues(tasks);
    for (const task of tasks) {
      expectMembers('task', task);
      expect(task).toMatchObject({ scope, status: 'failed', error: 'a reason' });
    }
  });

  test.each(['', 'desc', 'descend', 'descending'])(`${name}: sort_order=%s is newest first`, async (order) => {
    expect(await page(order === '' ? '' : `sort_order=${order}`)).toEqual([4, 3, 2, 1, 0]);
  });

  test.each(['asc', 'ascend', 'ascending'])(`${name}: sort_order=%s is oldest first`, async (order) => {
    expect(await page(`sort_order=${order}`)).toEqual([0, 1, 2, 3, 4]);
  });

  test(`${name}: after_task_id is exclusive in the chosen direction`, async () => {
    expect(await page(`after_task_id=${ids[scope][2]}`)).toEqual([1, 0]);
    expect(await page(`after_task_id=${ids[scope][2]}&sort_order=asc&limit=1`)).toEqual([3]);
    expect(await page(`after_task_id=${ids[scope][0]}`)).toEqual([]);
  });

  test.each([
    ['limit=0', 'invalid_range'],
    ['limit=some', 'invalid_field_type'],
    ['sort_order=up', 'invalid_enum_value'],
    ['after_task_id=1', 'invalid_format'],
  ])(`${name}: %s is refused`, async (query, error) => {
    expectSchemaError(await get(`${path}${path.includes('?') ? '&' : '?'}${query}`), error);
  });
});

describe('GET /v1/tasks', () => {
  test('GET /v1/tasks: without a scope the tasks of all databases and hosts come', async () => {
    const { tasks } = expectOk(await get('/v1/tasks'));
    expect(tasks).toHaveLength(2 * STORED + 1);
    const found = tasks.map(({ task_id: id }: { task_id: string }) => id);
    expect(found).toEqual(found.toSorted().reverse());
  });

  test('GET /v1/tasks: a scope alone selects', async () => {
    const { tasks } = expectOk(await get('/v1/tasks?scope=database'));
    expect(new Set(tasks.map(({ entity_id: id }: { entity_id: string }) => id))).toEqual(new Set(['paged', 'other']));
  });

  test('GET /v1/tasks: entity_id needs a scope', async () => {
    expectError(await get('/v1/tasks?entity_id=paged'), 400, 'invalid_input', /^entity_id: /);
  });

  test('GET /v1/tasks: an unknown entity has none', async () => {
    expect(expectOk(await get('/v1/tasks?scope=host&entity_id=unheard-of'))).toEqual({ tasks: [] });
  });

  test.each([
    ['scope=planet', 'invalid_enum_value'],
    ['scope=host&entity_id=%00', 'invalid_format'],
  ])('GET /v1/tasks: %s is refused', async (query, error) => {
    expectSchemaError(await get(`/v1/tasks?${query}`), error);
  });
});

describe.each(FAMILIES)('GET %s/…', (name, scope, path, log) => {
  test(`${name}: those of something unknown are an empty list, not 404`, async () => {
    expect(expectOk(await get(path.replace(/paged|host-1/, 'unheard-of')))).toEqual({ tasks: [] });
  });

  test(`${name}: those of a malformed id are 400 invalid_input`, async () => {
    expectError(await get(path.replace(/paged|host-1/, 'Not_An_Id')), 400, 'invalid_input');
  });

  test(`${name}/{task_id}: one task`, async () => {
    const task = expectOk(await get(`${path}/${ids[scope][0]}`));
    expectMembers('task', task);
    expect(task.completed_at).toBeTypeOf('string');
  });

  test.each(['', `/${log}`])(
    `${name}/{task_id}%s: an unknown task, or one of another entity, is 404 not_found`,
    async (rest) => {
      expectError(await get(`${path}/${UNKNOWN}${rest}`), 404, 'not_found');
      const others = scope === 'host' ? ids.database : ids.host;
      expectError(await get(`${path}/${others[0]}${rest}`), 404, 'not_found');
    },
  );

  test.each(['', `/${log}`])(`${name}/{task_id}%s: a task id that is no UUID is 400 invalid_format`, async (rest) => {
    expectSchemaError(await get(`${path}/latest${rest}`), 'invalid_format');
  });

  test(`${name}/{task_id}/${log}: entries come oldest first, a limit keeps the newest`, async () => {
    const messages = async (query: string) => {
      const body = expectOk(await get(`${path}/${ids[scope][1]}/${log}${query}`));
      expectMembers('taskLog', body);
      expectPlainValues(body);
      return body.entries.map(({ message }: { message: string }) => message).join('');
    };
    expect(await messages('')).toBe('abcde');
    expect(await messages('?limit=2')).toBe('de');
  });

  test(`${name}/{task_id}/${log}: last_entry_id is there also when nothing is newer`, async () => {
    const first = expectOk(await get(`${path}/${ids[scope][1]}/${log}`));
    const again = expectOk(await get(`${path}/${ids[scope][1]}/${log}?after_entry_id=${first.last_entry_id}`));
    expect(again).toEqual({ ...first, entries: [] });
    expect(first.last_entry_id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('GET …/tasks/{task_id}/cancel', () => {
  let path: string;
  let task: { database_id: string; task_id: string };
  const look = async () => expectOk(await get(path.replace('/cancel', '')));

  beforeAll(async () => {
    await stack.controlWorker.stop();
    ({ task } = expectOk(await stack.call('POST', '/v1/databases', bareRequest('stopped'))));
    path = `/v1/databases/stopped/tasks/${task.task_id}/cancel`;
  });

  test('cancel: HEAD is answered as GET would be, and changes nothing', async () => {
    const before = await look();
    const head = await changesNothing(stack, () => stack.request(path, { method: 'HEAD' }));
    expect([head.status, head.headers.get('cache-control'), await head.text()]).toEqual([200, 'no-store', '']);
    const unknown = await stack.request(path.replace(task.task_id, UNKNOWN), { method: 'HEAD' });
    expect(unknown.status).toBe(400);
    expect(await look()).toEqual(before);
  });

  test.each([{ 'Sec-Purpose': 'prefetch' }, { Purpose: 'prefetch' }, { 'X-Moz': 'prefetch' }])(
    'cancel: a prefetch is refused and changes nothing: %j',
    async (headers) => {
      const before = await look();
      for (const method of ['GET', 'HEAD', 'POST']) {
        const answer = await changesNothing(stack, () => stack.request(path, { method, headers }));
        expect([answer.status, answer.headers.get('cache-control')]).toEqual([403, 'no-store']);
      }
      expect(await look()).toEqual(before);
    },
  );

  test('cancel: an unknown task, or one of another database, is 400 invalid_input', async () => {
    expectError(await get(path.replace(task.task_id, UNKNOWN)), 400, 'invalid_input', /^task_id: /);
    expectError(await get(path.replace('/stopped/', '/paged/')), 400, 'invalid_input', /^task_id: /);
  });

  test('cancel: a task that has ended is 400 invalid_input', async () => {
    const ended = `/v1/databases/paged/tasks/${ids.database[0]}/cancel`;
    expectError(
      await changesNothing(stack, () => get(ended)),
      400,
      'invalid_input',
      'task_id: the task is failed; only a pending or running one can be cancelled',
    );
  });

  test('cancel: a task id that is no UUID is 400 invalid_format', async () => {
    expectSchemaError(await get('/v1/databases/stopped/tasks/latest/cancel'), 'invalid_format');
  });

  test('cancel: a pending task is answered with status canceling, ends as canceled, and its database is failed', async () => {
    const body = expectOk(await get(path));
    expectMembers('task', body);
    expect(body).toMatchObject({ task_id: task.task_id, status: 'canceling', type: 'create' });
    expect((await look()).status).toBe('canceling');
    expectError(await get(path), 400, 'invalid_input', /canceling/);
    await stack.restartControlWorker();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    expect(expectOk(await get('/v1/databases/stopped')).state).toBe('failed');
    expectError(await get(path), 400, 'invalid_input', /canceled/);
    const log = expectOk(await get(path.replace('/cancel', '/log')));
    expect(log.entries.at(-1).message).toMatch(/^canceled: /);
  });
});
