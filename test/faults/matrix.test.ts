import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { createFaults } from './support/faults.ts';
import { accept, expectMadeOnce, expectNothingLeft, expectSecondTrySucceeds } from './support/outcome.ts';
import { everyStepRequest, POST_INIT_RUNS_SQL } from './support/request.ts';
import { CANCELLABLE_POINTS, FAILING_POINTS, idFor } from './support/steps.ts';

const faults = createFaults();
let stack: TestStack;
let clean: { roles: string[]; databases: string[] };

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
    env: { PGSTEWARD_PORT_RANGE: '26000-26199' },
  });
  await stack.target.query(POST_INIT_RUNS_SQL);
  clean = await stack.target.inventory();
});
afterAll(() => stack?.stop());

describe.concurrent('a create whose step fails for good', () => {
  it.each(FAILING_POINTS)('leaves nothing after a failure $when $activity, and succeeds when asked for again', async ({
    activity,
    when,
    title,
  }) => {
    const request = everyStepRequest(idFor('fail', activity, when));
    faults.fail(
      { subject: request.id, activity, when },
      { type: 'SqlRefused', message: 'the disk is full', retryable: false },
    );
    const task = await accept(stack, request);
    const { status, error } = await taskEnded(stack, task);
    expect(status).toBe('failed');
    expect(error).toContain('the disk is full');
    expect(error).toContain(title);
    await expectNothingLeft(stack, request.id);
    await expectSecondTrySucceeds(stack, request);
  });
});

describe.concurrent('a create that is cancelled', () => {
  it.each(CANCELLABLE_POINTS)('leaves nothing when that happens $when $activity takes effect', async ({
    activity,
    when,
    hearsOfIt,
  }) => {
    const request = everyStepRequest(idFor('stop', activity, when));
    const held = faults.hold({ subject: request.id, activity, when });
    const task = await accept(stack, request);
    await held.reached;
    await stack.temporal.client.workflow.getHandle(task.workflowId).cancel();
    if (hearsOfIt) await held.cancelled;
    held.release();
    const { status, error } = await taskEnded(stack, task);
    expect({ status, error }).toEqual({ status: 'canceled', error: 'the task was cancelled' });
    await expectNothingLeft(stack, request.id);
    await expectSecondTrySucceeds(stack, request);
  });

  it('is available all the same once its success is being recorded', async () => {
    const request = everyStepRequest('stop-too-late');
    const held = faults.hold({ subject: request.id, activity: 'publishDatabase', when: 'before' });
    const task = await accept(stack, request);
    await held.reached;
    await stack.temporal.client.workflow.getHandle(task.workflowId).cancel();
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    await expectMadeOnce(stack, request.id);
  });

  it('is undone to the end when it is cancelled again while it is undone', async () => {
    const request = everyStepRequest('stop-twice');
    const run = () => stack.temporal.client.workflow.getHandle(task.workflowId);
    const last = faults.hold({ subject: request.id, activity: 'awaitService', when: 'before' });
    const undo = faults.hold({ subject: request.id, activity: 'undoCreateDatabase', when: 'before' });
    const task = await accept(stack, request);
    await last.reached;
    await run().cancel();
    last.release();
    await undo.reached;
    await run().cancel();
    undo.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    await expectNothingLeft(stack, request.id);
  });
});
