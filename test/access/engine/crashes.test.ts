import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/follow.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Engine, startEngine } from './support/engine.ts';

/** The oldest and the newest: what is repeated does not depend on what lies between. */
const CASES = testMajors()
  .filter((major) => major === 13 || major === 18)
  .map((major) => ({ major }));

/** More than a worker makes within one workflow task. */
const FAILED_ATTEMPTS = 3;

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

describe.each(CASES)('PostgreSQL $major', ({ major }) => {
  const name = `pg-${major}`;
  let server: VersionedServer;

  beforeAll(async () => {
    server = await startServerOf(major);
    await engine.register(name, server, 'superuser');
  });
  afterAll(() => server.stop());

  const put = (role: string, body: unknown) => engine.stack.call('PUT', `/v1/servers/${name}/roles/${role}`, body);
  const metadata = (sql: string, values: unknown[] = []) => engine.stack.control.db.query(sql, values);

  test('a request whose end could not be recorded is repeated, knows the role as its own, and keeps its password', async () => {
    await metadata(`CREATE SEQUENCE failures_${major};
      CREATE FUNCTION fail_once_${major}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.message = 'done' AND nextval('failures_${major}') = 1 THEN RAISE EXCEPTION 'the disk is full'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER fail_once_${major} BEFORE INSERT ON task_log
        FOR EACH ROW EXECUTE FUNCTION fail_once_${major}()`);
    const { status, body } = await put('twice', { login: true, generate_password: true });
    const { rows } = await metadata(`SELECT last_value::int AS attempts FROM failures_${major}`);
    await metadata(`DROP TRIGGER fail_once_${major} ON task_log`);
    expect(status, body.message).toBe(200);
    expect(rows).toEqual([{ attempts: 2 }]);
    expect(body).toMatchObject({ created: true, password_set: true });
    await server.query('SELECT 1', { user: 'twice', password: body.password });
  });

  test('what is accepted while no worker runs is carried out when one is back', async () => {
    await engine.stack.controlWorker.stop();
    const answer = put('patient', { login: true });
    await until(async () => {
      const { rows } = await metadata(`SELECT 1 FROM tasks WHERE entity_id = $1 AND status <> 'completed'`, [name]);
      return rows.length > 0 ? true : undefined;
    });
    await engine.stack.restartControlWorker();
    expect((await answer).status).toBe(200);
  });

  test('a batch whose run was terminated is taken up again', async () => {
    await put('kept', { login: false });
    const psql = await server.connect();
    try {
      await psql.query('BEGIN');
      await psql.query('ALTER ROLE kept CONNECTION LIMIT 1');
      const answer = put('kept', { connection_limit: 4 });
      const workflowId = await until(async () => {
        const { rows } = await metadata(
          `SELECT workflow_id AS id FROM batches WHERE server_name = $1 AND lane = 'single' AND state = 'running'`,
          [name],
        );
        return rows[0]?.id as string | undefined;
      });
      const run = engine.stack.temporal.client.workflow.getHandle(workflowId);
      // The batch is a row before it is a run.
      await until(() => run.describe().then(({ status }) => (status.name === 'RUNNING' ? true : undefined), notYet));
      await run.terminate('by a test');
      await psql.query('COMMIT');
      const { status, body } = await answer;
      expect(status, body.message).toBe(200);
      const [row] = await server.query<{ limit: number }>(
        `SELECT rolconnlimit AS limit FROM pg_roles WHERE rolname = 'kept'`,
      );
      expect(row?.limit).toBe(4);
    } finally {
      await psql.end();
    }
  });
});

test('a server that is down keeps no worker from stopping', async () => {
  const server = await startServerOf(CASES.at(-1)?.major ?? 18);
  await engine.register('down', server, 'superuser');
  await engine.stack.call('PUT', '/v1/servers/down/roles/present', { login: false });
  await server.stop();
  const answer = engine.stack.call('PUT', '/v1/servers/down/roles/present', { connection_limit: 4 });
  await until(async () => {
    const attempts = (await engine.stack.log()).split('\n').filter((line) => line.includes('on server down: connect'));
    return attempts.length >= FAILED_ATTEMPTS ? true : undefined;
  });
  await engine.stack.controlWorker.stop();
  await engine.stack.restartControlWorker();
  // The request is kept for later: the caller is told to ask again.
  expect((await answer).status).toBe(503);
});

test('a document for a server that went down fails its attempts, and none of it goes unheard', async () => {
  const server = await startServerOf(CASES.at(-1)?.major ?? 18);
  await engine.register('gone', server, 'superuser');
  const unheard: unknown[] = [];
  const hear = (reason: unknown) => void unheard.push(reason);
  process.on('unhandledRejection', hear);
  try {
    await engine.stack.controlWorker.stop();
    const document = { roles: [{ name: 'late' }], databases: [{ name: 'postgres', exact_grantees: ['late'] }] };
    const { status } = await engine.stack.call('POST', '/v1/servers/gone/apply', { document });
    expect(status).toBe(202);
    await server.stopServer();
    await engine.stack.restartControlWorker();
    await until(async () => ((await engine.stack.log()).includes('on server gone: connect') ? true : undefined));
  } finally {
    process.off('unhandledRejection', hear);
    await server.stop();
  }
  expect(unheard).toEqual([]);
});

function notYet(error: unknown): undefined {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}
