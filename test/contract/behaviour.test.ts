/** Contract, section 4: states and tasks, with what section 6 says of clients that follow them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../api/support/answers.ts';
import { bareRequest } from '../api/support/requests.ts';
import { create, remove, taskEnded } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectMembers, expectOk } from './support/answers.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

const get = (path: string) => stack.call('GET', path);
const stateOf = async (id: string) => expectOk(await get(`/v1/databases/${id}`)).state;
const remaining = async (id: string) => expectOk(await get(`/v1/databases/${id}/tasks`)).tasks;

describe('states', () => {
  test('states: creating at acceptance, available after success, deleting while deleted, then gone', async () => {
    await stack.controlWorker.stop();
    const created = expectOk(await stack.call('POST', '/v1/databases', bareRequest('states')));
    expect([created.database.state, await stateOf('states')]).toEqual(['creating', 'creating']);
    await stack.restartControlWorker();
    expect(await taskEnded(stack, created.task)).toMatchObject({ status: 'completed' });
    expect(await stateOf('states')).toBe('available');
    await stack.controlWorker.stop();
    const deleted = expectOk(await stack.call('DELETE', '/v1/databases/states'));
    expect(await stateOf('states')).toBe('deleting');
    await stack.restartControlWorker();
    expect(await taskEnded(stack, deleted.task)).toMatchObject({ status: 'completed' });
    expectError(await get('/v1/databases/states'), 404, 'not_found');
  });

  test('states: a task that fails leaves failed, which can be deleted without force', async () => {
    const failing = seedRequest({ id: 'failing', port: 0, user: 'failing_app', config: { db_schemas: 'nowhere' } });
    expect(await create(stack, failing)).toMatchObject({ status: 'failed' });
    expect(await stateOf('failing')).toBe('failed');
    expect(await remove(stack, 'failing')).toMatchObject({ status: 'completed' });
  });

  test.each(['available', 'degraded', 'failed'])('states: %s can be deleted without force', async (state) => {
    const id = `from-${state}`;
    expect(await create(stack, bareRequest(id))).toMatchObject({ status: 'completed' });
    await stack.control.db.query('UPDATE databases SET state = $2 WHERE id = $1', [id, state]);
    expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
  });

  test.each(['creating', 'modifying', 'deleting'])('states: %s is not deleted without force', async (state) => {
    const id = `kept-${state}`;
    expect(await create(stack, bareRequest(id))).toMatchObject({ status: 'completed' });
    await stack.control.db.query('UPDATE databases SET state = $2 WHERE id = $1', [id, state]);
    expectError(await stack.call('DELETE', `/v1/databases/${id}`), 409, 'database_not_modifiable', new RegExp(state));
    expect(await stateOf(id)).toBe(state);
  });
});

describe('tasks', () => {
  test('tasks: preflight reports missing schemas and role together, and says what to do', async () => {
    const config = { db_schemas: 'public, first, second', db_anon_role: 'preflight_app' };
    const request = seedRequest({ id: 'preflight', port: 0, user: 'preflight_app', config });
    const refusedOrFailed = await stack.call('POST', '/v1/databases', request);
    // The anonymous role may not be the login itself: refused at once.
    expectError(refusedOrFailed, 400, 'invalid_input', /db_anon_role/);
    const task = await create(
      stack,
      seedRequest({ id: 'preflight', port: 0, user: 'preflight_app', config: { db_schemas: 'public, first, second' } }),
    );
    expect(task.status).toBe('failed');
    for (const name of ['first', 'second']) expect(task.error).toContain(name);
    expect(task.error).toMatch(/before deploying PostgREST/);
    expect(expectOk(await get('/v1/databases/preflight')).service_instances[0].state).toBe('failed');
  });

  test('tasks: the next operation is accepted as soon as a client sees the task completed', async () => {
    for (let round = 0; round < 3; round += 1) {
      expect(await create(stack, bareRequest('at-once'))).toMatchObject({ status: 'completed' });
      expect(await remove(stack, 'at-once')).toMatchObject({ status: 'completed' });
    }
  });

  test('tasks: stay readable after a delete, and are wiped when the id is created again', async () => {
    const first = await create(stack, bareRequest('wiped'));
    await remove(stack, 'wiped');
    const kept = await remaining('wiped');
    expect(kept.map(({ type, status }: { type: string; status: string }) => [type, status])).toEqual([
      ['delete', 'completed'],
      ['create', 'completed'],
    ]);
    for (const { task_id: id } of kept) expectOk(await get(`/v1/databases/wiped/tasks/${id}/log`));
    await create(stack, bareRequest('wiped'));
    expect(await remaining('wiped')).toHaveLength(1);
    expectError(await get(`/v1/databases/wiped/tasks/${first.task_id}`), 404, 'not_found');
  });

  test('tasks: removing a service database takes its service instances and its port with it', async () => {
    const request = seedRequest({ id: 'ported', port: stack.port(), user: 'ported_app' });
    expect(await create(stack, request)).toMatchObject({ status: 'completed' });
    expect(await remove(stack, 'ported')).toMatchObject({ status: 'completed' });
    await expect(fetch(`http://127.0.0.1:${stack.port()}/`)).rejects.toThrow();
    expect(await create(stack, { ...request, id: 'ported-again' })).toMatchObject({ status: 'completed' });
  });

  test('tasks: version "latest" is pinned at the first deployment and still echoed as asked', async () => {
    const request = seedRequest({ id: 'pinned', port: 0, user: 'pinned_app' });
    expect(await create(stack, request)).toMatchObject({ status: 'completed' });
    const { rows } = await stack.control.db.query(`SELECT version FROM service_instances WHERE database_id = 'pinned'`);
    expect(rows).toEqual([{ version: expect.stringMatching(/^\d+\.\d+(\.\d+)?$/) }]);
    const { spec, service_instances: instances } = expectOk(await get('/v1/databases/pinned'));
    expect([spec.services[0].version, spec.services[0].port]).toEqual(['latest', 0]);
    expect(instances[0].status.ports[0].host_port).toBeGreaterThan(0);
  });
});

describe('a client', () => {
  test('a client that follows the log by last_entry_id until the task has ended sees every entry once', async () => {
    const { task } = expectOk(await stack.call('POST', '/v1/databases', bareRequest('followed')));
    const path = `/v1/databases/followed/tasks/${task.task_id}`;
    const seen: unknown[] = [];
    for (let after = '', ended = false; !ended; ) {
      const { status } = expectOk(await get(`${path}?wait=0.2`));
      ended = ['completed', 'failed', 'canceled'].includes(status);
      const log = expectOk(await get(`${path}/log${after === '' ? '' : `?after_entry_id=${after}`}`));
      expectMembers('taskLog', log);
      seen.push(...log.entries);
      after = log.last_entry_id ?? after;
    }
    const whole = expectOk(await get(`${path}/log?limit=1000`));
    expect(seen).toEqual(whole.entries);
    expect(seen.length).toBeGreaterThan(2);
  });

  test('a client that asks for the version before every call gets it while tasks run', async () => {
    const { task } = expectOk(await stack.call('POST', '/v1/databases', bareRequest('versioned')));
    expectMembers('version', expectOk(await get('/v1/version')));
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
  });
});
