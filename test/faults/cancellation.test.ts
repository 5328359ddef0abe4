import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelRun } from '../../platform/temporal/task-run.ts';
import { findTask } from '../../store/tasks.ts';
import { remove, taskEnded, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { postAndKillApi } from './support/api-process.ts';
import { createFaults } from './support/faults.ts';
import { type AcceptedTask, accept, acceptDelete, expectMadeOnce, expectNothingLeft } from './support/outcome.ts';
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

const cancel = (task: { database_id: string; task_id: string }, headers?: Record<string, string>) =>
  stack.call('POST', `/v1/databases/${task.database_id}/tasks/${task.task_id}/cancel`, undefined, headers);

/** Cancels a task that must be cancellable. */
async function cancelled(task: { database_id: string; task_id: string }): Promise<void> {
  const { status, body } = await cancel(task);
  expect([status, body.status, body.task_id]).toEqual([200, 'canceling', task.task_id]);
}

/** What the audit log says of a task, in order. */
async function auditOf(task: AcceptedTask): Promise<string[]> {
  const { rows } = await stack.control.db.query<{ line: string }>(
    `SELECT concat_ws(' ', kind, action, outcome) AS line FROM audit_log WHERE task_id = $1 ORDER BY id`,
    [task.task_id],
  );
  return rows.map(({ line }) => line);
}

describe.concurrent('a task that is cancelled', () => {
  it('is undone, its database is failed, and all of it is on record', async () => {
    const request = everyStepRequest('told-to-stop');
    const held = faults.hold({ subject: request.id, activity: 'grantAccess', when: 'after' });
    const task = await accept(stack, request);
    await held.reached;
    await cancelled(task);
    await held.cancelled;
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled', error: 'the task was cancelled' });
    await expectNothingLeft(stack, request.id);
    expect(await auditOf(task)).toEqual([
      'intent database.create',
      'intent task.cancel',
      'outcome task.cancel completed',
      'outcome database.create canceled',
    ]);
    const log = await stack.call('GET', `/v1/databases/${request.id}/tasks/${task.task_id}/log`);
    expect(log.body.entries.at(-1).message).toBe('canceled: the task was cancelled');
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
  });

  it('ends as canceled also when a step of it fails first', async () => {
    const request = everyStepRequest('stopped-failing');
    faults.at({ subject: request.id, activity: 'grantAccess', when: 'after' }, async () => {
      // On record, and no run has heard of it when the step fails.
      await stack.control.db.query(`UPDATE tasks SET status = 'canceling' WHERE entity_id = $1`, [request.id]);
      throw ApplicationFailure.create({ type: 'SqlRefused', message: 'the disk is full', nonRetryable: true });
    });
    const task = await accept(stack, request);
    const { status, error } = await taskEnded(stack, task);
    expect(status).toBe('canceled');
    expect(error).toContain('the disk is full');
    await expectNothingLeft(stack, request.id);
  });

  it('is cancelled by the reconciler when the API died before Temporal heard of it', async () => {
    const request = everyStepRequest('cancel-unheard');
    const held = faults.hold({ subject: request.id, activity: 'grantAccess', when: 'after' });
    const task = await accept(stack, request);
    await held.reached;
    await stack.control.db.query(`UPDATE tasks SET status = 'canceling' WHERE id = $1`, [task.task_id]);
    await held.cancelled;
    // Passes of the reconciler while it is undone ask again, and are not answered by an error.
    const undo = faults.hold({ subject: request.id, activity: 'undoCreateRoles', when: 'before' });
    held.release();
    await undo.reached;
    const row = await findTask(stack.control.db, { taskId: task.task_id });
    if (row === undefined) throw new Error('the task is gone');
    await cancelRun(stack.api.workflows, row, stack.api);
    undo.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    await expectNothingLeft(stack, request.id);
  });

  it('completes all the same when its success was being recorded', async () => {
    const request = everyStepRequest('cancelled-late');
    const held = faults.hold({ subject: request.id, activity: 'publishDatabase', when: 'before' });
    const task = await accept(stack, request);
    await held.reached;
    await cancelled(task);
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    await expectMadeOnce(stack, request.id);

    const deletion = faults.hold({ subject: request.id, activity: 'finishDelete', when: 'before' });
    const deleting = await acceptDelete(stack, request.id);
    await deletion.reached;
    await cancelled(deleting);
    deletion.release();
    expect(await taskEnded(stack, deleting)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, request.id)).toEqual([]);
  });

  it('leaves its database failed when it was a delete, and a second delete succeeds', async () => {
    const request = everyStepRequest('cancelled-delete');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    const held = faults.hold({ subject: request.id, activity: 'removeDatabase', when: 'before' });
    const task = await acceptDelete(stack, request.id);
    await held.reached;
    await cancelled(task);
    await held.cancelled;
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    expect((await stack.call('GET', `/v1/databases/${request.id}`)).body.state).toBe('failed');
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, request.id)).toEqual([]);
  });

  it('is cancelled once under one key, however often that is asked', async () => {
    const request = everyStepRequest('cancel-keyed');
    const held = faults.hold({ subject: request.id, activity: 'grantAccess', when: 'after' });
    const task = await accept(stack, request);
    await held.reached;
    const key = { 'Idempotency-Key': 'cancel-keyed' };
    const answers = await Promise.all([cancel(task, key), cancel(task, key), cancel(task, key)]);
    held.release();
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
    answers.push(await cancel(task, key));
    expect(answers.map(({ status, body }) => [status, body.status])).toEqual(answers.map(() => [200, 'canceling']));
    expect((await auditOf(task)).filter((line) => line === 'intent task.cancel')).toHaveLength(1);
    expect((await cancel(task)).status).toBe(400);
  });
});

describe('a task that has no run yet', () => {
  it('is closed as canceled by a run that does nothing else', async () => {
    await stack.controlWorker.stop();
    const request = everyStepRequest('cancel-unstarted');
    await postAndKillApi(stack, request);
    const { body } = await stack.call('GET', `/v1/databases/${request.id}/tasks`);
    const [task] = body.tasks;
    await cancelled(task);
    await stack.restartControlWorker(faults.interceptors);
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled', error: 'the task was cancelled' });
    await expectNothingLeft(stack, request.id);
    const { rows } = await stack.control.db.query('SELECT FROM task_steps WHERE task_id = $1', [task.task_id]);
    expect(rows).toHaveLength(0);
  });

  it('is closed as canceled by the run that the reconciler starts when the API died twice', async () => {
    await stack.controlWorker.stop();
    const request = everyStepRequest('cancel-orphan');
    await postAndKillApi(stack, request);
    const { body } = await stack.call('GET', `/v1/databases/${request.id}/tasks`);
    await stack.control.db.query(`UPDATE tasks SET status = 'canceling' WHERE id = $1`, [body.tasks[0].task_id]);
    await stack.restartControlWorker(faults.interceptors);
    expect(await taskEnded(stack, body.tasks[0])).toMatchObject({ status: 'canceled' });
    await expectNothingLeft(stack, request.id);
    expect(await until(async () => (await remove(stack, request.id)).status)).toBe('completed');
  });
});
