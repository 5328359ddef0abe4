import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createServiceKeeper, type ServiceKeeper } from '../../../activities/host/keeper.ts';
import type { ServiceBundle, ServiceHealth } from '../../../domain/services.ts';
import { createDockerClient } from '../../../platform/runtime/choose.ts';
import { later } from './support/changes.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { runtimesHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_630;
const PORT = 15_632;
/** Bound of the liveness check, see workflows/hosts.ts. */
const LIVENESS_MS = 3_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
}, 60_000);
afterAll(() => database.stop());

describe.each(await runtimesHere())('health with the %s runtime', { timeout: 90_000 }, (kind) => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>;
  let host: TestHost;
  let bundle: ServiceBundle;
  let keeper: ServiceKeeper | undefined;

  beforeEach(async () => {
    directory = await makeDirectory();
    host = await startHost({ kind, installationId: newInstallationId(), dataDir: directory.path });
    bundle = host.bundle(database, { port: PORT });
  }, 30_000);

  afterEach(async () => {
    await keeper?.stop();
    keeper = undefined;
    for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
    await host.close();
    await directory.remove();
  }, 30_000);

  const health = async () => (await host.activities.describeHost({})).services[0]?.health;
  const healthy = async () => (await health())?.healthy;
  const reason = async () => (await health())?.message;

  async function signal(containerId: string, name: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    if (containerId.startsWith('pid:')) process.kill(Number(containerId.slice(4)), name);
    else await createDockerClient().getContainer(containerId).kill({ signal: name });
  }

  test('one that answers is healthy, as of a moment ago', async () => {
    const before = new Date();
    await host.up(bundle);
    const found = await health();
    expect(found).toEqual({ healthy: true, checkedAt: expect.any(String) } satisfies ServiceHealth);
    expect(Date.parse(found?.checkedAt ?? '')).toBeGreaterThanOrEqual(before.getTime());
  });

  test('one that was stopped is unhealthy at once, whatever was seen before', async () => {
    await host.up(bundle);
    expect(await healthy()).toBe(true);
    await host.context.runtime.stop(bundle.instanceId, { graceMs: 5_000 });
    expect(await health()).toMatchObject({ healthy: false, message: 'it does not run' });
  });

  test('one that runs and does not answer is unhealthy with the reason, and healthy again when it does', async () => {
    const { containerId } = await host.up(bundle);
    keeper = createServiceKeeper(host.context, { intervalMs: 50 });
    expect(await healthy()).toBe(true);
    await signal(containerId, 'SIGSTOP');
    await expect.poll(reason, { timeout: 20_000 }).toMatch(/does not answer requests: no HTTP answer within/);
    await signal(containerId, 'SIGCONT');
    await expect.poll(healthy, { timeout: 20_000 }).toBe(true);
  });

  test('one without its database is unhealthy in the words of PostgREST', async () => {
    await host.up(bundle);
    keeper = createServiceKeeper(host.context, { intervalMs: 50 });
    await database.run(
      'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC',
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
    );
    try {
      await expect.poll(reason, { timeout: 20_000 }).toMatch(/does not answer requests: 503 PGRST00\d/);
    } finally {
      await database.run('GRANT CONNECT ON DATABASE postgres TO PUBLIC');
    }
    await expect.poll(healthy, { timeout: 40_000 }).toBe(true);
  });

  test('after a replacement the new one is judged, and the one that is kept beside is no service', async () => {
    await host.up(bundle);
    const { containerId } = await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' });
    const { services } = await host.activities.describeHost({});
    expect(services).toHaveLength(1);
    expect(services[0]).toMatchObject({ containerId, running: true, health: { healthy: true } });
  });

  test('a host whose services hang answers within the bound of the liveness check', async () => {
    const bundles = Array.from({ length: 4 }, (_, n) => host.bundle(database, { port: PORT + 2 * n }));
    for (const each of bundles) await signal((await host.up(each)).containerId, 'SIGSTOP');
    const began = performance.now();
    const { services } = await host.activities.describeHost({});
    expect(performance.now() - began).toBeLessThan(LIVENESS_MS);
    expect(services.map((service) => service.health?.healthy)).toEqual([false, false, false, false]);
    for (const { containerId } of services) await signal(containerId, 'SIGCONT');
  });
});
