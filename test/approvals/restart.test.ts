/** A wait for weeks: the worker and the Temporal server are stopped and started again while it goes on. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { createOwnTemporal, type OwnTemporal } from '../support/temporal.ts';
import { addPolicy, decide, ended, hasRole, somebody } from './support/people.ts';

const FORTNIGHT_SECONDS = 14 * 86_400;
let temporal: OwnTemporal;
let stack: TestStack;

beforeAll(async () => {
  temporal = await createOwnTemporal();
  const { address } = await temporal.start();
  stack = await startTestStack({ runtime: 'process', temporalAddress: address });
});
afterAll(async () => {
  await stack?.stop();
  await temporal?.remove();
});

test('a change goes on waiting for weeks while everything is restarted, and is carried out when it is approved', async () => {
  await addPolicy(stack, { name: 'slow', roles: ['slow_*'], expires_in_seconds: FORTNIGHT_SECONDS });
  const ann = await somebody(stack, { role: 'operator' });
  const { body } = await ann.call('PUT', '/v1/servers/host-1/roles/slow_one', { login: true });
  const { id } = body.approval;
  const run = stack.temporal.client.workflow.getHandle(`held-change/host-1/${id}`);
  const timer = await until(async () => {
    const { events } = await run.fetchHistory();
    return events?.find(({ timerStartedEventAttributes: attributes }) => attributes != null);
  });
  const waits = Number(timer.timerStartedEventAttributes?.startToFireTimeout?.seconds);
  expect(waits).toBeGreaterThan(FORTNIGHT_SECONDS - 600);
  expect(waits).toBeLessThanOrEqual(FORTNIGHT_SECONDS);

  await stack.controlWorker.stop();
  await stack.hostWorker.stop();
  await temporal.stop();
  // What is decided now is on record, and nobody is there to be told.
  const approved = await decide(stack, id);
  expect(approved.body).toMatchObject({ state: 'approved' });
  await temporal.start();
  await stack.restartControlWorker();
  await stack.restartHostWorker();

  expect(await ended(stack, id)).toMatchObject({ state: 'executed', task: { status: 'completed' } });
  expect(await hasRole(stack, 'slow_one')).toBe(true);
  // The same run as before: nothing was started anew.
  expect((await run.describe()).status.name).toBe('COMPLETED');
  const { events } = await run.fetchHistory();
  expect(events?.some(({ eventId }) => String(eventId) === String(timer.eventId))).toBe(true);
});
