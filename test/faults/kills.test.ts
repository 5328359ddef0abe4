import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findHost } from '../../store/hosts.ts';
import { taskEnded } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import {
  type AcceptedTask,
  accept,
  acceptDelete,
  expectMadeOnce,
  expectNothingLeft,
  expectSecondTrySucceeds,
} from './support/outcome.ts';
import { remainsOf } from './support/remains.ts';
import { everyStepRequest, POST_INIT_RUNS_SQL } from './support/request.ts';
import { DELETE_ACTIVITIES, idFor, PROVISION_ACTIVITIES, UNDO_ACTIVITIES } from './support/steps.ts';
import { startWorkerProcess, type WorkerProcess } from './support/worker-process.ts';

/*
 * One database for each activity of a create, of its undo and of a delete. Each waits right after the effect of its own
 * activity; when all wait, the one process that runs all workers kills itself with SIGKILL, and another one is started.
 */
const creates = PROVISION_ACTIVITIES.map((activity) => ({ activity, subject: idFor('made', activity, 'after') }));
const undos = UNDO_ACTIVITIES.map((activity) => ({ activity, subject: idFor('gone', activity, 'after') }));
/** Databases whose create has survived its kill are deleted. */
const deletes = DELETE_ACTIVITIES.map((activity, index) => ({ activity, subject: creates[index]?.subject ?? '' }));

const named = <P extends { activity: string }>(points: readonly P[]) =>
  points.map((point): [string, P] => [point.activity, point]);

let stack: TestStack;
let worker: WorkerProcess | undefined;

async function acceptAll(subjects: readonly { subject: string }[], one: (id: string) => Promise<AcceptedTask>) {
  const accepted = new Map<string, AcceptedTask>();
  for (const { subject } of subjects) accepted.set(subject, await one(subject));
  return accepted;
}

async function endOf(tasks: ReadonlyMap<string, AcceptedTask>, id: string) {
  const task = tasks.get(id);
  if (task === undefined) throw new Error(`nothing was accepted for ${id}`);
  return taskEnded(stack, task);
}

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    workers: false,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(200) },
  });
  await stack.target.query(POST_INIT_RUNS_SQL);
});
afterAll(async () => {
  await worker?.stop();
  await stack?.stop();
});

describe('a worker that is killed during creates', () => {
  let tasks: ReadonlyMap<string, AcceptedTask>;
  let killedWorkerId: string | undefined;

  beforeAll(async () => {
    worker = await startWorkerProcess(stack, {
      killAt: [...creates, ...undos].map((point) => ({ ...point, when: 'after' })),
      failAt: undos.map(({ subject }) => ({ subject, activity: 'awaitService', when: 'before' })),
    });
    tasks = await acceptAll([...creates, ...undos], (id) => accept(stack, everyStepRequest(id)));
    await worker.killed;
    killedWorkerId = (await findHost(stack.control.db, 'host-1'))?.workerId ?? undefined;
    worker = await startWorkerProcess(stack, { killAt: deletes.map((point) => ({ ...point, when: 'after' })) });
  });

  it('makes room for another one under the same host id', async () => {
    const host = await findHost(stack.control.db, 'host-1');
    expect(killedWorkerId).toBeDefined();
    expect(host?.workerId).not.toBe(killedWorkerId);
  });

  it.each(named(creates))(
    'right after %s loses nothing: the next one completes it, each effect exactly once',
    async (_, { subject }) => {
      expect(await endOf(tasks, subject)).toMatchObject({ status: 'completed' });
      await expectMadeOnce(stack, subject);
    },
  );

  it.each(named(undos))('right after %s leaves nothing: the next one undoes the rest', async (_, { subject }) => {
    expect(await endOf(tasks, subject)).toMatchObject({ status: 'failed' });
    await expectNothingLeft(stack, subject);
  });
});

describe('a worker that is killed during deletes', () => {
  let tasks: ReadonlyMap<string, AcceptedTask>;

  beforeAll(async () => {
    tasks = await acceptAll(deletes, (id) => acceptDelete(stack, id));
    await worker?.killed;
    worker = await startWorkerProcess(stack);
  });

  it.each(named(deletes))('right after %s loses nothing: the next one completes it', async (_, { subject }) => {
    expect(await endOf(tasks, subject)).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, subject)).toEqual([]);
  });

  it('leaves what it was not asked to delete, and a failed create succeeds when asked for again', async () => {
    const [failed] = undos;
    const kept = creates.at(-1);
    if (failed === undefined || kept === undefined) throw new Error('the tables are empty');
    await expectMadeOnce(stack, kept.subject);
    await expectSecondTrySucceeds(stack, everyStepRequest(failed.subject));
  });
});
