import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rotationScheduleId } from '../../platform/temporal/rotation-schedules.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { createOwnTemporal, type OwnTemporal } from '../support/temporal.ts';
import { define, logsIn, secretOf, shown } from './support/rotations.ts';

/*
 * A Temporal server of the test's own, with its database in a file: it is stopped and started again. Times are seconds here and days
 * elsewhere; whatever is waited for comes by itself, and nothing depends on when.
 */
let temporal: OwnTemporal;
let stack: TestStack;

let roles = 0;

/** A role that no other attempt of a test has met. */
async function role(kind: string): Promise<{ server: string; role: string }> {
  roles += 1;
  const name = `${kind}_${roles}`;
  await stack.target.query(`CREATE ROLE ${name} LOGIN PASSWORD 'first'`);
  return { server: 'host-1', role: name };
}

const completed = ({ runs }: { runs: { status: string; trigger: string }[] }) =>
  runs.filter(({ status, trigger }) => status === 'completed' && trigger === 'schedule');

/** Waits until the schedule has run so many times. */
const ranTimes = (id: string, count: number) =>
  until(async () => {
    const rotation = await shown(stack, id);
    return completed(rotation).length >= count ? rotation : undefined;
  }, 90_000);

const isFuture = (next: string) => new Date(next).getTime() > Date.now() - 1_000;

beforeAll(async () => {
  temporal = await createOwnTemporal();
  const { address } = await temporal.start();
  stack = await startTestStack({ runtime: 'process', temporalAddress: address });
});
afterAll(async () => {
  await stack?.stop();
  await temporal?.remove();
});

describe('a schedule', () => {
  test('runs again and again, tells when it runs next, and stops while it is paused', async () => {
    const { id } = await define(stack, { ...(await role('often')), strategy: 'in-place', schedule: { every: 2 } });
    await ranTimes(id, 2);
    // On a slow machine a run takes longer than the two seconds between them: then there is an alarm until it has caught up.
    const rotation = await until(async () => {
      const now = await shown(stack, id);
      return now.alarm === undefined && isFuture(now.next) ? now : undefined;
    });
    expect(rotation.runs[0]).toMatchObject({ trigger: 'schedule', due_at: expect.any(String), batched: true });
    const paused = await stack.call('POST', `/v1/rotations/${id}/pause`);
    expect(paused).toMatchObject({ status: 200, body: { paused: true } });
    expect(await shown(stack, id)).toMatchObject({ next: null, alarm: { name: 'paused' } });
    expect((await stack.call('POST', `/v1/rotations/${id}/resume`)).body).toMatchObject({ paused: false });
    await ranTimes(id, 3);
    const { login: user, password } = await secretOf(stack, id);
    expect(await logsIn(stack, { user, password: 'first' })).toBe(false);
    expect(password).toMatch(/^[A-Za-z0-9]{64}$/);
    await stack.call('PATCH', `/v1/rotations/${id}`, { schedule: null });
    expect(await shown(stack, id)).toMatchObject({ next: null, schedule: null });
  });

  test('begins at the opening of its window what is due outside of it, and says so', async () => {
    const now = new Date();
    const hour = (offset: number) => `${String((now.getUTCHours() + offset) % 24).padStart(2, '0')}:00`;
    const window = { start: hour(3), end: hour(5) };
    const named = await role('windowed');
    const { id } = await define(stack, { ...named, strategy: 'in-place', schedule: { every: 1, window } });
    const rotation = await shown(stack, id);
    expect(new Date(rotation.next).toISOString().slice(11, 16)).toBe(window.start);
    // A run that is asked for is not bound to it.
    const { body } = await stack.call('POST', `/v1/rotations/${id}/trigger`);
    expect(body.task_id).toBeDefined();
    await until(async () => ((await shown(stack, id)).last?.status === 'completed' ? true : undefined));
    expect(completed(await shown(stack, id))).toHaveLength(0);
    await stack.call('DELETE', `/v1/rotations/${id}`);
  });

  test('that Temporal has lost is made anew, and what was due meanwhile is caught up', async () => {
    const { id } = await define(stack, { ...(await role('lost')), strategy: 'in-place', schedule: { every: 2 } });
    await ranTimes(id, 1);
    await stack.temporal.client.schedule.getHandle(rotationScheduleId(id)).delete();
    await ranTimes(id, 3);
    const found = await until(async () => {
      const rotation = await shown(stack, id);
      return rotation.alarm === undefined ? rotation : undefined;
    });
    expect(isFuture(found.next)).toBe(true);
    await stack.call('DELETE', `/v1/rotations/${id}`);
    await until(async () => {
      const left = stack.temporal.client.schedule.getHandle(rotationScheduleId(id)).describe();
      return left.then(
        () => undefined,
        () => true,
      );
    });
    expect((await stack.call('GET', `/v1/rotations/${id}`)).status).toBe(404);
  });

  test('catches up once what was missed while Temporal was down, and goes on', async () => {
    const { id } = await define(stack, {
      ...(await role('missed')),
      strategy: 'in-place',
      schedule: { every: 3, catch_up_window: 600 },
    });
    await ranTimes(id, 1);
    const before = await shown(stack, id);
    await temporal.stop();
    expect(await shown(stack, id)).toMatchObject({ next: null, alarm: { name: 'unknown' } });
    // Several times come and go.
    const downSince = Date.now();
    await until(async () => (Date.now() - downSince > 10_000 ? true : undefined));
    await temporal.start();
    const { runs } = await ranTimes(id, completed(before).length + 2);
    const caughtUp = runs
      .filter((run: { id: string }) => !before.runs.some((earlier: { id: string }) => earlier.id === run.id))
      .filter(
        (run: { due_at: string; created_at: string }) => Date.parse(run.created_at) - Date.parse(run.due_at) > 2_500,
      );
    const done = caughtUp.filter(({ status }: { status: string }) => status === 'completed');
    expect(done).toHaveLength(1);
    expect(isFuture((await shown(stack, id)).next)).toBe(true);
  });
});
