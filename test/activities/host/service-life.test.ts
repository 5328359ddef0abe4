import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createServiceKeeper } from '../../../activities/host/keeper.ts';
import { reconcileHost, stopServices } from '../../../activities/host/reconcile.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call, isSilent } from './support/http.ts';
import { runtimesHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_510;
const PORT = 15_512;
const READY = { timeoutMs: 30_000 };

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
}, 60_000);
afterAll(() => database.stop());

describe.each(await runtimesHere())('a service of the %s runtime', { timeout: 60_000 }, (kind) => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>;
  let installationId: string;
  let host: TestHost;
  let bundle: ServiceBundle;

  beforeEach(async () => {
    directory = await makeDirectory();
    installationId = newInstallationId();
    host = await startHost({ kind, installationId, dataDir: directory.path });
    bundle = host.bundle(database, { port: PORT });
  }, 30_000);

  afterEach(async () => {
    for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
    await host.close();
    await directory.remove();
  }, 30_000);

  async function start(of: ServiceBundle = bundle) {
    const started = await host.activities.startService(await host.startInput(of));
    await host.activities.awaitService({ ...of, ...READY });
    return started;
  }

  /** A new worker process on the same host: nothing but the disk and the runtime is kept. */
  async function restartWorker() {
    await host.close();
    host = await startHost({ kind, installationId, dataDir: directory.path });
  }

  test('answers once it is ready, and its admin side says so', async () => {
    const started = await start();
    expect(started).toMatchObject({ instanceId: bundle.instanceId, running: true, port: PORT, version: '12.0.2' });
    expect(await call(PORT, '/products')).toMatchObject({ status: 200, text: '[{"id":1}]' });
    expect((await call(PORT + 1, '/live')).status).toBe(200);
    expect((await call(PORT + 1, '/ready')).status).toBe(200);
    const { facts, services } = await host.activities.describeHost({});
    expect(facts).toMatchObject({ runtime: kind, postgrestVersions: ['12.0.2'] });
    expect(services.map(({ instanceId }) => instanceId)).toEqual([bundle.instanceId]);
  });

  test('a function made later is callable as soon as notify-reload has answered', async () => {
    await database.run('DROP FUNCTION IF EXISTS api.later()');
    await start();
    await database.run('CREATE FUNCTION api.later() RETURNS int LANGUAGE sql AS $$SELECT 42$$');
    expect((await call(PORT, '/rpc/later')).status).toBe(404);
    expect((await call(PORT + 1, '/notify-reload', { method: 'POST' })).status).toBe(200);
    expect(await call(PORT, '/rpc/later')).toMatchObject({ status: 200, text: '42' });
  });

  test('starting it twice for the same task leaves the running one alone', async () => {
    const first = await start();
    const second = await start();
    expect(second).toEqual(first);
  });

  test('starting it for a newer task replaces it', async () => {
    const first = await start();
    const second = await start({ ...bundle, taskId: 'a-newer-task', epoch: 2, port: PORT + 4 });
    expect(second.containerId).not.toBe(first.containerId);
    expect((await call(PORT + 4, '/products')).status).toBe(200);
    expect((await call(PORT + 5, '/ready')).status).toBe(200);
    expect(await isSilent(PORT)).toBe(true);
    expect(await isSilent(PORT + 1)).toBe(true);
    expect(await host.context.runtime.list()).toHaveLength(1);
  });

  test('stopped behind our back it is started again by the keeper', async () => {
    await start();
    await host.context.runtime.stop(bundle.instanceId, { graceMs: 5_000 });
    expect((await call(PORT + 1, '/live')).status).toBe(503);
    const keeper = createServiceKeeper(host.context, { intervalMs: 50 });
    const status = () =>
      call(PORT, '/products').then(
        (answer) => answer.status,
        () => undefined,
      );
    await expect.poll(status, { timeout: 20_000 }).toBe(200);
    await keeper.stop();
  });

  test('a worker that comes back adopts it, with its admin side', async () => {
    const started = await start();
    await restartWorker();
    expect(await isSilent(PORT + 1)).toBe(true);
    const outcome = await reconcileHost(host.context, []);
    expect(outcome).toMatchObject({ running: [bundle.instanceId], started: [], removed: [], failed: [], unknown: [] });
    expect((await host.context.runtime.inspect(bundle.instanceId))?.containerId).toBe(started.containerId);
    expect((await call(PORT + 1, '/ready')).status).toBe(200);
    await expect(host.activities.awaitService({ ...bundle, ...READY })).resolves.toBeDefined();
  });

  test('stopped in an orderly way it comes back with the next start of the host', async () => {
    await start();
    await stopServices(host.context, { graceMs: 5_000 });
    expect(await isSilent(PORT)).toBe(true);
    await restartWorker();
    expect(await reconcileHost(host.context, [])).toMatchObject({ started: [bundle.instanceId], failed: [] });
    await host.activities.awaitService({ ...bundle, ...READY });
    expect((await call(PORT, '/products')).status).toBe(200);
  });

  test('a record whose container or process is gone altogether is made good', async () => {
    await start();
    await host.context.runtime.remove(bundle.instanceId);
    expect(await reconcileHost(host.context, [])).toMatchObject({ started: [bundle.instanceId], failed: [] });
    await host.activities.awaitService({ ...bundle, ...READY });
  });

  test('removed it leaves no instance, file or port, and removing it again is success', async () => {
    await start();
    expect(await host.activities.removeService(bundle)).toEqual({ removed: true });
    expect(await host.context.runtime.list()).toEqual([]);
    expect(await isSilent(PORT)).toBe(true);
    expect(await isSilent(PORT + 1)).toBe(true);
    expect(await readdir(join(directory.path, 'services'))).toEqual(['.runtime.json']);
    expect(await host.activities.removeService(bundle)).toEqual({ removed: false });
  });

  test('a tombstone from the control side is executed before the host serves', async () => {
    await start();
    await restartWorker();
    const { instanceId, databaseId } = bundle;
    const outcome = await reconcileHost(host.context, [{ instanceId, databaseId, taskId: 'delete', epoch: 2 }]);
    expect(outcome).toMatchObject({ removed: [instanceId], running: [], started: [] });
    expect(await host.context.runtime.list()).toEqual([]);
    expect(existsSync(join(directory.path, 'services', instanceId))).toBe(false);
  });

  test('its secret files are for its own user alone', async () => {
    await start();
    const conf = join(directory.path, 'services', bundle.instanceId, 'conf');
    const { uid } = host.context.runtime.fileOwner;
    expect((await readdir(conf)).sort()).toEqual(['jwt_secret', 'pg_service.conf', 'pgpass', 'postgrest.conf']);
    for (const name of await readdir(conf)) {
      const file = await stat(join(conf, name));
      expect([name, file.mode & 0o777, file.uid]).toEqual([name, 0o600, uid]);
    }
    expect(uid).not.toBe(0);
  });
});
