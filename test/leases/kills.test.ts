/**
 * The worker is killed with SIGKILL while it gives or ends a lease: at places where it waits for a lock that the test holds, and right
 * before and after an activity. The next worker brings each lease to its end, once, and a bystander notices nothing.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CONTROL_TASK_QUEUE } from '../../domain/identifiers.ts';
import type { FaultPoint } from '../faults/support/faults.ts';
import { startWorkerProcess, type WorkerProcess } from '../faults/support/worker-process.ts';
import { until } from '../support/follow.ts';
import { GROUP, type Lease, type LeasesStack, startLeases } from './support/leases.ts';

const SERVER = 'host-1';

let leases: LeasesStack;
let worker: WorkerProcess;
let bystander: { lease: Lease; session: pg.Client };
const open: pg.Client[] = [];

const connect = async (settings: pg.ClientConfig): Promise<pg.Client> => {
  const client = new pg.Client(settings);
  open.push(client);
  client.on('error', () => undefined);
  await client.connect();
  return client;
};
const target = (login: { user: string; password: string }): pg.ClientConfig => {
  const { endpoints, tls } = leases.stack.target.address;
  const [endpoint] = endpoints;
  const ssl = { ca: tls.caCertificate ?? '' };
  return { host: endpoint?.address ?? '', port: endpoint?.port ?? 0, database: 'postgres', ssl, ...login };
};
const admin = () => {
  const { adminUser: user, adminPassword: password } = leases.stack.target.address;
  return connect(target({ user, password }));
};
const metadata = () => {
  const { host, port, database, user, password } = leases.stack.metadata;
  return connect({ host, port, database, user, password });
};
const sql = <R extends pg.QueryResultRow>(text: string) => leases.stack.target.query<R>(text);

beforeAll(async () => {
  leases = await startLeases({ workers: false });
  worker = await startWorkerProcess(leases.stack);
  const lease = await leases.issue();
  const session = await connect(target({ user: lease.username, password: lease.password }));
  bystander = { lease, session };
});
afterEach(async () => {
  // It is as it was, after everything.
  await bystander.session.query('SELECT 1');
  expect((await leases.get(bystander.lease.id)).state).toBe('active');
});
afterAll(async () => {
  await Promise.all(open.map((client) => client.end().catch(() => undefined)));
  await worker?.stop();
  await leases?.stop();
});

/** Kills the worker when it waits for a lock in these statements, and starts the next one after the lock is given back. */
async function killWaiting(where: () => Promise<pg.Client>, holder: pg.Client, statements: RegExp[]): Promise<void> {
  const look = await where();
  await until(async () => {
    const { rows } = await look.query<{ query: string }>(
      `SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'pgsteward%'`,
    );
    return statements.every((statement) => rows.some(({ query }) => statement.test(query))) ? true : undefined;
  });
  await worker.kill();
  await holder.query('ROLLBACK');
  worker = await startWorkerProcess(leases.stack);
}

/** A worker that kills itself once it has come to all of these places. */
async function doomed(killAt: FaultPoint[]): Promise<void> {
  await worker.stop();
  worker = await startWorkerProcess(leases.stack, { killAt });
}

async function nextWorker(): Promise<void> {
  await worker.killed;
  worker = await startWorkerProcess(leases.stack);
}

/** Asks under a key until there is an answer, as a client does. */
async function issueAtLast(): Promise<Lease> {
  const headers = { 'Idempotency-Key': randomUUID() };
  return until(async () => {
    const { status, body } = await leases.ask({}, headers);
    if (status === 201) return body;
    expect([status, body.name]).toEqual([503, 'unavailable']);
    return undefined;
  }, 90_000);
}

async function expectGivenOnce(lease: Lease): Promise<void> {
  expect(lease).toMatchObject({ state: 'active', password: expect.any(String) });
  await leases.stack.target.query('SELECT 1', { user: lease.username, password: lease.password });
  const roles = await sql<{ name: string }>(
    `SELECT rolname AS name FROM pg_roles WHERE rolname ~ '^lease_' ORDER BY 1`,
  );
  const { body } = await leases.stack.call('GET', '/v1/leases?state=live&limit=1000');
  expect(roles.map(({ name }) => name)).toEqual(body.leases.map(({ username }: Lease) => username).toSorted());
}

