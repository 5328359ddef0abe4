import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepName } from '../../domain/steps.ts';
import { remove, taskEnded } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { createFaults } from './support/faults.ts';
import { idFor, pointsOf, titleOf } from './support/steps.ts';
import { acceptUpdate, createShop, expectAfter, expectBefore, stateOf } from './support/updates.ts';

/** Steps up to the point of no return, each under the name of its activity. */
const UNDOABLE = [
  'updateRoles',
  'updateAccess',
  'sealServices',
  'updatePasswords',
  'changeService',
  'startService',
  'awaitService',
] as const satisfies StepName[];
/** Steps after it. */
const FORWARD = ['settleService', 'removeService', 'removeAccess'] as const satisfies StepName[];

const UNDOABLE_POINTS = pointsOf(UNDOABLE, titleOf);
const FORWARD_POINTS = pointsOf([...FORWARD, 'finishUpdate'], titleOf);
const DISK_FULL = { type: 'SqlRefused', message: 'the disk is full', retryable: false } as const;

const faults = createFaults();
let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(400) },
  });
});
afterAll(() => stack?.stop());

/** Names of roles and databases are made of it. */
const shopId = (...args: Parameters<typeof idFor>) => idFor(...args).replaceAll('-', '');

/** What was there before is there again, answers, and can be changed and deleted as ever. */
async function expectUndone(id: string, before: Awaited<ReturnType<typeof stateOf>>): Promise<void> {
  expect(await stateOf(stack, id)).toEqual(before);
  await expectBefore(stack, id);
  expect((await stack.call('GET', `/v1/databases/${id}`)).body.state).toBe('failed');
}

async function expectSecondTrySucceeds(id: string): Promise<void> {
  expect(await taskEnded(stack, await acceptUpdate(stack, id))).toMatchObject({ status: 'completed' });
  await expectAfter(stack, id);
  expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
}

describe.concurrent('an update that fails for good', () => {
  it.each([...UNDOABLE_POINTS, ...pointsOf(['publishUpdate'], titleOf).slice(0, 1)])(
    '%s gives everything back, and the same update succeeds afterwards',
    async (_, point) => {
      const id = shopId('uf', point.activity, point.when);
      await createShop(stack, id);
      const before = await stateOf(stack, id);
      faults.fail({ ...point, subject: id }, DISK_FULL);
      const { status, error } = await taskEnded(stack, await acceptUpdate(stack, id));
      expect(status).toBe('failed');
      expect(error).toContain(DISK_FULL.message);
      expect(error).toContain(point.title);
      await expectUndone(id, before);
      await expectSecondTrySucceeds(id);
    },
  );
});

describe.concurrent('an update that is cancelled', () => {
  let tries = 0;
  it.each(UNDOABLE_POINTS)('%s gives everything back', async (_, point) => {
    // A database of its own for each try: what a failed one left must not decide the next.
    tries += 1;
    const id = `${shopId('uc', point.activity, point.when)}${tries}`;
    await createShop(stack, id);
    const before = await stateOf(stack, id);
    const held = faults.hold({ ...point, subject: id });
    const task = await acceptUpdate(stack, id);
    await held.reached;
    await stack.temporal.client.workflow.getHandle(task.workflowId).cancel();
    await held.cancelled;
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    await expectUndone(id, before);
    expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
  });

  it.each(FORWARD_POINTS)('after its point of no return (%s) is completed all the same', async (_, point) => {
    const id = shopId('ul', point.activity, point.when);
    await createShop(stack, id);
    const held = faults.hold({ ...point, subject: id });
    const task = await acceptUpdate(stack, id);
    await held.reached;
    await stack.temporal.client.workflow.getHandle(task.workflowId).cancel();
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    await expectAfter(stack, id);
    expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
  });
});

describe.concurrent('an update whose run is terminated', () => {
  it.each(UNDOABLE_POINTS)('%s is undone from the journal', async (_, point) => {
    const id = shopId('ut', point.activity, point.when);
    await createShop(stack, id);
    const before = await stateOf(stack, id);
    const held = faults.hold({ ...point, subject: id });
    const task = await acceptUpdate(stack, id);
    await held.reached;
    await stack.temporal.client.workflow.getHandle(task.workflowId).terminate('maintenance');
    const ended = await taskEnded(stack, task);
    held.release();
    expect(ended).toMatchObject({ status: 'failed', error: expect.stringContaining('terminated: maintenance') });
    if (point.when === 'before') expect(await held.outcome).toBeInstanceOf(Error);
    await expectUndone(id, before);
    expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
  });

  it.each(FORWARD_POINTS.filter(([, { when }]) => when === 'before'))(
    'after its point of no return (%s) is brought to its end',
    async (_, point) => {
      const id = shopId('ue', point.activity, point.when);
      await createShop(stack, id);
      const held = faults.hold({ ...point, subject: id });
      const task = await acceptUpdate(stack, id);
      await held.reached;
      await stack.temporal.client.workflow.getHandle(task.workflowId).terminate('maintenance');
      expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
      held.release();
      await expectAfter(stack, id);
      expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
    },
  );
});

describe.concurrent('an update past its point of no return', () => {
  it.each(FORWARD_POINTS)('goes on when it fails once %s', async (_, point) => {
    const id = shopId('ur', point.activity, point.when);
    await createShop(stack, id);
    faults.fail({ ...point, subject: id }, { type: 'Contention', message: 'somebody was faster', retryable: true });
    expect(await taskEnded(stack, await acceptUpdate(stack, id))).toMatchObject({ status: 'completed' });
    await expectAfter(stack, id);
    expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
  });
});
