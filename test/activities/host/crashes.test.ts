import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reconcileHost } from '../../../activities/host/reconcile.ts';
import { unitsOf } from '../../../domain/services/units.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { later, prepareApi } from './support/changes.ts';
import type { ChangingWorkerInput } from './support/changing-worker-process.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';
import { runtimesHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_620;
const PORT = 15_622;
const WORKER = fileURLToPath(new URL('./support/changing-worker-process.ts', import.meta.url));

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
  await prepareApi(database);
}, 60_000);
afterAll(() => database.stop());

describe.each(await runtimesHere())(
  'a worker that is killed during a change, %s runtime',
  { timeout: 90_000 },
  (kind) => {
    let directory: Awaited<ReturnType<typeof makeDirectory>>;
    let installationId: string;
    let host: TestHost;

    beforeEach(async () => {
      directory = await makeDirectory();
      installationId = newInstallationId();
    }, 30_000);

    afterEach(async () => {
      for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
      await host.close();
      await directory.remove();
    }, 30_000);

    /** The service whose change was cut short; `host` is the worker that comes after. */
    async function killedDuring(of: Pick<ChangingWorkerInput, 'mode' | 'after'>): Promise<ServiceBundle> {
      const input: ChangingWorkerInput = { kind, installationId, dataDir: directory.path, port: PORT, database, ...of };
      const args = ['--import', 'tsx', WORKER, JSON.stringify(input)];
      const worker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [said] = (await once(worker.stdout, 'data')) as [Buffer];
      worker.kill('SIGKILL');
      await once(worker, 'exit');
      host = await startHost({ kind, installationId, dataDir: directory.path });
      return JSON.parse(said.toString('utf8'));
    }

    const running = async () =>
      (await host.context.runtime.list()).filter((state) => state.running).map(({ unit }) => unit);

    test.each(['create', 'check', 'stop', 'startAgain'] as const)(
      'replacing, after %s: the next one has exactly the old unit running, and can make the change',
      async (after) => {
        const bundle = await killedDuring({ mode: 'replace', after });
        const { instanceId } = bundle;
        const [first, second] = unitsOf(instanceId);
        expect(await reconcileHost(host.context, [])).toMatchObject({
          restored: [instanceId],
          failed: [],
          unknown: [],
        });
        expect((await host.context.runtime.list()).map(({ unit }) => unit)).toEqual([first]);
        expect(await running()).toEqual([first]);
        expect((await call(PORT, '/products')).status).toBe(200);
        expect((await call(PORT + 1, '/ready')).status).toBe(200);
        expect(await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' })).toMatchObject({ running: true });
        expect(await running()).toEqual([second]);
        expect((await call(PORT, '/products')).status).toBe(200);
      },
    );

    test('replacing, and repeated before the host was put in order, it ends with one unit', async () => {
      const bundle = await killedDuring({ mode: 'replace', after: 'startAgain' });
      await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' });
      expect(await running()).toEqual([unitsOf(bundle.instanceId)[1]]);
    });

    test('replacing, and undone while the host was down, a tombstone brings the old one back', async () => {
      const bundle = await killedDuring({ mode: 'replace', after: 'startAgain' });
      const { instanceId, databaseId } = bundle;
      const undone = { instanceId, databaseId, taskId: 'task-2', epoch: 2, restore: true } as const;
      expect(await reconcileHost(host.context, [undone])).toMatchObject({ restored: [instanceId], removed: [] });
      expect(await reconcileHost(host.context, [undone])).toMatchObject({ running: [instanceId], removed: [] });
      expect(await running()).toEqual([instanceId]);
      const late = host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' });
      await expect(late).rejects.toMatchObject({ type: 'StaleTask' });
    });

    test('reloading, the old files are in effect again, and the change can be made', async () => {
      const bundle = await killedDuring({ mode: 'reload', after: 'signal' });
      const products = async () => JSON.parse((await call(PORT, '/products')).text) as unknown[];
      expect(await reconcileHost(host.context, [])).toMatchObject({ restored: [bundle.instanceId], failed: [] });
      expect(await products()).toHaveLength(3);
      expect(existsSync(join(directory.path, 'services', bundle.instanceId, 'previous'))).toBe(false);
      await host.change(later(bundle, 2, { maxRows: 1 }), { mode: 'reload' });
      expect(await products()).toHaveLength(1);
    });

    test('a change that was done and undone while the host was down is taken back at its next start', async () => {
      host = await startHost({ kind, installationId, dataDir: directory.path });
      const bundle = host.bundle(database, { port: PORT });
      const { instanceId, databaseId } = bundle;
      await host.up(bundle);
      await host.change(later(bundle, 2, { maxRows: 1, pool: 3 }), { mode: 'replace' });
      await host.close();
      host = await startHost({ kind, installationId, dataDir: directory.path });
      const undone = { instanceId, databaseId, taskId: 'task-2', epoch: 2, restore: true } as const;
      expect(await reconcileHost(host.context, [undone])).toMatchObject({ restored: [instanceId], removed: [] });
      expect(await running()).toEqual([instanceId]);
      expect(JSON.parse((await call(PORT, '/products')).text)).toHaveLength(3);
    });
  },
);
