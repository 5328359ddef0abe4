import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remove, taskEnded } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { createFaults } from './support/faults.ts';
import { accept, expectMadeOnce, expectNothingLeft } from './support/outcome.ts';
import { remainsOf } from './support/remains.ts';
import { everyStepRequest, POST_INIT_RUNS_SQL } from './support/request.ts';
import { startWorkerProcess, type WorkerProcess } from './support/worker-process.ts';

/** Containers where there is an engine: they are what two installations share. */
const [runtime = 'process'] = testRuntimes();
const faults = createFaults();
const shop = everyStepRequest('shop');

let first: TestStack;
let second: TestStack;
let worker: WorkerProcess | undefined;

beforeAll(async () => {
  first = await startTestStack({
    runtime,
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(50) },
  });
  second = await startTestStack({ runtime, workers: false, env: { PGSTEWARD_PORT_RANGE: widePortRange(50, 50) } });
  for (const stack of [first, second]) await stack.target.query(POST_INIT_RUNS_SQL);
});
afterAll(async () => {
  await worker?.stop();
  await Promise.all([first?.stop(), second?.stop()]);
});

describe(`two installations on one machine, with the ${runtime} runtime`, () => {
  it('serve databases of the same id side by side, also when a worker is killed right after a service has started', async () => {
    expect(await taskEnded(first, await accept(first, shop))).toMatchObject({ status: 'completed' });
    const before = await remainsOf(first, shop.id);
    worker = await startWorkerProcess(second, {
      killAt: [{ subject: shop.id, activity: 'startService', when: 'after' }],
    });
    const task = await accept(second, shop);
    await worker.killed;
    worker = await startWorkerProcess(second);
    expect(await taskEnded(second, task)).toMatchObject({ status: 'completed' });
    await expectMadeOnce(second, shop.id);
    await expectMadeOnce(first, shop.id);
    expect(await remainsOf(first, shop.id)).toEqual(before);
  });

  it('leave what the other one runs alone when a host is put in order', async () => {
    const before = await remainsOf(first, shop.id);
    await worker?.stop();
    worker = await startWorkerProcess(second);
    expect(await remainsOf(first, shop.id)).toEqual(before);
    expect(await second.log()).not.toContain('without a record');
  });

  it('delete their own and nothing else', async () => {
    const before = await remainsOf(first, shop.id);
    expect(await remove(second, shop.id)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(second, shop.id)).toEqual([]);
    expect(await remainsOf(first, shop.id)).toEqual(before);
    await expectMadeOnce(first, shop.id);
  });
});

describe(`a service that has been started with the ${runtime} runtime`, () => {
  it('is gone when its create fails for good right afterwards', async () => {
    const request = everyStepRequest('service-fails');
    const point = { subject: request.id, activity: 'startService', when: 'after' } as const;
    faults.fail(point, { type: 'EngineUnavailable', message: 'the engine is gone', retryable: false });
    const { status, error } = await taskEnded(first, await accept(first, request));
    expect({ status, error }).toEqual({ status: 'failed', error: 'start service on host-1: the engine is gone' });
    await expectNothingLeft(first, request.id);
  });

  it('is gone when its create is cancelled while it is awaited', async () => {
    const request = everyStepRequest('service-stops');
    const held = faults.hold({ subject: request.id, activity: 'awaitService', when: 'before' });
    const task = await accept(first, request);
    await held.reached;
    await first.temporal.client.workflow.getHandle(task.workflowId).cancel();
    await held.cancelled;
    held.release();
    expect(await taskEnded(first, task)).toMatchObject({ status: 'canceled' });
    await expectNothingLeft(first, request.id);
  });
});
