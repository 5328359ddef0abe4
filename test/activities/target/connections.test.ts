import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createTargetRegistry } from '../../../platform/target/registry.ts';
import { createTargetServer, type TargetServer, type TargetSession } from '../../../platform/target/target-server.ts';
import { startServerOf, type VersionedServer } from '../../support/versions.ts';

let postgres: VersionedServer;
let server: TargetServer;

beforeAll(async () => {
  postgres = await startServerOf(18);
  // The server itself refuses a fifth connection, whenever it is opened.
  await postgres.query('ALTER ROLE limited_admin CONNECTION LIMIT 4');
  await postgres.query('CREATE DATABASE other');
  server = createTargetServer(postgres.limited);
});
afterEach(() => server.close());
afterAll(() => postgres.stop());

const session: TargetSession = { applicationName: 'test', doing: 'testing' };
const pidOf = async (client: pg.ClientBase) =>
  (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;

/** Fresh, since `close` of the last test has ended what was kept. */
function fresh(): TargetServer {
  server = createTargetServer(postgres.limited);
  return server;
}

describe('twenty callers at once', () => {
  test('of every kind never have more than four connections, and all are served', async () => {
    const target = fresh();
    const kinds: ((index: number) => Promise<unknown>)[] = [
      () => target.onMaintenance(session, pidOf),
      () => target.inMaintenanceTransaction(session, pidOf),
      (index) => target.inDatabaseTransaction({ database: index % 2 ? 'other' : 'template1' }, session, pidOf),
      () =>
        target.reserve(session, 3, async (lease) => {
          const [first, second] = await Promise.all([lease.connect(), lease.connect({ database: 'other' })]);
          await second.release();
          return [first, await lease.connect(), await lease.connect()].map(({ backendPid }) => backendPid);
        }),
      () => target.reserve(session, 4, (lease) => Promise.all([1, 2, 3, 4].map(() => lease.connect()))),
    ];
    const work = Array.from({ length: 60 }, (_, index) => kinds[index % kinds.length]?.(index));
    const outcomes = await Promise.allSettled(work);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  test('that each lock in one connection and work in another never wait for each other', async () => {
    const target = fresh();
    const locked = () =>
      target.reserve(session, 2, async (lease) => {
        const lock = await lease.connect();
        return lock.transaction(async (client) => {
          await client.query('SELECT pg_advisory_xact_lock(1)');
          const work = await lease.connect({ database: 'other' });
          return work.transaction(pidOf);
        });
      });
    const pids = await Promise.all(Array.from({ length: 20 }, locked));
    expect(pids.every((pid) => typeof pid === 'number')).toBe(true);
  });
});

describe('work that has reserved connections', () => {
  test('and reserves more of the same server inside is refused at once', async () => {
    const target = fresh();
    const nested = target.onMaintenance(session, () =>
      target.inDatabaseTransaction({ database: 'other' }, session, pidOf),
    );
    await expect(nested).rejects.toThrow(/reserved together/);
    expect(await target.onMaintenance(session, pidOf)).toBeTypeOf('number');
  });

  test('opens no more than it reserved at a time', async () => {
    await fresh().reserve(session, 1, async (lease) => {
      const only = await lease.connect();
      await expect(lease.connect()).rejects.toThrow(/more than the 1 connections/);
      await only.release();
      await lease.connect({ database: 'other' });
    });
  });

  test('finds its settings, and the backend by its number', async () => {
    const settings = await fresh().reserve(
      { ...session, statementTimeoutMs: 1234, lockTimeoutMs: 567 },
      1,
      async (lease) => {
        const { client, backendPid } = await lease.connect({ database: 'other' });
        expect(await pidOf(client)).toBe(backendPid);
        const { rows } = await client.query(
          `SELECT current_database() AS db, now() = statement_timestamp() AS alone, ${[
            'application_name',
            'statement_timeout',
            'lock_timeout',
            'client_min_messages',
            'search_path',
          ]
            .map((name) => `current_setting('${name}') AS ${name}`)
            .join(', ')}`,
        );
        return rows[0];
      },
    );
    expect(settings).toEqual({
      db: 'other',
      alone: true,
      application_name: 'test',
      statement_timeout: '1234ms',
      lock_timeout: '567ms',
      client_min_messages: 'warning',
      search_path: 'pg_catalog',
    });
  });

  test('makes its first queries with its settings, and goes on whatever comes of them', async () => {
    const first = await fresh().reserve(session, 1, async (lease) => {
      let answers: Promise<PromiseSettledResult<pg.QueryResult>[]> | undefined;
      const { client } = await lease.connect({ database: 'other' }, (early) => {
        const queries = ['SHOW search_path', 'SHOW application_name', 'SELECT 1 / 0', 'SELECT 1 AS one'];
        answers = Promise.allSettled(queries.map((text) => early.query(text)));
      });
      const { rows } = await client.query('SELECT 2 AS two');
      expect(rows).toEqual([{ two: 2 }]);
      return answers;
    });
    const values = first?.map((each) => (each.status === 'fulfilled' ? each.value.rows[0] : each.reason.code));
    expect(values).toEqual([{ search_path: 'pg_catalog' }, { application_name: 'test' }, '22012', { one: 1 }]);
  });

  test('hears warnings and nothing less', async () => {
    const heard: (string | undefined)[] = [];
    await fresh().onMaintenance(session, async (client) => {
      client.on('notice', ({ message }) => heard.push(message));
      await client.query(`DO $$ BEGIN RAISE NOTICE 'small'; RAISE WARNING 'no privileges were granted'; END $$`);
    });
    expect(heard).toEqual(['no privileges were granted']);
    // The next one does not hear on its behalf.
    await server.onMaintenance(session, (client) => client.query(`DO $$ BEGIN RAISE WARNING 'later'; END $$`));
    expect(heard).toHaveLength(1);
  });

  test('leaves neither settings, roles, locks nor tables to the next on the same connection', async () => {
    const target = fresh();
    const first = await target.onMaintenance(session, async (client) => {
      await client.query(`SET ROLE pg_signal_backend; SET work_mem = '1MB'; CREATE TEMP TABLE pg_roles (a int)`);
      await client.query('SELECT pg_advisory_lock(42)');
      return pidOf(client);
    });
    const left = await target.onMaintenance({ ...session, applicationName: 'next' }, async (client) => {
      const { rows } = await client.query(
        `SELECT pg_backend_pid() AS pid, current_user::text AS role, current_setting('work_mem') <> '1MB' AS reset,
                to_regclass('pg_temp.pg_roles') AS temporary,
                (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks,
                current_setting('application_name') AS name`,
      );
      return rows[0];
    });
    expect(left).toEqual({
      pid: first,
      role: 'limited_admin',
      reset: true,
      temporary: null,
      locks: 0,
      name: 'next',
    });
  });

  test('is told when COMMIT did not commit, because a statement had failed', async () => {
    const swallowed = fresh().inMaintenanceTransaction(session, async (client) => {
      await client.query('SELECT 1/0').catch(() => undefined);
    });
    await expect(swallowed).rejects.toMatchObject({ message: expect.stringMatching(/nothing was committed/) });
  });

  test('and leaves a transaction open has it rolled back', async () => {
    const target = fresh();
    await target.onMaintenance(session, (client) => client.query('BEGIN; CREATE ROLE left_open'));
    expect(await postgres.query(`SELECT FROM pg_roles WHERE rolname = 'left_open'`)).toHaveLength(0);
    expect(await target.onMaintenance(session, pidOf)).toBeTypeOf('number');
  });

  test('gives everything back when it is aborted in the middle of a statement', async () => {
    const target = fresh();
    const abort = new AbortController();
    const sleeping = target.reserve({ ...session, signal: abort.signal }, 4, async (lease) => {
      const connections = await Promise.all([1, 2, 3, 4].map(() => lease.connect()));
      const naps = connections.map(({ client }) => client.query('SELECT pg_sleep(600)'));
      abort.abort(new Error('the task was cancelled'));
      await Promise.all(naps);
    });
    await expect(sleeping).rejects.toMatchObject({ type: 'ServerUnavailable' });
    // Server side, the backends end when they notice; as many others may not be opened before, so they are ended here.
    await postgres.query(
      `SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = 'limited_admin'`,
    );
    await target.reserve(session, 4, (lease) => Promise.all([1, 2, 3, 4].map(() => lease.connect())));
  });

  test('gives back what it was just opening when it fails', async () => {
    const target = fresh();
    const failing = target.reserve(session, 4, async (lease) => {
      void lease.connect().catch(() => undefined);
      void lease.connect({ database: 'other' }).catch(() => undefined);
      throw new Error('no patience');
    });
    await expect(failing).rejects.toThrow(/no patience/);
    await target.reserve(session, 4, (lease) => Promise.all([1, 2, 3, 4].map(() => lease.connect())));
  });
});

test('a connection is used again by later work, and closed with the server', async () => {
  const target = fresh();
  const pids = [await target.onMaintenance(session, pidOf), await target.inMaintenanceTransaction(session, pidOf)];
  expect(new Set(pids).size).toBe(1);
  await target.close();
  expect(await postgres.query(`SELECT FROM pg_stat_activity WHERE usename = 'limited_admin'`)).toHaveLength(0);
});

test("a connection to another database serves what comes right after, and stands in nobody's way", async () => {
  const target = fresh();
  const pidIn = (database: string) => target.inDatabaseTransaction({ database }, session, pidOf);
  const [first, again, elsewhere] = [await pidIn('other'), await pidIn('other'), await pidIn('template1')];
  expect(again).toBe(first);
  expect(elsewhere).not.toBe(first);
  // The server waits for sessions that are about to leave, and would name one that stays.
  await postgres.query('ALTER DATABASE other RENAME TO another');
  await postgres.query('ALTER DATABASE another RENAME TO other');
  expect(await pidIn('other')).not.toBe(first);
});

test("a connection to another database is the admin role's alone", async () => {
  const target = fresh();
  await postgres.query("CREATE ROLE passing LOGIN PASSWORD 'passing'");
  const login = { database: 'other', user: 'passing', password: 'passing' };
  const first = await target.inDatabaseTransaction(login, session, pidOf);
  expect(await target.inDatabaseTransaction(login, session, pidOf)).not.toBe(first);
});

test('a connection that ends while nobody uses it is replaced', async () => {
  const target = fresh();
  const pid = await target.onMaintenance(session, pidOf);
  await postgres.query(`SELECT pg_terminate_backend(${pid}, 20000)`);
  expect(await target.onMaintenance(session, pidOf)).not.toBe(pid);
});

test('a process that has nothing but kept connections left ends', async () => {
  const program = `
    import { createTargetServer } from './platform/target/target-server.ts';
    const server = createTargetServer(JSON.parse(process.env.ADDRESS));
    await server.onMaintenance({ applicationName: 'test', doing: 'testing' }, (client) => client.query('SELECT 1'));
    console.log('done');
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    // A connection is kept for 30 s.
    { env: { ...process.env, ADDRESS: JSON.stringify(postgres.limited) }, timeout: 25_000 },
  );
  expect(stdout).toBe('done\n');
});

test('an address that is replaced shares its connections with the new one', async () => {
  let revision = 'old';
  const registry = createTargetRegistry({ load: async () => ({ address: { ...postgres.limited }, revision }) });
  const old = await registry.get('postgres');
  let finish: () => void = () => undefined;
  const end = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { promise: holding, taken } = holdAll(old, end);
  await taken;
  revision = 'new';
  const replaced = await registry.get('postgres');
  expect(replaced).not.toBe(old);
  const waiting = replaced.onMaintenance(session, pidOf);
  // Were it not to wait, the server would refuse a fifth connection before it has taken these.
  for (let count = 0; count < 5; count += 1) await postgres.query('SELECT 1');
  finish();
  await holding;
  expect(await waiting).toBeTypeOf('number');
  await registry.close();
});

/** Takes all four connections until `end`. */
function holdAll(target: TargetServer, end: Promise<void>) {
  let tell: () => void = () => undefined;
  const taken = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const promise = target.reserve(session, 4, async (lease) => {
    await Promise.all([1, 2, 3, 4].map(() => lease.connect()));
    tell();
    await end;
  });
  return { promise, taken };
}
