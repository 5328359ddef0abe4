import type { WorkerInterceptors } from '@temporalio/worker';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Failure } from '../../../domain/failures.ts';
import { until } from '../../support/follow.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

interface TaskAnswer {
  task_id: string;
  status: string;
  error?: string;
  result?: { receipt?: Record<string, unknown> };
}

let stack: TestStack;
/** Steps that fail for good, by activity name. */
const failing = new Set<string>();

const failSome: WorkerInterceptors['activity'] = [
  ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        if (failing.has(info.activityType)) throw new Failure('SqlRefused', `${info.activityType} was refused`);
        return next(input);
      },
    },
  }),
];

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', controlInterceptors: failSome });
});
afterAll(() => stack?.stop());

const call: TestStack['call'] = (...request) => stack.call(...request);

const rolePath = (role: string) => `/v1/servers/host-1/roles/${encodeURIComponent(role)}`;

async function endOf(taskId: string): Promise<TaskAnswer> {
  return until(async () => {
    const { body } = await call('GET', `/v1/servers/host-1/tasks/${taskId}`);
    return ['completed', 'failed', 'canceled'].includes(body.status) ? body : undefined;
  }, 60_000);
}

async function drop(role: string, options?: Record<string, unknown>, query = ''): Promise<TaskAnswer> {
  const { status, body } = await call('DELETE', `${rolePath(role)}${query}`, options);
  if (status !== 202) throw new Error(`the drop was refused: ${status} ${body.message}`);
  return endOf(body.task.task_id);
}

const rolesLike = async (pattern: string) =>
  (
    await stack.target.query<{ name: string }>(`SELECT rolname AS name FROM pg_roles WHERE rolname LIKE '${pattern}'`)
  ).map(({ name }) => name);

