/**
 * Records one history for each way through the workflows, on a real stack. Run by `scripts/record-histories.ts`, not with
 * the tests: a recorded history is evidence of what earlier code did.
 */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONTROL_TASK_QUEUE } from '../../domain/identifiers.ts';
import { loadKeyring } from '../../platform/secrets/keyring.ts';
import { createEncryptionCodec } from '../../platform/temporal/codec.ts';
import { addPolicy, decide, ended, somebody } from '../approvals/support/people.ts';
import { type GroupStack, startGroupStack } from '../failover/support/stack.ts';
import { writableRequest } from '../failover/support/writer.ts';
import { createFaults } from '../faults/support/faults.ts';
import { beforeUpdate, createShop, everyChange } from '../faults/support/updates.ts';
import { addChannel, happened, settled } from '../notifications/support/channels.ts';
import { startWebhook } from '../notifications/support/webhook.ts';
import { create as createAndWait, taskEnded, until } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { HISTORIES, type RecordedHistory } from './histories.ts';
import { publishable } from './publishable.ts';

const faults = createFaults();
let stack: TestStack;

beforeAll(async () => {
  for (const file of await readdir(HISTORIES)) await rm(join(HISTORIES, file));
  stack = await startTestStack({
    runtime: 'process',
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
  });
});
afterAll(() => stack?.stop());

const request = (id: string, config: Record<string, unknown> = {}) =>
  seedRequest({
    id,
    port: 0,
    user: `${id.replaceAll('-', '_')}_app`,
    password: 'c4nary-password',
    config,
    scripts: {
      post_init: [`CREATE ROLE ${id.replaceAll('-', '_')}_made`],
      post_database_create: ['CREATE SCHEMA api'],
    },
  });

async function accepted(method: string, path: string, body?: unknown) {
  const answer = await stack.call(method, path, body);
  expect(answer.status).toBe(200);
  const task: { database_id: string; task_id: string } = answer.body.task;
  const { rows } = await stack.control.db.query<{ workflowId: string }>(
    'SELECT workflow_id AS "workflowId" FROM tasks WHERE id = $1',
    [task.task_id],
  );
  const workflowId = rows[0]?.workflowId ?? '';
  return { task, workflowId, run: stack.temporal.client.workflow.getHandle(workflowId) };
}

const create = (id: string, config?: Record<string, unknown>) => accepted('POST', '/v1/databases', request(id, config));

async function record(name: string, workflowId: string, of: TestStack = stack): Promise<void> {
  const handle = of.temporal.client.workflow.getHandle(workflowId);
  await until(async () => ((await handle.describe()).status.name === 'RUNNING' ? undefined : true));
  const codec = createEncryptionCodec({
    keyring: await loadKeyring(of.config.files.codecKeyring),
    namespace: of.temporal.namespace,
  });
  const history = await publishable(await handle.fetchHistory(), codec, of.config.home);
  const recorded: RecordedHistory = { workflowId, history };
  await writeFile(join(HISTORIES, `${name}.json`), `${JSON.stringify(recorded, undefined, 1)}\n`);
}

/** The first run of a type that is long enough, whoever started it. */
async function recordFirst(
  name: string,
  workflowType: string,
  of: TestStack = stack,
  isMeant: (events: number) => boolean = () => true,
): Promise<void> {
  const workflowId = await until(async () => {
    const query = `WorkflowType = '${workflowType}' AND ExecutionStatus = 'Completed'`;
    for await (const run of of.temporal.client.workflow.list({ query })) {
      if (isMeant(run.historyLength ?? 0)) return run.workflowId;
    }
    return undefined;
  });
  await record(name, workflowId, of);
}

test('a database is provisioned, and deleted', async () => {
  const made = await create('made', { db_schemas: 'api' });
  expect(await taskEnded(stack, made.task)).toMatchObject({ status: 'completed' });
  await record('provision', made.workflowId);
  const deleted = await accepted('DELETE', '/v1/databases/made');
  expect(await taskEnded(stack, deleted.task)).toMatchObject({ status: 'completed' });
  await record('delete', deleted.workflowId);
});

