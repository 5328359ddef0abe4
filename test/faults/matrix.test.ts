import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remove, taskEnded } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { createFaults } from './support/faults.ts';
import { accept, acceptDelete, expectMadeOnce, expectNothingLeft, expectSecondTrySucceeds } from './support/outcome.ts';
import { remainsOf } from './support/remains.ts';
import { everyStepRequest, POST_INIT_RUNS_SQL } from './support/request.ts';
import { CANCELLABLE_POINTS, DELETE_POINTS, FAILING_POINTS, idFor } from './support/steps.ts';

const faults = createFaults();
const DISK_FULL = { type: 'SqlRefused', message: 'the disk is full', retryable: false } as const;
let stack: TestStack;
let clean: { roles: string[]; databases: string[] };

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(200) },
  });
  await stack.target.query(POST_INIT_RUNS_SQL);
  clean = await stack.target.inventory();
});
afterAll(async () => {
  // Shared roles and temporary databases too: nothing that no single case looks for is left by all of them together.
  expect(await stack.target.inventory()).toEqual(clean);
  await stack?.stop();
});

describe.concurrent('a create that fails for good', () => {
  it.each(FAILING_POINTS)('%s leaves nothing, and the same request succeeds after a delete', async (_, point) => {
    const request = everyStepRequest(idFor('fail', point.activity, point.when));
    faults.fail({ ...point, subject: request.id }, DISK_FULL);
    const task = await accept(stack, request);
    const { status, error } = await taskEnded(stack, task);
    expect(status).toBe('failed');
    expect(error).toContain(DISK_FULL.message);
    expect(error).toContain(point.title);
    await expectNothingLeft(stack, request.id);
    await expectSecondTrySucceeds(stack, request);
  });
});

describe.concurrent('a create that is cancelled', () => {
  async function cancelAt(point: (typeof CANCELLABLE_POINTS)[number][1]) {
    const request = everyStepRequest(idFor('stop', point.activity, point.when));
    const held = faults.hold({ ...point, subject: request.id });
    const task = await accept(stack, request);
    await held.reached;
    await stack.temporal.client.workflow.getHandle(task.workflowId).cancel();
    if (point.hearsOfIt) await held.cancelled;
    held.release();
    const { status, error } = await taskEnded(stack, task);
    expect({ status, error }).toEqual({ status: 'canceled', error: 'the task was cancelled' });
    await expectNothingLeft(stack, request.id);
    return request;
  }
  const points = (moment: string) => CANCELLABLE_POINTS.filter(([, { when }]) => when === moment);

  it.each(points('before'))('%s takes effect leaves nothing', async (_, point) => {
    const { id } = await cancelAt(point);
    expect(await remove(stack, id)).toMatchObject({ status: 'completed' });
  });

  it.each(points('after'))(
    '%s takes effect leaves nothing, and the same request succeeds after a delete',
    async (_, point) => {
      await expectSecondTrySucceeds(stack, await cancelAt(point));
    },
  );

  it('while its success is being recorded is available all the same', async () => {
    const request = everyStepRequest('stop-too-late');
    const held = faults.hold({ subject: request.id, activity: 'publishDatabase', when: 'before' });
    const task = await accept(stack, request);
    await held.reached;
    await stack.temporal.client.workflow.getHandle(task.workflowId).cancel();
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    await expectMadeOnce(stack, request.id);
    await remove(stack, request.id);
  });

  it('again while it is undone is undone to the end', async () => {
    const request = everyStepRequest('stop-twice');
    const last = faults.hold({ subject: request.id, activity: 'awaitService', when: 'before' });
    const undo = faults.hold({ subject: request.id, activity: 'undoCreateDatabase', when: 'before' });
    const task = await accept(stack, request);
    const run = stack.temporal.client.workflow.getHandle(task.workflowId);
    await last.reached;
    await run.cancel();
    last.release();
    await undo.reached;
    await run.cancel();
    undo.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    await expectNothingLeft(stack, request.id);
  });
});

/** What the server leaves when DROP DATABASE is interrupted (DATCONNLIMIT_INVALID_DB). */
const interruptDrop = (name: string) =>
  stack.target.query(`UPDATE pg_database SET datconnlimit = -2 WHERE datname = '${name}'`);

describe.concurrent('a DROP DATABASE that was interrupted', () => {
  it('is repeated when a create is undone', async () => {
    const request = everyStepRequest('half-undone');
    faults.fail({ subject: request.id, activity: 'grantAccess', when: 'after' }, DISK_FULL);
    const undo = { subject: request.id, activity: 'undoCreateDatabase', when: 'before' } as const;
    faults.at(undo, async () => void (await interruptDrop('half_undone')));
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'failed' });
    await expectNothingLeft(stack, request.id);
  });

  it('is repeated by a delete', async () => {
    const request = everyStepRequest('half-deleted');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    const step = { subject: request.id, activity: 'removeDatabase', when: 'before' } as const;
    faults.at(step, async () => void (await interruptDrop('half_deleted')));
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, request.id)).toEqual([]);
  });
});

describe.concurrent('a delete', () => {
  it('goes on when each of its steps fails once, before and after its effect', async () => {
    const request = everyStepRequest('delete-retried');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    for (const [, point] of DELETE_POINTS) {
      const failure = { type: 'Contention', message: 'somebody was faster', retryable: true } as const;
      faults.fail({ ...point, subject: request.id }, failure);
    }
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, request.id)).toEqual([]);
  });

  it.each(DELETE_POINTS)('that fails for good %s can be asked for again, and succeeds', async (_, point) => {
    const request = everyStepRequest(idFor('drop', point.activity, point.when));
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    faults.fail({ ...point, subject: request.id }, DISK_FULL);
    const task = await acceptDelete(stack, request.id);
    const { status, error } = await taskEnded(stack, task);
    expect(status).toBe('failed');
    expect(error).toContain(DISK_FULL.message);
    expect(error).toContain(point.title);
    expect((await stack.call('GET', `/v1/databases/${request.id}`)).body.state).toBe('failed');
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, request.id)).toEqual([]);
  });
});
