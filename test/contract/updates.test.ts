/**
 * Contract, `POST /v1/databases/{database_id}` of section 1 and the update rules of sections 2 and 4. Rows shown elsewhere:
 * order of checks and immutable members in `test/update/refusals.test.ts`; unchanged, changed, added and removed services in
 * `test/update/services.test.ts`; users, attributes, memberships and owner in `test/update/users.test.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../api/support/answers.ts';
import { provision } from '../e2e/support/tenants.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { instanceOf, rolesOf, shopService, shopSpec, update, updated } from '../update/support/shop.ts';
import { expectMembers, expectOk } from './support/answers.ts';

let stack: TestStack;
const id = 'contract';

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  await provision(stack, { id, spec: shopSpec(id, 0) } as { id: string });
});
afterAll(() => stack?.stop());

const post = (spec: unknown, query = '') => stack.call('POST', `/v1/databases/${id}${query}`, { spec });
const stateOf = async () => expectOk(await stack.call('GET', `/v1/databases/${id}`)).state;
const setState = (state: string) =>
  stack.control.db.query('UPDATE databases SET state = $2 WHERE id = $1', [id, state]);

describe('POST /v1/databases/{database_id}', () => {
  test('answers 200 with a pending task of type update and the database, modifying, without its secrets', async () => {
    await stack.controlWorker.stop();
    const answer = await post(shopSpec(id, 0));
    const { task, database } = expectOk(answer);
    expectMembers('task', task);
    expectMembers('database', database);
    expect(task).toMatchObject({ scope: 'database', entity_id: id, type: 'update', status: 'pending' });
    expect(database).toMatchObject({ id, state: 'modifying', spec: { services: [{ port: 0 }] } });
    expect(JSON.stringify(answer.body)).not.toMatch(/changeme|a-secret-key|"password"|"jwt_secret"/);
    await stack.restartControlWorker();
    const ended = await stack.call('GET', `/v1/databases/${id}/tasks/${task.task_id}?wait=25`);
    expect(ended.body.status).toBe('completed');
    expect(await stateOf()).toBe('available');
  });

  test.each(['available', 'degraded', 'failed'])('states: an update is accepted in %s', async (state) => {
    await setState(state);
    await updated(stack, id, shopSpec(id, 0));
  });

  test.each(['creating', 'modifying', 'deleting'])('states: and is database_not_modifiable in %s', async (state) => {
    await setState(state);
    expectError(await post(shopSpec(id, 0)), 409, 'database_not_modifiable', new RegExp(state));
    await setState('available');
  });

  test('states: an update that fails leaves failed, its instances run on, and the error says why', async () => {
    const services = [shopService(id, 0, { version: '99.99.99' })];
    const task = await update(stack, id, shopSpec(id, 0, { services }));
    expect(task).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('unsupported version "99.99.99" for service type'),
    });
    expect(await stateOf()).toBe('failed');
    expect((await instanceOf(stack, id)).state).toBe('running');
  });

  test('service instance: id and created_at stay when it is changed', async () => {
    const before = await instanceOf(stack, id);
    await updated(stack, id, shopSpec(id, 0, { services: [shopService(id, 0, { config: { db_pool: 3 } })] }));
    const after = await instanceOf(stack, id);
    expect([after.service_instance_id, after.created_at]).toEqual([before.service_instance_id, before.created_at]);
    expect(after.state).toBe('running');
  });

  test('port: 0 keeps its number; one that is named and then left out is given back', async () => {
    const named = stack.port(5);
    await updated(stack, id, shopSpec(id, 0, { services: [shopService(id, named)] }));
    const { port: _, ...unpublished } = shopService(id, 0);
    await updated(stack, id, shopSpec(id, 0, { services: [unpublished] }));
    expect((await instanceOf(stack, id)).status.ports).toBeUndefined();
    const { rows } = await stack.control.db.query('SELECT FROM ports WHERE port = $1', [named]);
    expect(rows).toEqual([]);
    await updated(stack, id, shopSpec(id, 0));
  });

  test('preflight: it is repeated on every update, also an unrelated one', async () => {
    const exposing = shopSpec(id, 0, { services: [shopService(id, 0, { config: { db_schemas: 'public,extra' } })] });
    await updated(stack, id, exposing);
    await stack.target.query('DROP SCHEMA extra CASCADE', { database: id });
    const unrelated = { ...exposing, extensions: ['pg_trgm'] };
    expect(await update(stack, id, unrelated)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('schema "extra" does not exist'),
    });
    await updated(stack, id, shopSpec(id, 0));
  });

  test('authenticator: another connect_as is NOINHERIT and a member of the anonymous role from its first update on', async () => {
    const { clerk } = rolesOf(id);
    const users = [{ username: clerk, password: 'changeme', attributes: ['LOGIN'] }];
    const spec = shopSpec(id, 0, { users, services: [shopService(id, 0, { connect_as: clerk })] });
    await updated(stack, id, spec);
    const [role] = await stack.target.query<{ inherits: boolean; may: boolean }>(
      `SELECT rolinherit AS inherits, pg_has_role(rolname, 'pgedge_application_read_only', 'SET') AS may
       FROM pg_roles WHERE rolname = '${clerk}'`,
    );
    expect(role).toEqual({ inherits: false, may: true });
  });

  test('force_update: accepted as a boolean, and anything else is an error of shape', async () => {
    expect((await post(shopSpec(id, 0), '?force_update=maybe')).status).toBe(400);
    expect((await post(shopSpec(id, 0), '?force_update=maybe')).headers.get('goa-error')).toBeNull();
  });
});