describe('an update', () => {
  const id = 'changed';
  const post = (spec: unknown) => accepted('POST', `/v1/databases/${id}`, { spec });

  beforeAll(() => createShop(stack, id));

  test('of one setting takes nothing away', async () => {
    const spec = beforeUpdate(id, { max_rows: 7 });
    const { task, workflowId } = await post(spec);
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
    await record('update-in-place', workflowId);
  });

  test('fails and is undone, is cancelled, and goes through every step', async () => {
    const failure = { type: 'ServiceNotReady', message: 'no usable answer', retryable: false } as const;
    faults.fail({ subject: id, activity: 'awaitService', when: 'before' }, failure);
    const failed = await post(everyChange(id));
    expect(await taskEnded(stack, failed.task)).toMatchObject({ status: 'failed' });
    await record('update-undone', failed.workflowId);

    const held = faults.hold({ subject: id, activity: 'changeService', when: 'before' });
    const cancelled = await post(everyChange(id));
    await held.reached;
    await cancelled.run.cancel();
    await held.cancelled;
    held.release();
    expect(await taskEnded(stack, cancelled.task)).toMatchObject({ status: 'canceled' });
    await record('update-cancelled', cancelled.workflowId);

    const lost = faults.hold({ subject: id, activity: 'removeAccess', when: 'before' });
    const completed = await post(everyChange(id));
    await lost.reached;
    await completed.run.terminate();
    lost.release();
    expect(await taskEnded(stack, completed.task)).toMatchObject({ status: 'completed' });
    await record('cleanup-forward', `cleanup/${completed.task.task_id}`);

    const back = await post(beforeUpdate(id));
    expect(await taskEnded(stack, back.task)).toMatchObject({ status: 'completed' });
    await record('update', back.workflowId);
  });
});

test('a create is ended by a forced delete', async () => {
  const held = faults.hold({ subject: 'forced', activity: 'grantAccess', when: 'before' });
  const { workflowId } = await create('forced');
  await held.reached;
  const deleted = await accepted('DELETE', '/v1/databases/forced?force=true');
  held.release();
  expect(await taskEnded(stack, deleted.task)).toMatchObject({ status: 'completed' });
  await record('delete-forced', deleted.workflowId);
  await record('provision-ended-by-force', workflowId);
});

test('a create is cancelled before it has a run', async () => {
  await stack.controlWorker.stop();
  const { task, workflowId } = await create('unstarted');
  // On record alone, as by an API that dies before it tells Temporal.
  await stack.control.db.query(`UPDATE tasks SET status = 'canceling' WHERE id = $1`, [task.task_id]);
  await stack.restartControlWorker(faults.interceptors);
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
  await record('provision-cancelled-unstarted', workflowId);
});

test('provisioning fails in preflight, and is undone', async () => {
  const { task, workflowId } = await create('no-schema', { db_schemas: 'nowhere' });
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'failed' });
  await record('provision-fails-in-preflight', workflowId);
});

test('provisioning fails on the host, and is undone there too', async () => {
  const failure = { type: 'ServiceNotReady', message: 'no usable answer', retryable: false } as const;
  faults.fail({ subject: 'not-ready', activity: 'awaitService', when: 'before' }, failure);
  const { task, workflowId } = await create('not-ready');
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'failed' });
  await record('provision-fails-on-host', workflowId);
});

test('a step is retried', async () => {
  const failure = { type: 'Contention', message: 'somebody was faster', retryable: true } as const;
  faults.fail({ subject: 'retried', activity: 'grantAccess', when: 'after' }, failure);
  const { task, workflowId } = await create('retried');
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
  await record('provision-with-retry', workflowId);
});

test('provisioning is cancelled, and is undone', async () => {
  const held = faults.hold({ subject: 'cancelled', activity: 'grantAccess', when: 'before' });
  const { task, workflowId, run } = await create('cancelled');
  await held.reached;
  await run.cancel();
  await held.cancelled;
  held.release();
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
  await record('provision-cancelled', workflowId);
});

