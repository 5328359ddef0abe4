import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceBundle } from '../../../domain/services.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';

const DATABASE_PORT = 15_560;
const PORT = 15_562;
const ADMIN = PORT + 1;

let database: TestDatabase;
let directory: Awaited<ReturnType<typeof makeDirectory>>;
let host: TestHost;
let bundle: ServiceBundle;

beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
  directory = await makeDirectory();
  host = await startHost({ kind: 'process', installationId: newInstallationId(), dataDir: directory.path });
  bundle = host.bundle(database, { port: PORT });
  await host.activities.startService(await host.startInput(bundle));
  await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
}, 60_000);

afterAll(async () => {
  await host.activities.removeService(bundle);
  await host.close();
  await database.stop();
  await directory.remove();
}, 30_000);

test('HEAD answers like GET, without a body', async () => {
  expect(await call(ADMIN, '/ready', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
});

test('other methods are refused with the ones that are allowed', async () => {
  const wrong = await call(ADMIN, '/notify-reload');
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  const other = await call(ADMIN, '/live', { method: 'DELETE' });
  expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test.each(['/', '/config', '/schema_cache', '/metrics', '/toString'])('%s is not found', async (path) => {
  expect((await call(ADMIN, path)).status).toBe(404);
});

test('a reload that a web page asks for is refused', async () => {
  const asked = { method: 'POST', headers: { origin: 'https://evil.example' } };
  expect((await call(ADMIN, '/notify-reload', asked)).status).toBe(403);
});

test('a request with a large body is answered all the same', async () => {
  const answer = await call(ADMIN, '/notify-reload', { method: 'POST', body: 'x'.repeat(10_000) });
  expect(answer.status).toBe(200);
});

test('twenty callers at once are served by two reloads, and each sees its own change', {
  timeout: 60_000,
}, async () => {
  await database.run('CREATE FUNCTION api.seen() RETURNS int LANGUAGE sql AS $$SELECT 1$$');
  const before = await loads();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call(ADMIN, '/notify-reload', { method: 'POST' })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect((await call(PORT, '/rpc/seen')).status).toBe(200);
  expect((await loads()) - before).toBeLessThanOrEqual(3);
});

test('ready follows the database, live does not', { timeout: 60_000 }, async () => {
  await database.run(
    'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC',
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
  );
  const ready = async () => (await call(ADMIN, '/ready')).status;
  await expect.poll(ready, { timeout: 20_000 }).toBe(503);
  expect((await call(ADMIN, '/live')).status).toBe(200);
  await database.run('GRANT CONNECT ON DATABASE postgres TO PUBLIC');
  await expect.poll(ready, { timeout: 40_000 }).toBe(200);
});

test('a stopped service is neither live nor ready, and cannot reload', { timeout: 60_000 }, async () => {
  await host.context.runtime.stop(bundle.instanceId, { graceMs: 5_000 });
  const statuses = [
    await call(ADMIN, '/live'),
    await call(ADMIN, '/ready'),
    await call(ADMIN, '/notify-reload', { method: 'POST' }),
  ];
  expect(statuses.map(({ status }) => status)).toEqual([503, 503, 503]);
  await host.context.runtime.startAgain(bundle.instanceId);
  await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
});

test('a busy admin port is a failure that names it', async () => {
  const other = createServer().listen(PORT + 11, '127.0.0.1');
  await once(other, 'listening');
  const opening = host.context.gateways.open({
    instanceId: 'another',
    unit: 'another',
    address: '127.0.0.1',
    port: PORT + 10,
  });
  await expect(opening).rejects.toMatchObject({ type: 'PortInUse' });
  await expect(opening).rejects.toThrow(String(PORT + 11));
  other.close();
});

async function loads(): Promise<number> {
  const lines = await host.context.runtime.logTail(bundle.instanceId, 1_000);
  return lines.filter((line) => line.includes('Schema cache loaded')).length;
}
