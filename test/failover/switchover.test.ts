import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writePrivateFile } from '../../platform/files/write-private-file.ts';
import { hostHash } from '../../platform/host-hash.ts';
import { createFaults } from '../faults/support/faults.ts';
import { create, taskEnded, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import type { Member } from './support/group.ts';
import { type GroupStack, startGroupStack } from './support/stack.ts';
import { type ServiceUrl, untilWritten, urlsOf, writableRequest, write } from './support/writer.ts';

const HOSTS = ['host-1', 'host-2'];
const PATH = '/v1/databases/shop/nodes/n1/switchover';
const faults = createFaults();
let on: GroupStack;
let services: ServiceUrl[];

beforeAll(async () => {
  on = await startGroupStack({
    runtime: 'process',
    hosts: 2,
    members: 2,
    control: true,
    interceptors: faults.interceptors,
    env: { PGSTEWARD_PORT_RANGE: widePortRange(400) },
  });
  expect(await create(on.stack, writableRequest('shop', HOSTS))).toMatchObject({ status: 'completed' });
  services = urlsOf(await shown());
});
afterAll(() => on?.stack.stop());

const shown = async () => (await on.stack.call('GET', '/v1/databases/shop')).body;

/** Hosts by what their servers say of themselves, asked directly. */
async function places(): Promise<{ primary: Member; standby: Member; primaryHost: string; standbyHost: string }> {
  return until(async () => {
    const recovering = await Promise.all(
      on.group.members.map(async (member) => {
        const rows = await member.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby').catch(() => []);
        return rows[0]?.standby;
      }),
    );
    const [primary, standby] = [recovering.indexOf(false), recovering.indexOf(true)];
    const [a, b] = [on.group.members[primary], on.group.members[standby]];
    if (a === undefined || b === undefined) return undefined;
    return { primary: a, standby: b, primaryHost: `host-${primary + 1}`, standbyHost: `host-${standby + 1}` };
  });
}

/** Both stream, and the API shows who is what: the state in which a switchover is accepted. */
async function settled() {
  return until(async () => {
    const now = await places();
    // Asked directly: what the API shows may be two seconds old.
    const streaming = await now.primary.query(`SELECT FROM pg_stat_replication WHERE state = 'streaming'`);
    if (streaming.length === 0) return undefined;
    const { state, instances } = await shown();
    const roles = Object.fromEntries(
      instances.map((instance: { host_id: string; state: string; postgres: { role?: string } }) => [
        instance.host_id,
        [instance.state, instance.postgres.role],
      ]),
    );
    const wanted = { [now.primaryHost]: ['available', 'primary'], [now.standbyHost]: ['available', 'replica'] };
    return state === 'available' && JSON.stringify(roles) === JSON.stringify(sorted(wanted)) ? now : undefined;
  });
}
const sorted = (object: object) => Object.fromEntries(Object.entries(object).sort());

async function accept(body: object = {}) {
  const answer = await on.stack.call('POST', PATH, body);
  expect(answer).toMatchObject({ status: 200, body: { task: { type: 'switchover', status: 'pending' } } });
  const { task } = answer.body;
  return { task, workflowId: `switchover/shop/${task.task_id}` };
}

describe('a switchover', () => {
  test('makes the standby the primary and the primary its standby, and loses no acknowledged write', async () => {
    const before = await settled();
    const writing = new AbortController();
    const acknowledged = Promise.all(
      services.map(async (service) => {
        let count = 0;
        while (!writing.signal.aborted) {
          if ((await write(service, 'during')) === 201) count += 1;
          await delay(5);
        }
        return count;
      }),
    );
    const { task } = await accept();
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'completed' });
    for (const service of services) await untilWritten(service, 'afterwards');
    writing.abort();
    const counts = await acknowledged;
    const after = await settled();
    expect([after.primaryHost, after.standbyHost]).toEqual([before.standbyHost, before.primaryHost]);
    const { rows: audited } = await on.stack.control.db.query(
      `SELECT kind, action, actor, request_id IS NOT NULL AS known, outcome FROM audit_log WHERE task_id = $1 ORDER BY id`,
      [task.task_id],
    );
    const common = { action: 'database.switchover', actor: 'admin', known: true };
    expect(audited).toEqual([
      { kind: 'intent', ...common, outcome: null },
      { kind: 'outcome', ...common, outcome: 'completed' },
    ]);
    const [row] = await after.primary.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM items WHERE note = 'during'`,
      'shop',
    );
    expect(row?.count).toBeGreaterThanOrEqual(counts.reduce((sum, count) => sum + count, 0));
  });

  test('goes back to a named instance, and its log says who is what', async () => {
    const before = await settled();
    const candidate = `shop-n1-${hostHash(before.standbyHost)}`;
    const { task } = await accept({ candidate_instance_id: candidate });
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'completed' });
    expect(await settled()).toMatchObject({ primaryHost: before.standbyHost });
    const { body: log } = await on.stack.call('GET', `/v1/databases/shop/tasks/${task.task_id}/log`);
    expect(log.entries.at(-1).message).toBe(
      `the primary of node n1 is on ${before.standbyHost}, and ${before.primaryHost} follows it`,
    );
  });

  test('takes the database: other operations are refused until it has ended', async () => {
    await settled();
    const held = faults.hold({ subject: 'shop', activity: 'stopPrimary', when: 'before' });
    const { task } = await accept();
    await held.reached;
    try {
      expect(await on.stack.call('POST', PATH, {})).toMatchObject({ status: 409 });
      expect(await on.stack.call('DELETE', '/v1/databases/shop')).toMatchObject({ status: 409 });
      expect((await shown()).state).toBe('modifying');
    } finally {
      held.release();
    }
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'completed' });
  });

  test('survives a failure before and after each of its steps: every step may run twice', async () => {
    const before = await settled();
    const activities = [
      'checkSwitchover',
      'describePostgres',
      'proveFollowing',
      'stopPrimary',
      'awaitReplay',
      'promoteStandby',
      'startStandby',
      'awaitStandby',
      'finishSwitchover',
    ];
    for (const activity of activities) {
      for (const when of ['before', 'after'] as const) {
        faults.fail(
          { subject: 'shop', activity, when },
          { type: 'Contention', message: 'somebody was faster', retryable: true },
        );
      }
    }
    const { task } = await accept();
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'completed' });
    expect(await settled()).toMatchObject({ primaryHost: before.standbyHost });
  });

  test('waits for its time without taking the database, and then happens', async () => {
    const before = await settled();
    const { task } = await accept({ scheduled_at: new Date(Date.now() + 4_000).toISOString() });
    expect((await shown()).state).toBe('available');
    expect(await settled()).toMatchObject({ primaryHost: before.primaryHost });
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'completed' });
    expect(await settled()).toMatchObject({ primaryHost: before.standbyHost });
  });
});

describe('a switchover that does not come to its end', () => {
  const given = { type: 'SqlRefused', message: 'the disk is full', retryable: false } as const;

  async function expectAsBefore(before: Awaited<ReturnType<typeof settled>>) {
    expect(await settled()).toMatchObject({ primaryHost: before.primaryHost });
    for (const service of services) await untilWritten(service, 'undone');
  }

  test.each(['checkSwitchover', 'describePostgres', 'proveFollowing', 'stopPrimary', 'awaitReplay'])(
    'because %s fails for good is taken back: the primary runs again, and the database is available',
    async (activity) => {
      const before = await settled();
      const when = activity === 'awaitReplay' ? 'before' : 'after';
      faults.fail({ subject: 'shop', activity, when }, given);
      const { task } = await accept();
      expect(await taskEnded(on.stack, task)).toMatchObject({
        status: 'failed',
        error: expect.stringMatching(/the disk is full$/),
      });
      await expectAsBefore(before);
    },
  );

  test('because its run is terminated before the promotion is taken back from the journal', async () => {
    const before = await settled();
    const held = faults.hold({ subject: 'shop', activity: 'awaitReplay', when: 'before' });
    const { task, workflowId } = await accept();
    await held.reached;
    await on.stack.temporal.client.workflow.getHandle(workflowId).terminate();
    held.release();
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'failed' });
    await expectAsBefore(before);
  });

  test('because its run is terminated after the promotion leaves one primary: the former one follows', async () => {
    const before = await settled();
    const held = faults.hold({ subject: 'shop', activity: 'startStandby', when: 'before' });
    const { task, workflowId } = await accept();
    await held.reached;
    await on.stack.temporal.client.workflow.getHandle(workflowId).terminate();
    held.release();
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'failed' });
    expect(await settled()).toMatchObject({ primaryHost: before.standbyHost });
    for (const service of services) await untilWritten(service, 'forward');
  });

  test('because it is cancelled before the promotion is taken back', async () => {
    const before = await settled();
    const held = faults.hold({ subject: 'shop', activity: 'awaitReplay', when: 'before' });
    const { task, workflowId } = await accept();
    await held.reached;
    await on.stack.temporal.client.workflow.getHandle(workflowId).cancel();
    held.release();
    expect(await taskEnded(on.stack, task)).toMatchObject({ status: 'canceled' });
    await expectAsBefore(before);
  });
});

describe('a switchover is refused', () => {
  test('by the host of the primary where that could not follow the new one: before anything is stopped', async () => {
    const before = await settled();
    const kept = await readFile(on.group.passfile, 'utf8');
    const owner = await stat(on.group.passfile);
    const change = (text: string) => writePrivateFile(on.group.passfile, text, { uid: owner.uid, gid: owner.gid });
    await change(kept.replace(/:[^:]+$/, ':wrong'));
    const { task } = await accept();
    const { status, error } = await taskEnded(on.stack, task);
    await change(kept);
    expect([status, error]).toEqual(['failed', expect.stringMatching(/takes no standby that logs in as "replicator"/)]);
    expect(await settled()).toMatchObject({ primaryHost: before.primaryHost });
    const { body: log } = await on.stack.call('GET', `/v1/databases/shop/tasks/${task.task_id}/log`);
    expect(JSON.stringify(log)).not.toMatch(/finished: stop the primary/);
  });

  test('while the node has no primary', async () => {
    const { primary, primaryHost } = await settled();
    await primary.stop();
    await until(async () => {
      const { instances } = await shown();
      return instances.every((each: { postgres: { role?: string } }) => each.postgres.role !== 'primary') || undefined;
    });
    expect(await on.stack.call('POST', PATH, {})).toMatchObject({
      status: 404,
      body: { name: 'not_found', message: 'the node has no primary' },
    });
    await primary.start();
    expect(await settled()).toMatchObject({ primaryHost });
  });

  test('for an instance that is no standby of the node, and for a node that is not there', async () => {
    const { primaryHost } = await settled();
    const refused = async (body: object, path = PATH) => {
      const answer = await on.stack.call('POST', path, body);
      return [answer.status, answer.body.name, answer.body.message];
    };
    expect(await refused({ candidate_instance_id: `shop-n1-${hostHash(primaryHost)}` })).toEqual([
      400,
      'invalid_input',
      'candidate_instance_id: is the primary already',
    ]);
    expect(await refused({ candidate_instance_id: 'shop-n1-nobody' })).toEqual([
      400,
      'invalid_input',
      'candidate_instance_id: is no instance of this node',
    ]);
    expect(await refused({}, '/v1/databases/shop/nodes/n2/switchover')).toEqual([
      404,
      'not_found',
      'the database has no node "n2"',
    ]);
    expect(await refused({}, '/v1/databases/nobody/nodes/n1/switchover')).toEqual([
      404,
      'not_found',
      'no database found with the given ID',
    ]);
  });
});

test('the password that standbys log in with stands in its file alone', async () => {
  const secret = (await readFile(on.group.passfile, 'utf8')).trim().split(':').at(-1) ?? '';
  expect(secret).toHaveLength(24);
  expect(await on.stack.log()).not.toContain(secret);
  for (const { dataDir } of on.group.members) {
    const settings = await readFile(join(dataDir, 'postgresql.auto.conf'), 'utf8');
    expect(settings).toContain('passfile=');
    expect(settings).not.toContain(secret);
  }
});