test('a run is terminated, and cleaned up after', async () => {
  const held = faults.hold({ subject: 'terminated', activity: 'grantAccess', when: 'before' });
  const { task, run } = await create('terminated');
  await held.reached;
  await run.terminate();
  held.release();
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'failed' });
  await record('cleanup', `cleanup/${task.task_id}`);
});

test('a host goes before a service is started there, and removes it when it is back', async () => {
  const held = faults.hold({ subject: 'orphaned', activity: 'sealServices', when: 'after' });
  const { task, workflowId, run } = await create('orphaned');
  await held.reached;
  await stack.hostWorker.stop();
  held.release();
  await until(async () => {
    const { raw } = await run.describe();
    return raw.pendingActivities?.find((activity) => activity.activityType?.name === 'startService');
  });
  await run.cancel();
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'canceled' });
  await record('provision-cancelled-without-host', workflowId);
  await stack.restartHostWorker(faults.interceptors);
});

/** A change of the server's roles, followed to its end. */
async function acceptedOnServer(method: string, path: string, body?: unknown) {
  const answer = await stack.call(method, `/v1/servers/host-1${path}`, body);
  expect(answer.status).toBe(202);
  const { task_id: taskId } = answer.body.task;
  const { status } = await until(async () => {
    const { body: task } = await stack.call('GET', `/v1/servers/host-1/tasks/${taskId}`);
    return ['completed', 'failed'].includes(task.status) ? task : undefined;
  });
  return { status, taskId };
}

test('a document is applied, another one is refused by the server', async () => {
  const document = { roles: [{ name: 'recorded', login: true, password: 'c4nary-password' }] };
  const applied = await acceptedOnServer('POST', '/apply', { document, prove_login: true });
  expect(applied.status).toBe('completed');
  await record('apply-roles', `apply-roles/host-1/${applied.taskId}`);
  const setting = { role: 'recorded', name: 'work_mem', value: 'much' };
  const refused = await acceptedOnServer('POST', '/apply', { document: { settings: [setting] } });
  expect(refused.status).toBe('failed');
  await record('apply-roles-refused', `apply-roles/host-1/${refused.taskId}`);
});

