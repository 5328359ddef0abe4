import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { servicesDirectory } from '../../../activities/host/instance-records.ts';
import { chooseRuntime } from '../../../platform/runtime/choose.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';

const DATABASE_PORT = 15_540;
const PORT = 15_542;
const WORKER = fileURLToPath(new URL('./support/worker-process.ts', import.meta.url));

let database: TestDatabase;
let directory: Awaited<ReturnType<typeof makeDirectory>>;
let installationId: string;
let host: TestHost;

beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
}, 60_000);
afterAll(() => database.stop());

beforeEach(async () => {
  directory = await makeDirectory();
  installationId = newInstallationId();
  host = await startHost({ kind: 'process', installationId, dataDir: directory.path });
}, 30_000);

afterEach(async () => {
  for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
  await host.close();
  await directory.remove();
}, 30_000);

test('after kill -9 of its worker a service process is found again and adopted, not doubled', {
  timeout: 60_000,
}, async () => {
  await host.close();
  const input = JSON.stringify({ installationId, dataDir: directory.path, port: PORT, database });
  const worker = spawn(process.execPath, ['--import', 'tsx', WORKER, input], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(worker.stdout, 'data')) as [Buffer];
  const started: { instanceId: string; containerId: string } = JSON.parse(said.toString('utf8'));
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  expect((await call(PORT, '/products')).status).toBe(200);

  host = await startHost({ kind: 'process', installationId, dataDir: directory.path });
  const { runtime } = host.context;
  expect(await runtime.startAgain(started.instanceId)).toMatchObject({
    containerId: started.containerId,
    running: true,
  });
  // Adopted means supervised: it is started again when it ends.
  process.kill(pidOf(started), 'SIGKILL');
  const replaced = async () => {
    const state = await runtime.inspect(started.instanceId);
    return state?.running === true && state.containerId !== started.containerId;
  };
  await expect.poll(replaced, { timeout: 20_000 }).toBe(true);
});

test('a release that this host has no binary of is refused for good, with what helps', async () => {
  const bundle = host.bundle(database, { port: PORT, version: '14.5' });
  await expect(host.activities.startService(await host.startInput(bundle))).rejects.toMatchObject({
    type: 'UnsupportedVersion',
    retryable: false,
    message: expect.stringMatching(/^PostgREST 14\.5 needs the docker runtime: .* 12\.0\.2 only$/),
  });
});

test('command line and environment show no secret, and the user is one of its own', async () => {
  const bundle = host.bundle(database, { port: PORT, cpus: 1 });
  const pid = pidOf(await host.activities.startService(await host.startInput(bundle)));
  await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
  const shown = [await readFile(`/proc/${pid}/environ`, 'utf8'), await readFile(`/proc/${pid}/cmdline`, 'utf8')].join(
    '\n',
  );
  expect(shown).toContain('GHCRTS=-N1');
  expect(shown).toContain('postgrest.conf');
  const { password, jwtSecret } = bundle.secrets;
  for (const secret of [password, encodeURIComponent(password), jwtSecret ?? '']) expect(shown).not.toContain(secret);
  expect(await readFile(`/proc/${pid}/status`, 'utf8')).toMatch(
    new RegExp(`^Uid:\\s+${host.context.runtime.fileOwner.uid}\\s`, 'm'),
  );
});

test('a process that keeps ending is left alone after five restarts, and reported so', {
  timeout: 60_000,
}, async () => {
  const bundle = host.bundle(database, { port: PORT, secrets: { password: 'wrong' } });
  await host.activities.startService(await host.startInput(bundle));
  const givenUp = async () => {
    const state = await host.context.runtime.inspect(bundle.instanceId);
    return state?.running === false && !state.restarting;
  };
  await expect.poll(givenUp, { timeout: 40_000 }).toBe(true);
  const log = await host.context.runtime.logTail(bundle.instanceId, 1_000);
  expect(log.filter((line) => line.includes('Starting PostgREST'))).toHaveLength(6);
});

test('a host that has services keeps its runtime when it is chosen again', async () => {
  const bundle = host.bundle(database, { port: PORT });
  await host.activities.startService(await host.startInput(bundle));
  const again = await chooseRuntime({
    forced: 'auto',
    installationId,
    hostId: bundle.hostId,
    servicesDir: servicesDirectory(directory.path),
    log: pino({ level: 'silent' }),
  });
  expect(again.kind).toBe('process');
  await again.close();
});

function pidOf({ containerId }: { containerId: string }): number {
  return Number(containerId.slice('pid:'.length));
}
