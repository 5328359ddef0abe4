import { afterAll, beforeAll, expect, test } from 'vitest';
import { listWatchedInstances, recordHealth } from '../../store/instance-health.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  for (const state of ['available', 'creating', 'modifying', 'deleting', 'failed', 'degraded']) {
    await stack.control.db.query(
      "INSERT INTO databases (id, database_name, spec, state) VALUES ('db-' || $1, 'db', '{}', $1)",
      [state],
    );
    await stack.control.db.query(
      `INSERT INTO service_instances (id, database_id, service_id, host_id, state, port, published, updated_at)
       VALUES ('db-' || $1 || '-api-host-1', 'db-' || $1, 'api', 'host-1', 'running', 3100, true, 'yesterday')`,
      [state],
    );
  }
});
afterAll(() => stack?.stop());

/** Marks every instance that is given as failed. */
const fail = async (instances: Awaited<ReturnType<typeof listWatchedInstances>>, state = 'failed' as const) =>
  recordHealth(
    stack.control.db,
    instances.map(({ id, rowVersion }) => ({ id, rowVersion, state, error: 'unwell', status: { healthy: false } })),
  );
const rows = async () =>
  (
    await stack.control.db.query<{ id: string; state: string; status: object; today: boolean }>(
      "SELECT id, state, status, updated_at > 'today' AS today FROM service_instances ORDER BY id",
    )
  ).rows;

test('instances of databases with an operation under way are held, all others are not', async () => {
  const held = (await listWatchedInstances(stack.control.db)).filter((instance) => instance.held);
  expect(held.map(({ databaseId }) => databaseId)).toEqual(['db-creating', 'db-deleting', 'db-modifying']);
});

test('an instance that was changed since it was read, or is being changed, is left alone', async () => {
  const read = await listWatchedInstances(stack.control.db);
  expect(read).toHaveLength(6);
  await stack.control.db.query("UPDATE service_instances SET port = 3200 WHERE id LIKE 'db-available-%'");
  const other = await stack.control.db.connect();
  try {
    await other.query('BEGIN');
    await other.query("SELECT FROM service_instances WHERE id LIKE 'db-degraded-%' FOR UPDATE");
    const recorded = await fail(read);
    expect([...recorded].sort()).toEqual(
      ['creating', 'deleting', 'failed', 'modifying'].map((state) => `db-${state}-api-host-1`),
    );
  } finally {
    await other.query('ROLLBACK');
    other.release();
  }
  const states = (await rows()).map(({ id, state }) => [id, state]);
  expect(states).toContainEqual(['db-available-api-host-1', 'running']);
  expect(states).toContainEqual(['db-degraded-api-host-1', 'running']);
  expect(states.filter(([, state]) => state === 'failed')).toHaveLength(4);
});

test('the time of the last change moves with the state, and with nothing else', async () => {
  await fail(await listWatchedInstances(stack.control.db));
  await stack.control.db.query("UPDATE service_instances SET updated_at = 'yesterday'");
  const recorded = await fail(await listWatchedInstances(stack.control.db));
  expect(recorded.size).toBe(6);
  expect((await rows()).map(({ today, status }) => [today, status])).toEqual(
    Array(6).fill([false, { healthy: false }]),
  );
});

test('nothing to record is no statement that fails', async () => {
  expect(await recordHealth(stack.control.db, [])).toEqual(new Set());
});
