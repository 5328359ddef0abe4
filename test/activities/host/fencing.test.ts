import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createHostActivities } from '../../../activities/host/index.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { isSilent } from './support/http.ts';
import { runtimesHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_520;
const PORT = 15_522;

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
}, 60_000);
afterAll(() => database.stop());

describe.each(await runtimesHere())('with the %s runtime', { timeout: 60_000 }, (kind) => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>;
  let host: TestHost;
  let bundle: ServiceBundle;

  beforeEach(async () => {
    directory = await makeDirectory();
    host = await startHost({ kind, installationId: newInstallationId(), dataDir: directory.path });
    bundle = host.bundle(database, { port: PORT, epoch: 5 });
  }, 30_000);

  afterEach(async () => {
    for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
    await host.close();
    await directory.remove();
  }, 30_000);

  const start = async (of: ServiceBundle) => await host.activities.startService(await host.startInput(of));

  test('a start of an older epoch than the running one is refused and changes nothing', async () => {
    const started = await start(bundle);
    await expect(start({ ...bundle, taskId: 'older', epoch: 4 })).rejects.toMatchObject({ type: 'StaleTask' });
    expect(await host.context.runtime.inspect(bundle.instanceId)).toMatchObject({
      containerId: started.containerId,
      running: true,
    });
  });

  test('a start that comes after its own undo is refused', async () => {
    expect(await host.activities.undoStartService(bundle)).toEqual({ removed: false });
    await expect(start(bundle)).rejects.toMatchObject({ type: 'StaleTask' });
    expect(await host.context.runtime.list()).toEqual([]);
    expect(existsSync(join(directory.path, 'services', bundle.instanceId))).toBe(false);
  });

  test('a later task may start again what was removed', async () => {
    await host.activities.removeService(bundle);
    expect(await start({ ...bundle, taskId: 'later', epoch: 6 })).toMatchObject({ running: true });
  });

  test('a late removal of an older epoch leaves the newer instance alone', async () => {
    const started = await start(bundle);
    expect(await host.activities.undoStartService({ ...bundle, taskId: 'older', epoch: 4 })).toEqual({
      removed: false,
    });
    expect(await host.context.runtime.inspect(bundle.instanceId)).toMatchObject({
      containerId: started.containerId,
      running: true,
    });
  });

  test('waiting for a service that was replaced or removed ends at once', async () => {
    await start(bundle);
    const waiting = host.activities.awaitService({ ...bundle, epoch: 4, timeoutMs: 30_000 });
    await expect(waiting).rejects.toMatchObject({ type: 'StaleTask' });
  });

  test('a bundle that is sealed for another instance is refused', async () => {
    const input = await host.startInput(bundle);
    await expect(host.activities.startService({ ...input, instanceId: 'another-api-host-1' })).rejects.toThrow();
    await expect(host.activities.startService({ ...input, epoch: 6 })).rejects.toMatchObject({ type: 'NotAllowed' });
    expect(await host.context.runtime.list()).toEqual([]);
  });

  test.each([PORT, PORT + 1])(
    'port %i in use by another process is refused by name, and nothing is started',
    async (port) => {
      const other = createServer().listen(port, '127.0.0.1');
      await once(other, 'listening');
      try {
        expect(await host.activities.probePorts({ ports: [PORT, PORT + 1, PORT + 2] })).toEqual({ busy: [port] });
        const refused = start(bundle);
        await expect(refused).rejects.toMatchObject({ type: 'PortInUse' });
        await expect(refused).rejects.toThrow(String(port));
        expect(await host.context.runtime.list()).toEqual([]);
      } finally {
        other.close();
      }
    },
  );

  test('what listens on all addresses is in the way, and what listens on an address of another host is not', async () => {
    for (const [address, busy] of [
      ['0.0.0.0', [PORT]],
      ['::', [PORT]],
      ['127.0.0.9', []],
    ] as const) {
      const other = createServer().listen(PORT, address);
      await once(other, 'listening');
      try {
        expect(await host.activities.probePorts({ ports: [PORT, PORT + 1] }), address).toEqual({ busy });
      } finally {
        other.close();
        await once(other, 'close');
      }
    }
  });

  test('the ports of an instance are busy for all others, also while it is stopped, and free for itself', async () => {
    await start(bundle);
    const wanted = { ports: [PORT, PORT + 1] };
    expect(await host.activities.probePorts({ ...wanted, exceptInstanceId: bundle.instanceId })).toEqual({ busy: [] });
    await host.context.runtime.stop(bundle.instanceId, { graceMs: 5_000 });
    expect(await host.activities.probePorts(wanted)).toEqual({ busy: [PORT, PORT + 1] });
    expect(await host.activities.probePorts({ ...wanted, exceptInstanceId: bundle.instanceId })).toEqual({ busy: [] });
  });

  test('a service with a wrong password is given up as soon as PostgreSQL has refused it', async () => {
    const wrong = { ...bundle, secrets: { password: 'canary-of-a-wrong-password' } };
    await start(wrong);
    const waiting = host.activities.awaitService({ ...wrong, timeoutMs: 30_000 });
    await expect(waiting).rejects.toMatchObject({ type: 'ServiceNotReady' });
    await expect(waiting).rejects.toThrow('password authentication failed for user "app"');
    await expect(waiting).rejects.not.toThrow('canary');
  });

  test('a service whose anonymous role cannot be used is given up in the words of PostgREST', async () => {
    await database.run('DROP ROLE IF EXISTS stranger', 'CREATE ROLE stranger NOLOGIN');
    const refused = { ...bundle, settings: { ...bundle.settings, anonymousRole: 'stranger' } };
    await start(refused);
    const waiting = host.activities.awaitService({ ...refused, timeoutMs: 30_000 });
    await expect(waiting).rejects.toThrow('permission denied to set role "stranger"');
  });

  test('a service whose database does not answer is given up at its bound, with the reason', async () => {
    const unreachable = {
      ...bundle,
      connection: { ...bundle.connection, servers: [{ address: '127.0.0.1', port: PORT + 7 }] },
    };
    await start(unreachable);
    const waiting = host.activities.awaitService({ ...unreachable, timeoutMs: 1_500 });
    await expect(waiting).rejects.toMatchObject({ type: 'ServiceNotReady' });
    await expect(waiting).rejects.toThrow(/port 15529 failed: Connection refused/);
    expect(await host.activities.removeService(unreachable)).toEqual({ removed: true });
    expect(await isSilent(PORT)).toBe(true);
  });

  test('a cancelled wait ends as cancelled, long before its bound', async () => {
    const unreachable = {
      ...bundle,
      connection: { ...bundle.connection, servers: [{ address: '127.0.0.1', port: PORT + 7 }] },
    };
    await start(unreachable);
    const environment = new MockActivityEnvironment();
    environment.once('heartbeat', () => environment.cancel());
    const waiting = environment.run(createHostActivities(host.context).awaitService, {
      ...unreachable,
      timeoutMs: 60_000,
    });
    await expect(waiting).rejects.toBeInstanceOf(CancelledFailure);
  });

  test('an unknown version is refused before anything exists', async () => {
    await expect(start({ ...bundle, version: '99.99.99' })).rejects.toMatchObject({ type: 'UnsupportedVersion' });
    expect(existsSync(join(directory.path, 'services', bundle.instanceId))).toBe(false);
  });
});
