import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reconcileHost } from '../../../activities/host/reconcile.ts';
import { unitsOf } from '../../../domain/services/units.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { createDockerClient } from '../../../platform/runtime/choose.ts';
import { containerName, LABELS } from '../../../platform/runtime/docker-container.ts';
import { later } from './support/changes.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';
import { runtimesHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_640;
const PORT = 15_642;

describe.each(await runtimesHere())(
  'an instance from before there were units, %s runtime',
  { timeout: 60_000 },
  (kind) => {
    let database: TestDatabase;
    let directory: Awaited<ReturnType<typeof makeDirectory>>;
    let installationId: string;
    let host: TestHost;
    let bundle: ServiceBundle;

    beforeEach(async () => {
      database = await startDatabase({ port: DATABASE_PORT });
      directory = await makeDirectory();
      installationId = newInstallationId();
      host = await startHost({ kind, installationId, dataDir: directory.path });
      bundle = host.bundle(database, { port: PORT });
      await host.up(bundle);
      await host.close();
      await makeOlder();
      host = await startHost({ kind, installationId, dataDir: directory.path });
    }, 60_000);

    afterEach(async () => {
      for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
      await host.close();
      await directory.remove();
      await database.stop();
    }, 30_000);

    /** Records and labels as they were. */
    async function makeOlder(): Promise<void> {
      const instance = join(directory.path, 'services', bundle.instanceId);
      await rewrite(join(instance, 'instance.json'), ({ unit: _unit, ...launch }) => launch);
      if (kind === 'process') {
        await rewrite(join(instance, 'run', 'launch.json'), ({ launch: { unit: _unit, ...launch }, ...rest }) => ({
          launch,
          ...rest,
        }));
        return;
      }
      const docker = createDockerClient();
      const name = containerName({ installationId, unit: bundle.instanceId });
      const { Config, HostConfig } = await docker.getContainer(name).inspect();
      const { [LABELS.unit]: _unit, ...Labels } = Config.Labels;
      await docker.getContainer(name).remove({ force: true });
      const older = await docker.createContainer({ ...Config, HostConfig, Labels, name });
      await older.start();
    }

    test('is adopted in the first slot, changed, and removed', async () => {
      const [first, second] = unitsOf(bundle.instanceId);
      expect(await reconcileHost(host.context, [])).toMatchObject({ running: [bundle.instanceId], unknown: [] });
      await host.activities.awaitService({ ...bundle, timeoutMs: 20_000 });
      expect(await host.context.runtime.inspect(first)).toMatchObject({ unit: first, running: true });
      expect(await host.change(later(bundle, 2, { maxRows: 1 }), { mode: 'reload' })).toMatchObject({ mode: 'reload' });
      await host.change(later(bundle, 3, { pool: 3 }), { mode: 'replace' });
      expect(await host.context.runtime.inspect(second)).toMatchObject({ unit: second, running: true });
      expect((await call(PORT, '/products')).status).toBe(200);
      expect(await host.activities.removeService(later(bundle, 4))).toEqual({ removed: true });
      expect(await host.context.runtime.list()).toEqual([]);
    });
  },
);

// biome-ignore lint/suspicious/noExplicitAny: records of another version
async function rewrite(file: string, change: (record: any) => object): Promise<void> {
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))));
}
