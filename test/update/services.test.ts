import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rest } from '../e2e/support/rest.ts';
import { provision } from '../e2e/support/tenants.ts';
import { taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { startProbe } from './support/probe.ts';
import { instanceOf, rolesOf, shopService, shopSpec, shopToken, updated } from './support/shop.ts';

describe.each(testRuntimes())('an update with the %s runtime', (runtime) => {
  let stack: TestStack;
  const id = 'shop';
  const port = () => stack.port(0);
  const spec = (more: Parameters<typeof shopService>[2] = {}) =>
    shopSpec(id, port(), { services: [shopService(id, port(), more)] });

  beforeAll(async () => {
    stack = await startTestStack({ runtime });
    await provision(stack, { id, spec: shopSpec(id, port()) } as { id: string });
  });
  afterAll(() => stack?.stop());

  const unitOf = async () => {
    const instance = await instanceOf(stack, id);
    return { id: instance.service_instance_id, created: instance.created_at, container: instance.status.container_id };
  };
  const rows = async (path = '/items') => rest(port(), path);

  /** Runs an update under the probe. */
  async function probed(change: () => Promise<unknown>) {
    const probe = startProbe({ port: port(), table: 'items', token: shopToken(id) });
    await change();
    return probe.stop();
  }

  test('keeps a service that nothing concerns: id, container and time of creation', async () => {
    const before = await unitOf();
    await updated(stack, id, spec());
    expect(await unitOf()).toEqual(before);
  });

  test('changes max_rows while the service runs, and no request fails', async () => {
    const before = await unitOf();
    const report = await probed(() => updated(stack, id, spec({ config: { max_rows: 2 } })));
    expect(report.failures).toEqual([]);
    expect(report.requests).toBeGreaterThan(0);
    expect(await unitOf()).toEqual(before);
    expect((await rows()).body).toHaveLength(2);
  });

  test('changes schemas and anonymous role while the service runs, and no request fails', async () => {
    const before = await unitOf();
    const config = { db_schemas: 'public,extra', db_anon_role: rolesOf(id).reader };
    const report = await probed(() => updated(stack, id, spec({ config })));
    expect(report.failures).toEqual([]);
    expect(await unitOf()).toEqual(before);
    const notes = await rest(port(), '/notes', { headers: { 'accept-profile': 'extra' } });
    expect([notes.status, notes.body]).toEqual([200, []]);
  });

  test('sets a new password of connect_as while the service runs, and no request fails', async () => {
    const before = await unitOf();
    const { owner } = rolesOf(id);
    const users = [{ username: owner, password: 'changed-in-place', db_owner: true, attributes: ['LOGIN'] }];
    const report = await probed(() => updated(stack, id, { ...spec(), database_users: users }));
    expect(report.failures).toEqual([]);
    expect(await unitOf()).toEqual(before);
    const login = { database: id, user: owner, password: 'changed-in-place' };
    expect(await stack.target.query('SELECT 1 AS one', login)).toEqual([{ one: 1 }]);
    // Left out of the next update it is kept.
    await updated(stack, id, { ...spec(), database_users: [{ ...users[0], password: undefined }] });
    expect(await unitOf()).toEqual(before);
    expect((await rows()).status).toBe(200);
  });

  test('takes the JWT secret away where it is left out, and says so in the log of the task', async () => {
    const before = await unitOf();
    const without = { ...shopService(id, port()), config: { db_pool: 2 } };
    const task = await updated(stack, id, shopSpec(id, port(), { services: [without] }));
    expect(await unitOf()).toEqual(before);
    expect((await rest(port(), '/items', { token: shopToken(id) })).status).toBe(500);
    const { body } = await stack.call('GET', `/v1/databases/${id}/tasks/${task.task_id}/log`);
    const messages = body.entries.map(({ message }: { message: string }) => message).join('\n');
    expect(messages).toContain('warning: service "api" had a jwt_secret');
    await updated(stack, id, spec());
    expect((await rest(port(), '/items', { token: shopToken(id) })).status).toBe(200);
  });

  test('puts a new unit in the place of one whose pool changes, with one short time in which nobody answers', async () => {
    const before = await unitOf();
    const report = await probed(() => updated(stack, id, spec({ config: { db_pool: 3 } })));
    const after = await unitOf();
    expect(after).toEqual({ ...before, container: expect.not.stringMatching(before.container) });
    // Refused, reset in the queue of a port that closes, or told to come again: nothing that PostgREST had begun.
    const reasons = new Set(report.failures.map(({ reason }) => reason));
    for (const reason of reasons) expect(['ECONNREFUSED', 'ECONNRESET', 'status 503']).toContain(reason);
    expect(report.gaps).toBeLessThanOrEqual(1);
    expect((await rows()).status).toBe(200);
  });

  test('moves a service to another port without a gap, and gives the old port back', async () => {
    const { container } = await unitOf();
    const moved = stack.port(1);
    const services = [shopService(id, moved)];
    await updated(stack, id, shopSpec(id, port(), { services }));
    expect((await rest(moved, '/items')).status).toBe(200);
    await expect(rest(port(), '/items')).rejects.toThrow();
    expect((await rest(moved + 1, '/ready')).status).toBe(200);
    expect((await unitOf()).container).not.toBe(container);
    await updated(stack, id, spec());
    expect((await rows()).status).toBe(200);
  });

  test('deploys every service anew when it is forced', async () => {
    const before = await unitOf();
    await updated(stack, id, spec(), '?force_update=true');
    expect(await unitOf()).toEqual({ ...before, container: expect.not.stringMatching(before.container) });
  });

  test('adds a service beside the others, and removes it with its port and files', async () => {
    const before = await unitOf();
    const second = { ...shopService(id, stack.port(2)), service_id: 'second' };
    await updated(stack, id, shopSpec(id, port(), { services: [shopService(id, port()), second] }));
    expect((await rest(stack.port(2), '/items')).status).toBe(200);
    expect((await instanceOf(stack, id, 'second')).state).toBe('running');
    await updated(stack, id, spec());
    expect(await instanceOf(stack, id, 'second')).toBeUndefined();
    await expect(rest(stack.port(2), '/items')).rejects.toThrow();
    expect(await unitOf()).toEqual(before);
    const { rows: ports } = await stack.control.db.query(
      'SELECT port FROM ports WHERE database_id = $1 ORDER BY port',
      [id],
    );
    expect(ports).toEqual([{ port: port() }, { port: port() + 1 }]);
  });

  test('that cannot succeed leaves the service as it is, and the specification too', async () => {
    const before = await unitOf();
    const { body: earlier } = await stack.call('GET', `/v1/databases/${id}`);
    const probe = startProbe({ port: port(), table: 'items', token: shopToken(id) });
    const { status, body } = await stack.call('POST', `/v1/databases/${id}`, {
      spec: spec({ config: { db_schemas: 'nowhere', db_pool: 3 } }),
    });
    expect(status, body.message).toBe(200);
    const task = await taskEnded(stack, body.task);
    const report = await probe.stop();
    expect(task).toMatchObject({ status: 'failed', error: expect.stringContaining('schema "nowhere" does not exist') });
    expect(report.failures).toEqual([]);
    const { body: later } = await stack.call('GET', `/v1/databases/${id}`);
    expect(later).toMatchObject({ state: 'failed', spec: earlier.spec });
    expect(await unitOf()).toEqual(before);
    await updated(stack, id, spec());
    const { body: repaired } = await stack.call('GET', `/v1/databases/${id}`);
    expect(repaired.state).toBe('available');
  });
});