async function expectEnded(lease: Lease): Promise<Lease> {
  const ended = await leases.reaches(lease.id, 'ended');
  expect(ended.receipt).toMatchObject({ absent: true, sessions: { open: 0 }, login: { refused: true } });
  expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname = '${lease.username}'`)).toEqual([]);
  const { rows } = await leases.stack.control.db.query(
    `SELECT outcome FROM audit_log WHERE resource = $1 AND action = 'lease.revoke' AND kind = 'outcome'`,
    [`lease/${lease.id}`],
  );
  expect(rows).toEqual([{ outcome: 'completed' }]);
  return ended;
}

const revoke = (lease: Lease) => leases.post(lease.id, 'revoke');

describe('a worker that is killed', () => {
  test('in the middle of making a login leaves nothing half made', async () => {
    const holder = await admin();
    await holder.query(`BEGIN; CREATE ROLE passer_by; GRANT ${GROUP} TO passer_by`);
    const issuing = issueAtLast();
    await killWaiting(admin, holder, [/GRANT/]);
    await expectGivenOnce(await issuing);
  });

  test('between locking a login out and dropping it has let nobody in, and the next one goes on', async () => {
    const lease = await leases.issue();
    const holder = await admin();
    await holder.query(`BEGIN; COMMENT ON ROLE ${lease.username} IS 'held'`);
    const revoking = revoke(lease);
    await until(async () => {
      const [row] = await sql<{ login: boolean }>(
        `SELECT rolcanlogin AS login FROM pg_roles WHERE rolname = '${lease.username}'`,
      );
      return row?.login === false ? true : undefined;
    });
    await killWaiting(admin, holder, [/DROP ROLE/]);
    await revoking;
    await expectEnded(lease);
  });

  test('after its commits on the server and before they are on record knows its login as its own, and what is gone as gone', async () => {
    const lease = await leases.issue();
    const holder = await metadata();
    await holder.query('BEGIN; LOCK TABLE credentials IN EXCLUSIVE MODE');
    const issuing = issueAtLast();
    const revoking = revoke(lease);
    await killWaiting(metadata, holder, [/INSERT INTO credentials/, /DELETE FROM credentials/]);
    await revoking;
    expect((await expectEnded(lease)).receipt.already_gone).toBe(true);
    await expectGivenOnce(await issuing);
  });

  test.each(['before', 'after'] as const)(
    'right %s the rounds that give and end leases loses nothing',
    async (when) => {
      const lease = await leases.issue();
      await doomed([
        { subject: SERVER, activity: 'performBatch', when },
        { subject: SERVER, activity: 'endDueLeases', when },
      ]);
      const issuing = issueAtLast();
      const revoking = revoke(lease);
      await nextWorker();
      await revoking;
      await expectEnded(lease);
      await expectGivenOnce(await issuing);
    },
  );

  test('while what a login owned is handed on loses none of it', async () => {
    const lease = await leases.issue();
    await sql(`GRANT CREATE ON SCHEMA public TO ${lease.username}`);
    const session = await connect(target({ user: lease.username, password: lease.password }));
    await session.query('CREATE TABLE public.left_behind (id int)');
    await doomed([{ subject: SERVER, activity: 'reassignOwned', when: 'after' }]);
    const revoking = revoke(lease);
    await nextWorker();
    await revoking;
    const ended = await expectEnded(lease);
    expect(ended.receipt.drop_task).toEqual(expect.any(String));
    const [table] = await sql<{ owner: string }>(
      `SELECT relowner::regrole::text AS owner FROM pg_class WHERE oid = 'public.left_behind'::regclass`,
    );
    expect(table?.owner).toMatch(/^pgst_heir_/);
  });
});

describe('somebody who meddles with Temporal', () => {
  test('and terminates the run that keeps the time keeps no lease from ending', async () => {
    const lease = await leases.issue({ ttl: 10 });
    const run = leases.stack.temporal.client.workflow.getHandle(`leases/${SERVER}`);
    await until(() =>
      run.describe().then(
        ({ status }) => (status.name === 'RUNNING' ? true : undefined),
        () => undefined,
      ),
    );
    await run.terminate('by a test');
    await expectEnded(lease);
  });

  test('and starts runs of his own makes nothing end that is to live, and nothing live that is to end', async () => {
    const live = await leases.issue({ ttl: 3_600 });
    await leases.stack.temporal.client.workflow.execute('endLeases', {
      workflowId: `forged/${randomUUID()}`,
      taskQueue: CONTROL_TASK_QUEUE,
      args: [{ serverName: 'no such server' }],
    });
    const over = await leases.issue({ ttl: 8 });
    await expectEnded(over);
    expect((await leases.get(live.id)).state).toBe('active');
  });
});