test('requests are carried out together, and a role is dropped', async () => {
  const answers = await Promise.all(
    ['one', 'two', 'three'].map((role) => stack.call('PUT', `/v1/servers/host-1/roles/${role}`, { login: true })),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  await recordFirst('change-roles', 'changeRoles');
  const dropped = await acceptedOnServer('DELETE', '/roles/one');
  expect(dropped.status).toBe('completed');
  await record('drop-role', `drop-role/host-1/${dropped.taskId}`);
});

test('a change waits for approval: it is given, refused, not given in time; a role is dropped with it', async () => {
  await addPolicy(stack, { name: 'recorded', roles: ['held_*'] });
  await addPolicy(stack, { name: 'recorded in time', roles: ['late_*'], expires_in_seconds: 1 });
  const asker = await somebody(stack, { role: 'operator' });
  const held = async (method: string, role: string) => {
    const { body } = await asker.call(method, `/v1/servers/host-1/roles/${role}`, method === 'PUT' ? {} : undefined);
    return body.approval.id as string;
  };
  const given = await held('PUT', 'held_one');
  await decide(stack, given);
  expect(await ended(stack, given)).toMatchObject({ state: 'executed' });
  await record('held-change', `held-change/host-1/${given}`);
  const refused = await held('PUT', 'held_two');
  await decide(stack, refused, 'reject');
  await record('held-change-refused', `held-change/host-1/${refused}`);
  const late = await held('PUT', 'late_one');
  expect(await ended(stack, late)).toMatchObject({ state: 'expired' });
  await record('held-change-expired', `held-change/host-1/${late}`);
  const dropped = await held('DELETE', 'held_one');
  await decide(stack, dropped);
  expect(await ended(stack, dropped)).toMatchObject({ state: 'executed' });
  await record('held-change-drop', `held-change/host-1/${dropped}`);
});

test('the JWT key of a service is rotated', async () => {
  const { task } = await create('keyed', { db_schemas: 'api', jwt_secret: 'c4nary-secret-of-at-least-32-characters' });
  expect(await taskEnded(stack, task)).toMatchObject({ status: 'completed' });
  const path = '/v1/databases/keyed/services/api/jwt-rotation';
  const { body } = await stack.call('POST', path, { grace_seconds: 1, key: 'c4nary-other-of-at-least-32-characters' });
  await record('rotate-jwt', `rotate-jwt/keyed/${body.rotation.id}`);
  expect((await stack.call('GET', path)).body).toMatchObject({ state: 'completed' });
});

test('leases end, one when it is told to and one when its time has come', async () => {
  await stack.target.query('CREATE ROLE recorded_group');
  const issue = async (ttl: number) => {
    const wish = { server: 'host-1', roles: ['recorded_group'], ttl, reason: 'to be recorded' };
    const { status, body } = await stack.call('POST', '/v1/leases', wish);
    expect(status).toBe(201);
    return body.id as string;
  };
  const [told, timed] = [await issue(60), await issue(3)];
  expect((await stack.call('POST', `/v1/leases/${told}/revoke`)).body.state).toBe('ended');
  await until(async () => ((await stack.call('GET', `/v1/leases/${timed}`)).body.state === 'ended' ? true : undefined));
  await record('end-leases', 'leases/host-1');
});

test.each([
  ['greet-host', 'greetHost'],
  ['join-host', 'joinHost'],
  ['confirm-join', 'confirmJoin'],
  ['leave-host', 'leaveHost'],
  ['probe-ports', 'probeHostPorts'],
  ['reconcile', 'reconcile'],
  ['watch-primaries', 'watchPrimaries'],
  ['seal-audit', 'sealAudit'],
])('%s', (name, workflowType) => recordFirst(name, workflowType));

test('hosts are asked whether they are there', async () => {
  expect((await stack.call('GET', '/v1/hosts')).status).toBe(200);
  await recordFirst('check-hosts', 'checkHosts');
});

test('what is no longer kept is removed', async () => {
  const workflowId = 'applyRetention';
  await stack.temporal.client.workflow.execute(workflowId, { workflowId, taskQueue: CONTROL_TASK_QUEUE });
  await record('apply-retention', workflowId);
});

test('hosts are asked what runs on them, and it is recorded', async () => {
  const workflowId = 'monitorHosts';
  await stack.temporal.client.workflow.execute(workflowId, { workflowId, taskQueue: CONTROL_TASK_QUEUE });
  await record('monitor-hosts', workflowId);
});

test('a server is looked at for drift because somebody asked, and because its time has come', async () => {
  const { body } = await stack.call('POST', '/v1/servers/host-1/drift/check', {});
  await record('check-drift', `check-drift/host-1/${body.task.task_id}`);
  await stack.control.db.query('UPDATE drift_looks SET next_look_at = now()');
  await stack.temporal.client.workflow.execute('watchDrift', {
    workflowId: 'watchDrift',
    taskQueue: CONTROL_TASK_QUEUE,
  });
  await record('watch-drift', 'watchDrift');
});

test('notifications are collected, and sent or given up', async () => {
  const webhook = await startWebhook();
  try {
    const config = { webhook_url: webhook.url('/recorded') };
    const id = await addChannel(stack, { name: 'recorded', kind: 'slack', events: ['recorded.*'], config });
    const { client } = stack.temporal;
    const collect = (workflowId: string) =>
      client.workflow.execute('collectNotifications', { workflowId, taskQueue: CONTROL_TASK_QUEUE });
    webhook.answer('/recorded', { status: 503 });
    for (const action of ['recorded.create', 'recorded.change']) await happened(stack, { action });
    await collect('collectNotifications');
    await settled(stack, id, 2);
    await record('collect-notifications', 'collectNotifications');
    await record('send-notifications', `notify/${id}`);
    webhook.answer('/recorded', { status: 404, body: 'no_service' });
    for (const action of ['recorded.grant', 'recorded.revoke']) await happened(stack, { action });
    await collect('collectNotifications/again');
    await settled(stack, id, 4);
    await record('send-notifications-given-up', `notify/${id}`);
  } finally {
    await webhook.stop();
  }
});

describe('on a replication group', () => {
  let on: GroupStack;

  beforeAll(async () => {
    on = await startGroupStack({
      runtime: 'process',
      hosts: 2,
      members: 2,
      control: true,
      interceptors: faults.interceptors,
    });
    await until(async () => {
      const { rows } = await on.stack.control.db.query('SELECT FROM server_primaries WHERE timeline IS NOT NULL');
      return rows.length > 0 ? true : undefined;
    });
    expect(await madeOf(on, 'switched')).toMatchObject({ status: 'completed' });
  });
  afterAll(() => on?.stack.stop());

  const madeOf = (group: GroupStack, id: string) =>
    createAndWait(group.stack, writableRequest(id, ['host-1', 'host-2']));

  async function switchedOver(status: string): Promise<string> {
    const answer = await until(async () => {
      const given = await on.stack.call('POST', '/v1/databases/switched/nodes/n1/switchover', {});
      return given.status === 200 ? given : undefined;
    });
    const { task } = answer.body;
    expect(await taskEnded(on.stack, task)).toMatchObject({ status });
    return `switchover/switched/${task.task_id}`;
  }

  test('a node is switched over, and the watch tells its services', async () => {
    await record('switchover', await switchedOver('completed'), on.stack);
    await recordFirst('watch-primaries-promoted', 'watchPrimaries', on.stack, (events) => events > 10);
  });

  test('a switchover is taken back, before and after the promotion', async () => {
    const failure = { type: 'SqlRefused', message: 'the disk is full', retryable: false } as const;
    faults.fail({ subject: 'switched', activity: 'awaitReplay', when: 'before' }, failure);
    await record('switchover-undone', await switchedOver('failed'), on.stack);
    faults.fail({ subject: 'switched', activity: 'startStandby', when: 'before' }, failure);
    await record('switchover-forward', await switchedOver('failed'), on.stack);
  });
});

describe('a rotation', () => {
  const shop = 'rotated';

  async function rotated(id: string, name: string, status: string): Promise<void> {
    const { body } = await stack.call('POST', `/v1/rotations/${id}/trigger`);
    await until(async () => {
      const task = await stack.call('GET', `/v1/servers/host-1/tasks/${body.task_id}`);
      return task.body.status === status ? true : undefined;
    });
    await record(name, `rotate-password/${id}/${body.task_id}`);
  }

  test('of two logins, in place, and one that is undone', async () => {
    await createShop(stack, shop);
    const owner = `${shop}_app`;
    const define = async (more: Record<string, unknown>): Promise<string> => {
      const definition = { server: 'host-1', role: owner, ...more };
      return (await stack.call('POST', '/v1/rotations', definition)).body.id;
    };
    const inPlace = await define({ strategy: 'in-place' });
    await rotated(inPlace, 'rotate-in-place', 'completed');
    const failure = { type: 'VerificationFailed', message: 'no login', retryable: false } as const;
    faults.fail({ subject: inPlace, activity: 'proveRotation', when: 'before' }, failure);
    await rotated(inPlace, 'rotate-undone', 'failed');
    await stack.call('DELETE', `/v1/rotations/${inPlace}`);
    const sessions = { policy: 'drain', drain: 1 };
    await rotated(await define({ strategy: 'alternating', grace: 1, sessions }), 'rotate-alternating', 'completed');
  });

  test('begins by its schedule', async () => {
    await stack.target.query('CREATE ROLE scheduled LOGIN');
    const definition = { server: 'host-1', role: 'scheduled', strategy: 'in-place', schedule: { every: 2 } };
    await stack.call('POST', '/v1/rotations', definition);
    await recordFirst('rotation-trigger', 'rotationTrigger');
  });
});
