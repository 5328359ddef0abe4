import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SESSION_LOCK_SQL } from '../../domain/sql/locks.ts';
import { createFaults } from '../faults/support/faults.ts';
import { makePerson } from '../support/accounts.ts';
import { until } from '../support/follow.ts';
import { type ApiCalls, startTestStack, type TestStack } from '../support/stack.ts';
import { define, ended, logsIn, rotated, secretOf, shown } from './support/rotations.ts';

const CALLERS = 20;
const server = 'host-1';
const faults = createFaults();

let stack: TestStack;
let people: ApiCalls[];

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', controlInterceptors: faults.interceptors });
  people = await Promise.all(
    Array.from({ length: CALLERS }, async () => stack.as((await makePerson(stack, { role: 'operator' })).credentials)),
  );
});
afterAll(() => stack?.stop());

const trigger = (by: ApiCalls, id: string, headers?: Record<string, string>) =>
  by.call('POST', `/v1/rotations/${id}/trigger`, undefined, headers);

/** Keeps every change of a role waiting until it is released. */
async function holdRole(role: string): Promise<() => Promise<void>> {
  const { endpoints, adminUser: user, adminPassword: password, tls } = stack.target.address;
  const [endpoint] = endpoints;
  const place = { host: endpoint?.address, port: endpoint?.port, database: 'postgres' };
  const client = new pg.Client({ ...place, user, password, ssl: { ca: tls.caCertificate } });
  await client.connect();
  await client.query(SESSION_LOCK_SQL, [`role:${role}`]);
  return () => client.end();
}

describe('rotations of one role that wait together are one rotation, and every caller gets its password:', () => {
  test.each([
    ['where it shares a batch', 'together', {}, 'change_role'],
    ['where it is a run of its own', 'alone', { sessions: { policy: 'drain', drain: 1 } }, 'rotate_password'],
  ])('%s', async (_, role, more, type) => {
    await stack.target.query(`CREATE ROLE ${role} LOGIN PASSWORD 'first'`);
    const { id } = await define(stack, { server, role, strategy: 'in-place', ...more });
    const release = await holdRole(role);
    const answers = await Promise.all(people.map((by) => trigger(by, id)));
    const late = await trigger(stack, id, { 'idempotency-key': `late-${role}` });
    expect([...answers, late].map(({ status }) => status)).toEqual(Array.from({ length: CALLERS + 1 }, () => 202));
    expect(new Set([...answers, late].map(({ body }) => body.task_id)).size).toBe(1);
    await release();
    const task = await ended(stack, late.body);
    expect(task).toMatchObject({ status: 'completed', type });
    const secrets = await Promise.all(people.map((by) => secretOf({ ...stack, call: by.call }, id)));
    expect(new Set(secrets.map(({ password, version }) => `${version} ${password}`)).size).toBe(1);
    const [secret] = secrets;
    expect(secret).toMatchObject({ login: role, version: 1 });
    expect(await logsIn(stack, { user: role, password: secret?.password ?? '' })).toBe(true);
    expect(await logsIn(stack, { user: role, password: 'first' })).toBe(false);
    expect((await shown(stack, id)).runs).toHaveLength(1);
    // Under its key a request has the answer that it had, also when that run is over.
    expect((await trigger(stack, id, { 'idempotency-key': `late-${role}` })).body).toEqual(late.body);
    // Everybody who asked is in the audit log; the run has one end.
    const { rows } = await stack.control.db.query<{ kind: string; actors: number; rows: number }>(
      `SELECT kind, count(DISTINCT actor)::int AS actors, count(*)::int AS rows FROM audit_log
       WHERE task_id = $1 AND kind IN ('intent', 'outcome') GROUP BY kind ORDER BY kind`,
      [task.task_id],
    );
    expect(rows).toEqual([
      { kind: 'intent', actors: CALLERS + 1, rows: CALLERS + 1 },
      { kind: 'outcome', actors: 1, rows: 1 },
    ]);
  });

  test('also with that of a schedule, which is under way', async () => {
    await stack.target.query('CREATE ROLE due LOGIN');
    const release = await holdRole('due');
    const { id } = await define(stack, { server, role: 'due', strategy: 'in-place', schedule: { every: 2 } });
    const run = await until(async () => {
      const { runs } = await shown(stack, id);
      return runs.find(({ task_id: taskId }: { task_id?: string }) => taskId !== undefined);
    }, 90_000);
    expect(run.trigger).toBe('schedule');
    await stack.call('POST', `/v1/rotations/${id}/pause`);
    expect((await trigger(stack, id)).body.task_id).toBe(run.task_id);
    await release();
    expect(await ended(stack, { server, task_id: run.task_id })).toMatchObject({ status: 'completed' });
    expect(await secretOf(stack, id)).toMatchObject({ version: 1 });
  });
});

describe('who asks too late to share a run', () => {
  test('is told when the next one can begin, as long as sessions of the former password have time', async () => {
    await stack.target.query(`CREATE ROLE drained LOGIN PASSWORD 'first'`);
    const { address } = stack.target;
    const [endpoint] = address.endpoints;
    const session = new pg.Client({
      ...{ host: endpoint?.address, port: endpoint?.port, database: 'postgres' },
      ...{ user: 'drained', password: 'first', ssl: { ca: address.tls.caCertificate } },
    });
    await session.connect();
    const sessions = { policy: 'drain', drain: 600 };
    const { id } = await define(stack, { server, role: 'drained', strategy: 'in-place', sessions });
    const { body: first } = await trigger(stack, id);
    await until(async () => ((await shown(stack, id)).current.version === 1 ? true : undefined), 60_000);
    const answer = await trigger(stack, id);
    expect(answer).toMatchObject({
      status: 409,
      body: { name: 'operation_already_in_progress', message: expect.stringContaining('has set the current password') },
    });
    const seconds = Number(answer.headers.get('Retry-After'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(600);
    await session.end();
    expect(await ended(stack, first)).toMatchObject({ status: 'completed' });
    await rotated(stack, id);
    expect(await secretOf(stack, id)).toMatchObject({ version: 2 });
  });

  test('waits for the end of one that is being taken back, and shares the next one with all who wait', async () => {
    await stack.target.query('CREATE ROLE undone LOGIN');
    const sessions = { policy: 'drain', drain: 1 };
    const { id } = await define(stack, { server, role: 'undone', strategy: 'in-place', sessions });
    const failure = { type: 'NotAllowed', message: 'a fault', retryable: false } as const;
    faults.fail({ subject: id, activity: 'publishRotation', when: 'before' }, failure);
    const held = faults.hold({ subject: id, activity: 'undoSetRolePassword', when: 'after' });
    const { body: first } = await trigger(stack, id);
    await held.reached;
    const waiting = people.map((by) => trigger(by, id));
    held.release();
    const answers = await Promise.all(waiting);
    expect(await ended(stack, first)).toMatchObject({ status: 'failed' });
    expect(answers.map(({ status }) => status)).toEqual(people.map(() => 202));
    const tasks = new Set(answers.map(({ body }) => body.task_id));
    expect(tasks.has(first.task_id)).toBe(false);
    for (const task_id of tasks) expect(await ended(stack, { server, task_id })).toMatchObject({ status: 'completed' });
    expect(await secretOf(stack, id)).toMatchObject({ version: tasks.size });
  });
});
