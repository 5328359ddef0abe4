import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkerProcess, type WorkerProcess } from '../faults/support/worker-process.ts';
import { create, taskEnded, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { type GroupStack, startGroupStack } from './support/stack.ts';
import { type ServiceUrl, untilWritten, urlsOf, writableRequest } from './support/writer.ts';

/*
 * Control worker and the worker of host-1 run in a process of their own, which kills itself with SIGKILL right after the effect of
 * one step; another one is started. The primary begins on host-1, and moves with every switchover.
 */
let on: GroupStack;
let worker: WorkerProcess | undefined;
let services: ServiceUrl[];

beforeAll(async () => {
  on = await startGroupStack({
    runtime: 'process',
    hosts: 2,
    members: 2,
    control: true,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(400) },
  });
  const { stack } = on;
  expect(await create(stack, writableRequest('shop', ['host-1', 'host-2']))).toMatchObject({ status: 'completed' });
  services = urlsOf((await stack.call('GET', '/v1/databases/shop')).body);
  await stack.hostWorker.stop();
  await stack.controlWorker.stop();
});
afterAll(async () => {
  await worker?.stop();
  await on?.stack.stop();
});

const primaries = async () =>
  Promise.all(
    on.group.members.map(async (member) => {
      const rows = await member
        .query<{ primary: boolean }>('SELECT NOT pg_is_in_recovery() AS primary')
        .catch(() => []);
      return rows[0]?.primary;
    }),
  );

test.each([
  ['stopPrimary', [false, true]],
  ['promoteStandby', [true, false]],
  ['startStandby', [false, true]],
])(
  'a worker that is killed right after %s loses nothing: the next one completes the switchover',
  async (activity, end) => {
    const { stack } = on;
    worker = await startWorkerProcess(stack, { killAt: [{ subject: 'shop', activity, when: 'after' }] });
    const { body } = await until(async () => {
      const answer = await stack.call('POST', '/v1/databases/shop/nodes/n1/switchover', {});
      return answer.status === 200 ? answer : undefined;
    });
    await worker.killed;
    worker = await startWorkerProcess(stack);
    expect(await taskEnded(stack, body.task)).toMatchObject({ status: 'completed' });
    expect(await primaries()).toEqual(end);
    for (const service of services) await untilWritten(service, activity);
    await worker.stop();
  },
);
