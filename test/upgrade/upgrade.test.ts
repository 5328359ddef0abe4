/** The metadata database of an earlier release goes on under this one, whoever starts first and however many start. */
import { readdir, readFile } from 'node:fs/promises';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../../platform/config/config.ts';
import { ensureKeyring } from '../../platform/secrets/keyring.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { createSealer } from '../../platform/secrets/seal.ts';
import { createMetadataPool, type MetadataConnection } from '../../store/connection.ts';
import { MIGRATIONS, migrateMetadata } from '../../store/migrate.ts';
import { currentSecrets, insertSecrets } from '../../store/secrets.ts';
import { newSealer, verify } from '../audit/support/log.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const PASSWORD = 'as it was before the upgrade';
/** The release that the data is of. */
const EARLIER = 7;
const STARTED_TOGETHER = 6;

let stack: TestStack;
let migrations: string[];

beforeAll(async () => {
  migrations = (await readdir(MIGRATIONS)).map((file) => file.replace(/\.sql$/, '')).sort(byNumber);
  stack = await startTestStack({ runtime: 'process', workers: false, prepare: fillEarlier });
});
afterAll(() => stack?.stop());

const numberOf = (name: string) => Number(/^\d+/.exec(name));
const byNumber = (a: string, b: string) => numberOf(a) - numberOf(b);

/** A database as the earlier release left it; then several processes of this one start at the same time. */
async function fillEarlier({ config, metadata }: { config: Config; metadata: MetadataConnection }): Promise<void> {
  const sealer = createSealer(await ensureKeyring(config.files.sealKeyring));
  await withPool(metadata, async (pool) => {
    const client = await pool.connect();
    await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction: 'up',
      migrationsTable: 'schema_migrations',
      count: migrations.filter((name) => numberOf(name) <= EARLIER).length,
      noLock: true,
      log: () => undefined,
    });
    await client.query(await readFile(new URL('fixtures/at-7.sql', import.meta.url), 'utf8'));
    client.release();
    const identity = { secretId: 'database/storefront/user/app', owner: 'database/storefront', version: 1 };
    const { keyId, bytes: sealed } = sealer.seal(identity, PASSWORD);
    await insertSecrets(pool, [{ id: identity.secretId, owner: identity.owner, version: 1, keyId, sealed }]);
    const { rows } = await pool.query('SELECT name FROM schema_migrations ORDER BY id');
    expect(rows.map(({ name }) => name).at(-1)).toBe('7_failover');
  });
  await Promise.all(
    Array.from({ length: STARTED_TOGETHER }, () =>
      withPool(metadata, (pool) => migrateMetadata(pool, () => undefined)),
    ),
  );
}

async function withPool<T>(metadata: MetadataConnection, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = createMetadataPool({ ...metadata, maxConnections: 1 });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

test('processes that start at the same time run each migration once, in order', async () => {
  const { rows } = await stack.control.db.query('SELECT name FROM schema_migrations ORDER BY id');
  expect(rows.map(({ name }) => name)).toEqual(migrations);
});

describe('what the earlier release recorded is read by the API of this one:', () => {
  const get = async (path: string) => {
    const { status, body } = await stack.call('GET', path);
    expect(status, `${path} ${JSON.stringify(body)}`).toBe(200);
    return body;
  };

  test('the installation is the same', async () => {
    expect(stack.control.installationId).toBe('7f0c2f0e-5f3a-4c07-9d0e-0f8a6a1b2c3d');
  });

  test('databases with their specification, their services and their errors', async () => {
    const { databases } = await get('/v1/databases');
    expect(databases.map(({ id, state }: { id: string; state: string }) => [id, state]).sort()).toEqual([
      ['broken', 'failed'],
      ['storefront', 'available'],
    ]);
    expect(await get('/v1/databases/storefront')).toMatchObject({
      id: 'storefront',
      spec: { database_name: 'storefront', services: [{ service_id: 'api', port: 15010 }] },
      service_instances: [{ service_id: 'api', host_id: 'host-a', state: 'running' }],
    });
    expect(await get('/v1/databases/broken')).toMatchObject({ tenant_id: '5b9b3c59-6a2f-4a36-9d4e-31b6f5f2a111' });
  });

  test('tasks with log, of databases and of servers, and what came of them', async () => {
    const { tasks } = await get('/v1/databases/storefront/tasks');
    expect(tasks.map(({ type, status }: { type: string; status: string }) => [type, status])).toEqual([
      ['update', 'completed'],
      ['create', 'completed'],
    ]);
    const log = await get('/v1/databases/storefront/tasks/019cb9a0-0000-7000-8000-000000000001/log');
    expect(log.entries.map(({ message }: { message: string }) => message)).toEqual([
      'role "app" created',
      'service api answers',
    ]);
    expect(await get('/v1/servers/pg-a/tasks/019cce00-0000-7000-8000-000000000004')).toMatchObject({
      status: 'completed',
    });
  });

  test('servers and hosts', async () => {
    const { servers } = await get('/v1/servers');
    expect(servers.map(({ name }: { name: string }) => name)).toEqual(['host-1', 'pg-a', 'pg-group']);
    const { hosts } = await get('/v1/hosts');
    expect(hosts).toMatchObject([{ id: 'host-a' }]);
  });

  test('secrets, under the key that sealed them', async () => {
    const id = 'database/storefront/user/app';
    const stored = (await currentSecrets(stack.control.db, [id])).get(id);
    if (stored === undefined) throw new Error('the secret is gone');
    expect(openStored(stack.control.sealer, stored)).toBe(PASSWORD);
  });

  test('the audit log, which is chained from its first row on', async () => {
    const { entries } = await get('/v1/audit?resource=database&sort_order=asc');
    expect(entries).toHaveLength(3);
    await (await newSealer(stack)).seal();
    expect(await verify(stack)).toMatchObject({ code: 0, found: 0 });
  });

  test('and what is accepted from now on is newer than everything before', async () => {
    const { rows } = await stack.control.db.query(
      `SELECT nextval('epochs') > 41 AND nextval('epochs') > (SELECT max(epoch) FROM tasks) AS newer`,
    );
    expect(rows).toEqual([{ newer: true }]);
  });
});

describe('an older process', () => {
  test('refuses to start on the schema of a newer release, says what to do, and changes nothing', async () => {
    const { db } = stack.control;
    await db.query(`INSERT INTO schema_migrations (name, run_on) VALUES ('9999_of_the_future', now())`);
    try {
      await expect(migrateMetadata(db, () => undefined)).rejects.toMatchObject({
        type: 'ConfigurationInvalid',
        message: expect.stringMatching(/newer release \(9999_of_the_future\): start that release, or restore/),
      });
      const { rows } = await db.query('SELECT count(*) AS n FROM schema_migrations');
      expect(rows).toEqual([{ n: migrations.length + 1 }]);
    } finally {
      await db.query(`DELETE FROM schema_migrations WHERE name = '9999_of_the_future'`);
    }
    // The lock was given back.
    await migrateMetadata(db, () => undefined);
  });
});
