import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { taskApplicationName } from '../../domain/marker.ts';
import { inTransaction } from '../../store/connection.ts';
import { beginUndo } from '../../store/tasks.ts';
import { remove, taskEnded, until } from '../support/follow.ts';
import { widePortRange } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { createFaults } from './support/faults.ts';
import { accept, expectMadeOnce } from './support/outcome.ts';
import { remainsOf } from './support/remains.ts';
import { everyStepRequest, POST_INIT_RUNS_SQL, rolesOf } from './support/request.ts';
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

/** What accepting a later operation does to the database's row. */
const supersede = (id: string) =>
  stack.control.db.query(`UPDATE databases SET epoch = nextval('epochs') WHERE id = $1`, [id]);

/** Without what the later operation, which exists in the row only, would own. */
const madeFor = async (id: string) => (await remainsOf(stack, id)).filter((each) => !each.includes('rows of'));

describe('requests that arrive together', () => {
  const post = (request: object) => stack.call('POST', '/v1/databases', request);

  it('are one task when they are identical', async () => {
    const request = everyStepRequest('twice');
    const answers = await Promise.all([post(request), post(request), post(request)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const tasks = new Set(answers.map(({ body }) => body.task.task_id));
    expect(tasks.size).toBe(1);
    const [first] = answers;
    expect(await taskEnded(stack, first?.body.task)).toMatchObject({ status: 'completed' });
    await expectMadeOnce(stack, 'twice');
    expect(await remove(stack, 'twice')).toMatchObject({ status: 'completed' });
  });

  it('are one task and one conflict when they are different and name the same id', async () => {
    const requests = [everyStepRequest('contested'), everyStepRequest('contested', { role: 'contested_other' })];
    const answers = await Promise.all(requests.map(post));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const won = answers.find(({ status }) => status === 200);
    expect(await taskEnded(stack, won?.body.task)).toMatchObject({ status: 'completed' });
    expect(await remove(stack, 'contested')).toMatchObject({ status: 'completed' });
    expect(await remainsOf(stack, 'contested')).toEqual([]);
  });

  it('are one task and refusals that leave nothing when they want the same role', async () => {
    const ids = Array.from({ length: 10 }, (_, index) => `rival-${index}`);
    const answers = await Promise.all(ids.map((id) => post(everyStepRequest(id, { role: 'wanted_by_all' }))));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([200, ...Array.from({ length: 9 }, () => 400)]);
    const winner = ids[statuses.indexOf(200)];
    for (const [index, { status, body }] of answers.entries()) {
      if (status === 200) {
        expect(await taskEnded(stack, body.task)).toMatchObject({ status: 'completed' });
      } else {
        const id = ids[index] ?? '';
        expect(body.message).toContain('database_users[0].username');
        expect((await stack.call('GET', `/v1/databases/${id}`)).status).toBe(404);
        expect(await remainsOf(stack, id)).toEqual([]);
      }
    }
    expect(await remove(stack, winner ?? '')).toMatchObject({ status: 'completed' });
  });
});

describe.concurrent('a step of a task that a later operation has superseded', () => {
  // A host cannot read the database's row; it learns of later operations by the removals that they begin with.
  const points = CREATE_POINTS.filter(([, { activity, when }]) => when === 'before' && !activity.endsWith('Service'));

  it.each(points)('changes nothing any more when that was %s', async (_, point) => {
    const request = everyStepRequest(idFor('late', point.activity, point.when));
    const held = faults.hold({ ...point, subject: request.id });
    const task = await accept(stack, request);
    await held.reached;
    await supersede(request.id);
    held.release();
    expect(await held.outcome).toMatchObject({ type: 'StaleTask' });
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'failed' });
    expect(await madeFor(request.id)).toEqual([]);
  });

  it.each([
    ['a later operation', 'late-inside-a', ({ id }: { id: string }) => supersede(id)],
    ['its own undo', 'late-inside-b', ({ taskId }: { taskId: string }) => beginUndo(stack.control.db, taskId)],
  ])('makes no role when %s has begun while it waits for its lock', async (_, id, begin) => {
    const request = everyStepRequest(id);
    const { owner } = rolesOf(request.id);
    const held = faults.hold({ subject: request.id, activity: 'createRoles', when: 'before' });
    const task = await accept(stack, request);
    await held.reached;
    await whileRoleIsLocked(owner, async () => {
      held.release();
      await until(async () => (await waitsForLock(task.task_id)) || undefined);
      await begin({ id, taskId: task.task_id });
    });
    expect(await held.outcome).toMatchObject({ type: 'StaleTask' });
    expect(await taskEnded(stack, task)).toMatchObject({ status: 'failed' });
    const statements = await readFile(stack.target.logFile, 'utf8');
    expect(statements.includes(`CREATE ROLE "${owner}"`)).toBe(false);
    expect(await madeFor(request.id)).toEqual([]);
  });

  /** Holds the lock that every step which changes the role takes, over a connection that the installation does not count. */
  async function whileRoleIsLocked(role: string, work: () => Promise<void>): Promise<void> {
    const { endpoints, adminUser, adminPassword, maintenanceDb, tls } = stack.target.address;
    const client = new pg.Client({
      host: endpoints[0]?.address,
      port: endpoints[0]?.port,
      user: adminUser,
      password: adminPassword,
      database: maintenanceDb,
      ssl: { ca: tls.caCertificate },
    });
    await client.connect();
    try {
      await client.query(`SELECT pg_advisory_lock(hashtextextended('pgsteward:role:${role}', 0))`);
      await work();
    } finally {
      await client.end();
    }
  }

  async function waitsForLock(taskId: string): Promise<boolean> {
    const rows = await stack.target.query(
      `SELECT FROM pg_stat_activity
       WHERE application_name = '${taskApplicationName(taskId)}' AND (wait_event_type, wait_event) = ('Lock', 'advisory')`,
    );
    return rows.length > 0;
  }
});

describe('a connection that breaks between two statements', () => {
  const breakIn = async (client: pg.ClientBase, kill: (pid: number) => Promise<unknown>) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    // Not `once` of node:events: that would listen to 'error' as well, which is what nobody does here.
    const ended = new Promise((resolve) => client.once('end', resolve));
    await kill(rows[0]?.pid ?? 0);
    await ended;
    await client.query('SELECT 1');
  };

  it('to a target server fails the step and not the process', async () => {
    const server = await stack.control.targets.get('host-1');
    const kill = (pid: number) => stack.target.query(`SELECT pg_terminate_backend(${pid})`);
    const session = { applicationName: 'test', doing: 'breaking a connection' };
    const broken = server.inMaintenanceTransaction(session, (client) => breakIn(client, kill));
    await expect(broken).rejects.toMatchObject({ type: 'ServerUnavailable' });
  });

  it('to the metadata database fails the transaction and not the process', async () => {
    const { db } = stack.control;
    const kill = (pid: number) => db.query('SELECT pg_terminate_backend($1)', [pid]);
    await expect(inTransaction(db, (client) => breakIn(client, kill))).rejects.toThrow(/connection/);
    expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
