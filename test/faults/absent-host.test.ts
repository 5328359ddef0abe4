import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remove, taskEnded } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { createFaults } from './support/faults.ts';
import { createGate } from './support/gate.ts';
import { accept, expectMadeOnce, expectNothingLeft } from './support/outcome.ts';
import { remainsOf } from './support/remains.ts';
import { everyStepRequest, POST_INIT_RUNS_SQL } from './support/request.ts';

const faults = createFaults();
let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(100) },
  });
  await stack.target.query(POST_INIT_RUNS_SQL);
});
afterAll(() => stack?.stop());

describe('a host whose worker is away', () => {
  it('removes what a failed create left there when its worker comes back, before that serves', async () => {
    const request = everyStepRequest('left-behind');
    const stopping = createGate<Promise<void>>();
    faults.at({ subject: request.id, activity: 'startService', when: 'after' }, () => {
      // Takes no more work from here on, and waits for this very activity.
      stopping.open(stack.hostWorker.stop());
      return Promise.resolve();
    });
    const task = await accept(stack, request);
    await await stopping.passed;
    await stack.temporal.client.workflow.getHandle(task.workflowId).cancel();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    const left = ['1 rows of tombstones', 'files of left-behind-api-host-1', expect.stringMatching(/^process /)];
    expect(await remainsOf(stack, request.id)).toEqual(left);

    await stack.restartHostWorker(faults.interceptors);
    await expectNothingLeft(stack, request.id);
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
  });

  it('is waited for: the create goes on when its worker comes back', async () => {
    const request = everyStepRequest('patient');
    await stack.hostWorker.stop();
    const reached = createGate();
    faults.at({ subject: request.id, activity: 'sealServices', when: 'after' }, () => Promise.resolve(reached.open()));
    const task = await accept(stack, request);
    await reached.passed;
    await stack.restartHostWorker(faults.interceptors);
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    await expectMadeOnce(stack, request.id);
  });
});