describe('dropping a role through the API', () => {
  beforeAll(async () => {
    await stack.target.query(
      `CREATE ROLE "Old App" LOGIN PASSWORD 'pw'; CREATE ROLE old_group; CREATE ROLE old_peer; GRANT old_group TO "Old App" WITH ADMIN OPTION;
       GRANT "Old App" TO old_peer`,
    );
    await stack.target.query('CREATE DATABASE olddb');
    await stack.target.query('CREATE DATABASE closeddb');
    await stack.target.query(
      `CREATE TABLE t (a int); ALTER TABLE t OWNER TO "Old App"; CREATE TABLE u (a int); GRANT SELECT ON u TO "Old App" WITH GRANT OPTION;
       CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO "Old App";
       SET ROLE "Old App"; GRANT SELECT ON u TO old_peer`,
      { database: 'olddb' },
    );
    await stack.target.query('CREATE TABLE t (a int); ALTER TABLE t OWNER TO "Old App"', { database: 'closeddb' });
    await stack.target.query('ALTER DATABASE closeddb WITH ALLOW_CONNECTIONS false');
  });

  it('is previewed: everything that it would do in every database, who is concerned, what code is left', async () => {
    const { status, body } = await call('GET', `${rolePath('Old App')}/drop-preview`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      role: 'Old App',
      permitted: false,
      permitted_without_consent: false,
      forbidden_by: [{ rule: 'closed_database', can_be_forced: false }],
      heir: { role: `pgst_heir_${body.oid}`, exists: false },
      member_of: [{ role: 'old_group', admin: true, grantor: 'postgres' }],
      members: [{ member: 'old_peer' }],
      sessions: [],
    });
    expect(body.consent_needed_for).toContain('it owns 1 routine, 1 relation in database "olddb"');
    expect(body.databases).toMatchObject([
      { database: 'closeddb', owns: { relations: 1 }, unreadable: 'it accepts no connections' },
      {
        database: 'olddb',
        owns: { relations: 1, routines: 1 },
        rights: { relations: 1 },
        granted_again: ['SELECT on TABLE public.u to old_peer'],
        code: { total: 1, objects: [{ description: 'function public.f()', code: ['function'] }] },
      },
    ]);
  });

  it('is refused with the rule: a closed database, missing consent, a superuser, nothing without permission', async () => {
    const closed = await call('DELETE', rolePath('Old App'), { reassign_owned: true });
    expect(closed).toMatchObject({ status: 403, body: { name: 'forbidden' } });
    expect(closed.body.message).toContain('ALTER DATABASE "closeddb" WITH ALLOW_CONNECTIONS true');
    await stack.target.query('ALTER DATABASE closeddb WITH ALLOW_CONNECTIONS true');
    const unagreed = await call('DELETE', rolePath('Old App'));
    expect(unagreed).toMatchObject({ status: 403 });
    expect(unagreed.body.message).toContain('"reassign_owned": true');
    const own = await call('DELETE', `${rolePath('postgres')}?force=true&reassign_owned=true`);
    expect(own).toMatchObject({ status: 403 });
    expect((await call('DELETE', rolePath('Old App'), { drain_seconds: 301 })).status).toBe(400);
    expect((await call('DELETE', rolePath('Old App'), { unknown: 1 })).status).toBe(400);
    expect((await call('GET', `${rolePath('nobody')}/drop-preview`)).status).toBe(404);
    expect(await rolesLike('Old App')).toEqual(['Old App']);
  });

  it('gives sessions the time that was asked for, and does not wait longer than they do', async () => {
    const { endpoints, tls } = stack.target.address;
    const session = new pg.Client({
      host: endpoints[0]?.address ?? '',
      port: endpoints[0]?.port ?? 0,
      user: 'Old App',
      password: 'pw',
      database: 'postgres',
      ssl: { ca: tls.caCertificate ?? '' },
    });
    await session.connect();
    const { body } = await call('DELETE', `${rolePath('Old App')}?drain_seconds=300&reassign_owned=true`);
    // Locked out, and the session goes on.
    await until(
      async () =>
        (await stack.target.query(`SELECT FROM pg_roles WHERE rolname = 'Old App' AND NOT rolcanlogin`)).length > 0 ||
        undefined,
    );
    await session.query('SELECT 1');
    await session.end();
    const task = await endOf(body.task.task_id);
    expect(task).toMatchObject({ status: 'completed' });
    expect(task.result?.receipt).toMatchObject({
      role: 'Old App',
      absent: true,
      login: { refused: true },
      sessions: { ended: 0, open: 0 },
    });
    expect(await rolesLike('Old App')).toEqual([]);
    const [may] = await stack.target.query(`SELECT has_table_privilege('old_peer', 'u', 'SELECT') AS may`, {
      database: 'olddb',
    });
    expect(may).toEqual({ may: true });
  });

  it('is success once more, and under the same key the same task', async () => {
    expect((await drop('Old App')).result?.receipt).toMatchObject({ already_gone: true });
    const headers = { 'idempotency-key': 'the same drop' };
    const first = await call('DELETE', rolePath('Old App'), undefined, headers);
    const second = await call('DELETE', rolePath('Old App'), undefined, headers);
    expect(second.body.task.task_id).toBe(first.body.task.task_id);
    await endOf(first.body.task.task_id);
  });

  it('that fails half-way leaves the role locked out and says so; the same request finishes it', async () => {
    await stack.target.query(
      `CREATE ROLE halfway LOGIN CONNECTION LIMIT 3; CREATE TABLE halves (a int); ALTER TABLE halves OWNER TO halfway`,
    );
    failing.add('reassignOwned');
    const failed = await drop('halfway', { reassign_owned: true });
    expect(failed.status).toBe('failed');
    expect(failed.error).toContain('reassignOwned was refused');
    expect(failed.error).toMatch(
      /role "halfway" is locked out and not dropped.*1 relation in database "postgres".*the same request continues/,
    );
    const [state] = await stack.target.query(`SELECT rolcanlogin FROM pg_roles WHERE rolname = 'halfway'`);
    expect(state).toEqual({ rolcanlogin: false });
    failing.clear();
    const finished = await drop('halfway', undefined, '?reassign_owned=true');
    expect(finished).toMatchObject({ status: 'completed' });
    expect(await rolesLike('halfway')).toEqual([]);
  });
});
