import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remove, taskEnded, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { postAndKillApi } from './support/api-process.ts';
import { createFaults } from './support/faults.ts';
import { accept, acceptDelete, expectMadeOnce, expectNothingLeft } from './support/outcome.ts';
import { remainsOf } from './support/remains.ts';
import { everyStepRequest, POST_INIT_RUNS_SQL } from './support/request.ts';
import { CREATE_POINTS, idFor } from './support/steps.ts';

const faults = createFaults();
let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(200) },
  });
  await stack.target.query(POST_INIT_RUNS_SQL);
});
afterAll(() => stack?.stop());

const handleOf = (workflowId: string) => stack.temporal.client.workflow.getHandle(workflowId);

/** Runs of this id, ended ones too. */
async function countRuns(workflowId: string): Promise<number> {
  const { count } = await stack.temporal.client.workflow.count(`WorkflowId = "${workflowId}"`);
  return count;
}

describe.concurrent('an accepted request', () => {
  it('is performed by exactly one run when the API is killed before it starts one', async () => {
    const request = everyStepRequest('api-killed');
    await postAndKillApi(stack, request);
    const { body } = await stack.call('GET', '/v1/databases/api-killed/tasks');
    const [task] = body.tasks;
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    await expectMadeOnce(stack, 'api-killed');
    const workflowId = `provision-database/api-killed/${task.task_id}`;
    expect(await until(async () => (await countRuns(workflowId)) || undefined)).toBe(1);
  });
});

describe.concurrent('a create whose run is terminated', () => {
  it.each(CREATE_POINTS)('is undone, %s: what its last step does afterwards is nothing', async (_, point) => {
    const request = everyStepRequest(idFor('term', point.activity, point.when));
    const held = faults.hold({ ...point, subject: request.id });
    const task = await accept(stack, request);
    await held.reached;
    await handleOf(task.workflowId).terminate('maintenance');
    const ended = await taskEnded(stack, task);
    held.release();
    expect(ended).toMatchObject({
      status: 'failed',
      error: 'the task did not come to its end: its run was terminated: maintenance',
    });
    if (point.when === 'before') expect(await held.outcome).toBeInstanceOf(Error);
    await expectNothingLeft(stack, request.id);
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
  });
});

describe.concurrent('a run that is lost in another way', () => {
  it('is undone from the journal when Temporal has forgotten it', async () => {
    const request = everyStepRequest('forgotten');
    const held = faults.hold({ subject: request.id, activity: 'grantAccess', when: 'after' });
    const task = await accept(stack, request);
    await held.reached;
    await stack.temporal.client.workflowService.deleteWorkflowExecution({
      namespace: stack.temporal.namespace,
      workflowExecution: { workflowId: task.workflowId },
    });
    const ended = await taskEnded(stack, task);
    held.release();
    expect(ended).toMatchObject({
      status: 'failed',
      error: 'the task did not come to its end: Temporal no longer knows its run',
    });
    await expectNothingLeft(stack, request.id);
  });

  it('is undone by another cleanup when its cleanup is terminated too', async () => {
    const request = everyStepRequest('cleanup-lost');
    const held = faults.hold({ subject: request.id, activity: 'grantAccess', when: 'after' });
    const task = await accept(stack, request);
    await held.reached;
    const undo = faults.hold({ subject: task.task_id, activity: 'undoCreateRoles', when: 'before' });
    await handleOf(task.workflowId).terminate();
    held.release();
    await undo.reached;
    await handleOf(`cleanup/${task.task_id}`).terminate();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'failed' });
    undo.release();
    await expectNothingLeft(stack, request.id);
  });

  it('leaves a database failed when it was a delete, and a second delete succeeds', async () => {
    const request = everyStepRequest('delete-lost');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    const held = faults.hold({ subject: request.id, activity: 'removeDatabase', when: 'before' });
    const task = await acceptDelete(stack, request.id);
    await held.reached;
    await handleOf(task.workflowId).terminate();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'failed' });
    expect((await stack.call('GET', '/v1/databases/delete-lost')).body.state).toBe('failed');
    held.release();
    expect(await held.outcome).toBeInstanceOf(Error);
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, request.id)).toEqual([]);
  });
});
