/**
 * The metadata database is lost and an older copy restored (R11): what the copy knows is served and can be changed, what it does not
 * know is reported and left alone, and nothing is destroyed.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONTROL_TASK_QUEUE } from '../../domain/identifiers.ts';
import { createLocalPostgres, type LocalPostgres } from '../../platform/local/postgres.ts';
import { runCommand } from '../../platform/local/run-command.ts';
import { migrateMetadata } from '../../store/migrate.ts';
import { create, taskEnded, until } from '../support/follow.ts';
import { freePort } from '../support/ports.ts';
import { postgresBinaries } from '../support/postgres-versions/binaries.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

/** A copy takes seconds; the bound is for a hang. */
const COPY_BOUND_MS = 120_000;

let directory: string;
let server: LocalPostgres;
let stack: TestStack;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgsteward-backup-'));
  await chmod(directory, 0o755);
  server = createLocalPostgres({
    name: 'metadata',
    dataDir: join(directory, 'metadata'),
    logFile: join(directory, 'metadata.log'),
    passwordFile: join(directory, 'metadata.password'),
    port: await freePort(),
    portVariable: 'none',
    binaries: await postgresBinaries(await newestThatCanBeCopied()),
  });
  const { address: host, port, user, password } = await server.start();
  stack = await startTestStack({ runtime: 'process', metadataServer: { host, port, user, password } });
});
afterAll(async () => {
  await stack?.stop();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** `pg_dump` copies servers of its own major version and of older ones. */
async function newestThatCanBeCopied(): Promise<number> {
  const { output } = await runCommand('pg_dump', ['--version'], { timeoutMs: COPY_BOUND_MS }).catch(() => {
    throw new Error('this test needs pg_dump and psql on the PATH (Debian: postgresql-client)');
  });
  return Math.min(Number(/(\d+)/.exec(output)?.[1]), 18);
}

/** As an operator would: the connection in the environment, not in the arguments. */
async function client(program: string, words: string[]): Promise<void> {
  const { host, port, user, password, database } = stack.metadata;
  const env = {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
  };
  const { code, output } = await runCommand(program, words, { timeoutMs: COPY_BOUND_MS, env });
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${output}`);
}

async function loseAndMakeEmpty(): Promise<void> {
  const { database, ...rest } = stack.metadata;
  const maintenance = new pg.Client({ ...rest, database: 'postgres' });
  await maintenance.connect();
  await maintenance.query(`DROP DATABASE ${database} WITH (FORCE)`);
  await maintenance.query(`CREATE DATABASE ${database}`);
  await maintenance.end();
}

const root = (index: number) => fetch(`http://127.0.0.1:${stack.port(index)}/`).then(({ status }) => status);
const request = (id: string, index: number, config: Record<string, unknown> = {}) =>
  seedRequest({ id, port: stack.port(index), user: `${id}_app`, config });

/** Databases and roles that the target server has. */
async function onTarget(): Promise<string[]> {
  const rows = await stack.target.query<{ name: string }>(
    `SELECT 'database ' || datname AS name FROM pg_database WHERE NOT datistemplate
     UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

async function updated(id: string, index: number, config: Record<string, unknown>) {
  const { spec } = request(id, index, config);
  const answer = await until(async () => {
    const given = await stack.call('POST', `/v1/databases/${id}`, { spec });
    return given.status === 200 ? given : undefined;
  });
  return taskEnded(stack, answer.body.task);
}

/** A look at all hosts, as the schedule makes it. */
async function monitor(): Promise<void> {
  await stack.temporal.client.workflow.execute('monitorHosts', {
    workflowId: 'monitorHosts',
    taskQueue: CONTROL_TASK_QUEUE,
  });
}

describe('after an older copy was restored', () => {
  let before: string[];

  beforeAll(async () => {
    expect(await create(stack, request('kept', 0))).toMatchObject({ status: 'completed' });
    const dump = join(directory, 'metadata.sql');
    await client('pg_dump', ['--file', dump]);

    // What the copy does not know: another database with its service and its roles, a role, and changes of what it knows.
    expect(await create(stack, request('later', 1))).toMatchObject({ status: 'completed' });
    expect((await stack.call('PUT', '/v1/servers/host-1/roles/later_reader', { login: false })).status).toBe(200);
    for (const rows of [11, 12, 13]) {
      expect(await updated('kept', 0, { max_rows: rows })).toMatchObject({ status: 'completed' });
    }
    before = await onTarget();
    expect(before).toEqual(
      expect.arrayContaining(['database kept', 'database later', 'role later_app', 'role later_reader']),
    );

    await stack.hostWorker.stop();
    await stack.controlWorker.stop();
    await loseAndMakeEmpty();
    await client('psql', ['--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--file', dump]);
    // What every process does at its start; connections of before are gone.
    await until(() =>
      migrateMetadata(stack.control.db, () => undefined).then(
        () => true,
        () => undefined,
      ),
    );
    await stack.restartControlWorker();
    await stack.restartHostWorker();
  });

  test('a database that the copy knows is there, and its service answers', async () => {
    const { status, body } = await stack.call('GET', '/v1/databases/kept');
    expect([status, body.state]).toEqual([200, 'available']);
    expect(await root(0)).toBe(200);
    await monitor();
    const { body: seen } = await stack.call('GET', '/v1/databases/kept');
    expect(seen.service_instances).toMatchObject([{ state: 'running' }]);
  });

  test('what it does not know goes on, is not listed, and is reported', async () => {
    expect((await stack.call('GET', '/v1/databases/later')).status).toBe(404);
    expect(await root(1)).toBe(200);
    for (let look = 0; look < 3; look += 1) await monitor();
    const reports = (await stack.log()).split('\n').filter((line) => line.includes('is on no record here: left alone'));
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain('later');
    expect(reports[0]).not.toContain('kept');
  });

  test('it can be changed again, although its host has seen newer operations than the copy knows', async () => {
    expect(await updated('kept', 0, { max_rows: 21 })).toMatchObject({ status: 'completed' });
    expect(await root(0)).toBe(200);
  });

  test('names and ports that are taken by what is not known are refused, and it stays as it is', async () => {
    const { status, body } = await stack.call('POST', '/v1/databases', request('later', 1));
    expect(status, JSON.stringify(body)).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(await root(1)).toBe(200);
  });

  test('nothing was destroyed, also not by deleting what is known', async () => {
    expect(await onTarget()).toEqual(before);
    const { body } = await stack.call('DELETE', '/v1/databases/kept');
    expect(await taskEnded(stack, body.task)).toMatchObject({ status: 'completed' });
    expect(await onTarget()).toEqual(before.filter((name) => !/ kept/.test(name)));
    expect(await root(1)).toBe(200);
  });
});
