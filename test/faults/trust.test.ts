import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import type { JWK } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTROL_TASK_QUEUE, hostTaskQueue } from '../../domain/identifiers.ts';
import { sealForHost } from '../../platform/secrets/host-envelope.ts';
import { createHostKeyPair } from '../../platform/secrets/host-key.ts';
import { findHost } from '../../store/hosts.ts';
import { startHostWorker } from '../../worker/host-worker.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { innermostMessage } from './support/innermost-message.ts';

let stack: TestStack;
let attacker: Worker;
let attacking: Promise<void>;

const ATTACKER_QUEUE = 'attacker';

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  attacker = await Worker.create({
    connection: stack.temporal.connection,
    namespace: stack.temporal.namespace,
    taskQueue: ATTACKER_QUEUE,
    workflowsPath: fileURLToPath(new URL('./fixtures/forged-call.ts', import.meta.url)),
    dataConverter: stack.temporal.dataConverter,
  });
  attacking = attacker.run();
});
afterAll(async () => {
  attacker?.shutdown();
  await attacking;
  await stack?.stop();
});

const anotherWorker = (files: Partial<TestStack['config']['files']> = {}) =>
  startHostWorker({
    config: { ...stack.config, files: { ...stack.config.files, ...files } },
    temporal: stack.temporal,
    log: stack.api.log,
    stopServicesAtEnd: false,
  });

describe('a host worker', () => {
  it('is refused while another one serves the same host id, and told what to do', async () => {
    await expect(anotherWorker()).rejects.toMatchObject({
      type: 'JoinRefused',
      message:
        'host id host-1 is served by another live worker; stop that one, or start this one with another PGSTEWARD_HOST_ID',
    });
  });

  it('is refused with another join token than the control plane has', async () => {
    const joinToken = join(stack.config.home, 'other-join-token');
    await writeFile(joinToken, 'another-token-that-is-long-enough\n', { mode: 0o600 });
    await expect(anotherWorker({ joinToken })).rejects.toMatchObject({
      type: 'JoinRefused',
      message: 'host host-1 may not join: its join token is not the one of this control plane',
    });
  });

  it('is the only one of two that start at once under the same host id', async () => {
    await stack.hostWorker.stop();
    const results = await Promise.allSettled([anotherWorker(), anotherWorker()]);
    const admitted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(admitted).toHaveLength(1);
    expect(refused).toEqual([expect.objectContaining({ type: 'JoinRefused' })]);
    stack.hostWorker = admitted[0] ?? stack.hostWorker;
    const host = await findHost(stack.control.db, 'host-1');
    expect(host?.leftAt).toBeNull();
  });
});

describe('write access to Temporal alone', () => {
  const workflow = () => stack.temporal.client.workflow;

  it.each(['provisionDatabase', 'deleteDatabase', 'cleanupTask'])(
    'makes %s of a made-up task do nothing',
    async (type) => {
      const before = await stack.target.inventory();
      const run = workflow().execute(type, {
        workflowId: `forged/${type}`,
        taskQueue: CONTROL_TASK_QUEUE,
        args: [{ taskId: uuidv7(), reason: 'forged' }],
      });
      if (type === 'cleanupTask') expect(await run).toEqual({ undone: 0 });
      else expect(await run.catch(innermostMessage)).toMatch(/^task .* is unknown or closed already$/);
      expect(await stack.target.inventory()).toEqual(before);
    },
  );

  it.each([
    ['without the join token', { joinToken: 'guessed-but-not-the-token' }, /was not made with the join token/],
    ['for another host', { hostId: 'host-2' }, /is for another host, instance or task/],
    ['for another task', { taskId: uuidv7() }, /is for another host, instance or task/],
    ['to the key of another host', { otherKey: true }, /is sealed to another key than the one host host-1 has now/],
  ])('starts no service from a bundle that was sealed %s', async (_, forged, refusal) => {
    const { control } = stack;
    const host = await findHost(control.db, 'host-1');
    const start = { instanceId: 'forged-api-host-1', databaseId: 'forged', taskId: uuidv7(), epoch: 1_000_000 };
    const ours = { hostId: 'host-1', joinToken: control.joinToken, taskId: start.taskId, otherKey: false, ...forged };
    const publicJwk = ours.otherKey ? (await createHostKeyPair()).publicJwk : (host?.publicKey as JWK);
    const sealedBundle = await sealForHost({
      publicJwk,
      joinToken: ours.joinToken,
      binding: { hostId: ours.hostId, instanceId: start.instanceId, taskId: ours.taskId },
      payload: { ...start, installationId: control.installationId, hostId: 'host-1' },
    });
    const run = workflow().execute('forgedCall', {
      workflowId: `forged/call/${uuidv7()}`,
      taskQueue: ATTACKER_QUEUE,
      args: [{ taskQueue: hostTaskQueue('host-1'), start: { ...start, sealedBundle } }],
    });
    expect(await run.catch(innermostMessage)).toMatch(refusal);
  });
});
