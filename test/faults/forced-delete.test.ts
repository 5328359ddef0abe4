import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closePredecessors } from '../../activities/control/tasks/close-predecessors.ts';
import { findTask, insertTask } from '../../store/tasks.ts';
import { remove, taskEnded, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { postAndKillApi } from './support/api-process.ts';
import { createFaults, type FaultPoint } from './support/faults.ts';
import { type AcceptedTask, accept, acceptDelete } from './support/outcome.ts';
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

const force = (id: string) => stack.call('DELETE', `/v1/databases/${id}?force=true`);

async function forced(id: string): Promise<{ database_id: string; task_id: string }> {
  const { status, body } = await force(id);
  expect([status, body.task?.type, body.task?.status]).toEqual([200, 'delete', 'pending']);
  return body.task;
}

async function expectGone(id: string): Promise<void> {
  expect((await stack.call('GET', `/v1/databases/${id}`)).status).toBe(404);
  expect(await remainsOf(stack, id)).toEqual([]);
}

/** Messages of a task's log. */
async function logOf(task: { database_id: string; task_id: string }): Promise<string[]> {
  const { body } = await stack.call('GET', `/v1/databases/${task.database_id}/tasks/${task.task_id}/log`);
  return body.entries.map(({ message }: { message: string }) => message);
}

describe.concurrent('a forced delete', () => {
  const points = ['runPostInit', 'createDatabase', 'grantAccess', 'startService', 'publishDatabase'].flatMap(
    (activity) =>
      (['before', 'after'] as const).map((when): [string, Omit<FaultPoint, 'subject'>] => [
        `${when} ${activity}`,
        { activity, when },
      ]),
  );

  it.each(points.slice(0, -1))('of a database that is being created, %s, leaves nothing of it', async (_, point) => {
    const request = everyStepRequest(`force-${point.activity.toLowerCase()}-${point.when.charAt(0)}`);
    const held = faults.hold({ ...point, subject: request.id });
    const creating = await accept(stack, request);
    await held.reached;
    const deleting = await forced(request.id);
    expect((await stack.call('GET', `/v1/databases/${request.id}`)).body.state).toBe('deleting');
    const { body } = await stack.call('GET', `/v1/databases/${request.id}/tasks/${creating.task_id}`);
    expect(['canceling', 'canceled']).toContain(body.status);
    // The step goes on at once, or when all is over: neither way it makes anything any more.
    if (point.when === 'after') held.release();
    expect(await taskEnded(stack, deleting)).toMatchObject({ status: 'completed' });
    held.release();
    if (point.when === 'before') expect(await held.outcome).toBeInstanceOf(Error);
    expect(await taskEnded(stack, creating)).toMatchObject({ status: 'canceled' });
    await expectGone(request.id);
    expect(await logOf(deleting)).toContain(`task ${creating.task_id} (create) ended as canceled`);
  });

  it('waits for the undo of what it ends before it removes anything', async () => {
    const request = everyStepRequest('force-waits');
    const held = faults.hold({ subject: request.id, activity: 'grantAccess', when: 'after' });
    const creating = await accept(stack, request);
    await held.reached;
    const undo = faults.hold({ subject: request.id, activity: 'undoCreateRoles', when: 'before' });
    const deleting = await forced(request.id);
    held.release();
    await undo.reached;
    expect((await logOf(deleting)).filter((message) => message.startsWith('started: '))).toEqual([
      'started: end the task under way',
    ]);
    undo.release();
    expect(await taskEnded(stack, deleting)).toMatchObject({ status: 'completed' });
    expect(await taskEnded(stack, creating)).toMatchObject({ status: 'canceled' });
    await expectGone(request.id);
  });

  it('ends a delete that is stuck, and does its work', async () => {
    const request = everyStepRequest('force-stuck');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    const held = faults.hold({ subject: request.id, activity: 'removeDatabase', when: 'before' });
    const stuck = await acceptDelete(stack, request.id);
    await held.reached;
    expect(await taskEnded(stack, await forced(request.id))).toMatchObject({ status: 'completed' });
    held.release();
    expect(await taskEnded(stack, stuck)).toMatchObject({ status: 'canceled' });
    await expectGone(request.id);
  });

  it.each(['creating', 'modifying', 'deleting'])(
    'works where a database is %s and nothing is under way',
    async (state) => {
      const request = everyStepRequest(`force-${state}`);
      expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
      await stack.control.db.query('UPDATE databases SET state = $2 WHERE id = $1', [request.id, state]);
      expect((await stack.call('DELETE', `/v1/databases/${request.id}`)).status).toBe(409);
      expect(await taskEnded(stack, await forced(request.id))).toMatchObject({ status: 'completed' });
      await expectGone(request.id);
    },
  );

  it('that fails leaves the database failed, and another one succeeds', async () => {
    const request = everyStepRequest('force-fails');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    const failure = { type: 'SqlRefused', message: 'the disk is full', retryable: false } as const;
    faults.fail({ subject: request.id, activity: 'endPredecessors', when: 'after' }, failure);
    expect(await taskEnded(stack, await forced(request.id))).toMatchObject({ status: 'failed' });
    expect((await stack.call('GET', `/v1/databases/${request.id}`)).body.state).toBe('failed');
    expect(await taskEnded(stack, await forced(request.id))).toMatchObject({ status: 'completed' });
    await expectGone(request.id);
  });

  it('takes further ones in, and frees the id for a new database', async () => {
    const request = everyStepRequest('force-joined');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    const held = faults.hold({ subject: request.id, activity: 'removeDatabase', when: 'before' });
    const first = await forced(request.id);
    await held.reached;
    const { status, body } = await force(request.id);
    expect([status, body.task.task_id]).toEqual([200, first.task_id]);
    held.release();
    expect(await taskEnded(stack, first)).toMatchObject({ status: 'completed' });
    await stack.target.query(`DELETE FROM public.post_init_runs WHERE database_id = '${request.id}'`);
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    expect(await remove(stack, request.id)).toMatchObject({ status: 'completed' });
  });

  it('says in the audit log what it was asked for, and what it ended', async () => {
    const request = everyStepRequest('force-audited');
    const held = faults.hold({ subject: request.id, activity: 'createRoles', when: 'after' });
    const creating = await accept(stack, request);
    await held.reached;
    const deleting = await forced(request.id);
    held.release();
    expect(await taskEnded(stack, deleting)).toMatchObject({ status: 'completed' });
    const { rows } = await stack.control.db.query(
      `SELECT kind, action, outcome, detail FROM audit_log WHERE task_id = $1 ORDER BY id`,
      [deleting.task_id],
    );
    expect(rows).toEqual([
      {
        kind: 'intent',
        action: 'database.delete',
        outcome: null,
        detail: { force: true, cancelled: [creating.task_id] },
      },
      expect.objectContaining({ kind: 'outcome', action: 'database.delete', outcome: 'completed' }),
    ]);
  });

  it('closes what is still being undone when its patience is over', async () => {
    const { db } = stack.control;
    const tx = await db.connect();
    try {
      await tx.query('BEGIN');
      const task = { scope: 'database', entityId: 'overtaken', workflowType: 'none', workflowKind: 'none' } as const;
      const older = await insertTask(tx, { ...task, type: 'create', epoch: 1, actor: 'test' });
      const newer = await insertTask(tx, { ...task, type: 'delete', epoch: 2, actor: 'test', forced: true });
      await closePredecessors(tx, { taskId: newer.id, databaseId: 'overtaken' });
      expect(await findTask(tx, { taskId: older.id })).toMatchObject({ status: 'canceled' });
      expect(await findTask(tx, { taskId: newer.id })).toMatchObject({ status: 'pending' });
    } finally {
      await tx.query('ROLLBACK');
      tx.release();
    }
  });
});

describe('a forced delete without a worker', () => {
  it('on the control side, of a create that has no run yet, makes nothing and leaves nothing', async () => {
    await stack.controlWorker.stop();
    const request = everyStepRequest('force-unstarted');
    await postAndKillApi(stack, request);
    const { body } = await stack.call('GET', `/v1/databases/${request.id}/tasks`);
    const deleting = await forced(request.id);
    await stack.restartControlWorker(faults.interceptors);
    expect(await taskEnded(stack, deleting)).toMatchObject({ status: 'completed' });
    expect(await taskEnded(stack, body.tasks[0])).toMatchObject({ status: 'canceled' });
    await expectGone(request.id);
  });

  it('on the host, of a delete that waits for it, leaves it a tombstone', async () => {
    const request = everyStepRequest('force-hostless');
    expect(await taskEnded(stack, await accept(stack, request))).toMatchObject({ status: 'completed' });
    await stack.hostWorker.stop();
    const waiting: AcceptedTask = await acceptDelete(stack, request.id);
    await until(async () => (await logOf(waiting)).length === 0 || undefined);
    const deleting = await forced(request.id);
    expect(await taskEnded(stack, deleting)).toMatchObject({ status: 'completed' });
    expect(await taskEnded(stack, waiting)).toMatchObject({ status: 'canceled' });
    expect(await logOf(deleting)).toContain(
      'host host-1 does not answer; it removes force-hostless-api-host-1 when its worker starts again',
    );
    expect((await stack.call('GET', `/v1/databases/${request.id}`)).status).toBe(404);
    expect(await remainsOf(stack, request.id)).toEqual([
      '1 rows of tombstones',
      'files of force-hostless-api-host-1',
      expect.stringMatching(/^process /),
    ]);
    await stack.restartHostWorker(faults.interceptors);
    expect(await remainsOf(stack, request.id)).toEqual([]);
  });
});

describe('a database with deletion protection', () => {
  it('is deleted by no request, also by force, until an update lifts it', async () => {
    const request = everyStepRequest('protected');
    const spec = { ...request.spec, deletion_protection: true };
    expect(await taskEnded(stack, await accept(stack, { ...request, spec }))).toMatchObject({ status: 'completed' });
    expect((await stack.call('GET', '/v1/databases/protected')).body.spec.deletion_protection).toBe(true);
    for (const query of ['', '?force=true']) {
      const { status, body, headers } = await stack.call('DELETE', `/v1/databases/protected${query}`);
      expect([status, headers.get('goa-error')]).toEqual([409, 'database_not_modifiable']);
      expect(body.message).toContain('"deletion_protection": false');
    }
    expect((await stack.call('GET', '/v1/databases/protected')).body.state).toBe('available');
    await stack.control.db.query(
      `UPDATE databases SET spec = spec || '{"deletion_protection": false}' WHERE id = 'protected'`,
    );
    expect(await remove(stack, 'protected')).toMatchObject({ status: 'completed' });
  });
});
