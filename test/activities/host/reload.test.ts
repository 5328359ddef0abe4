import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ServiceBundle } from '../../../domain/services.ts';
import { later, prepareApi, token } from './support/changes.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';
import { failuresOf, longestGap, startProbe } from './support/probe.ts';
import { runtimesHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_600;
const PORT = 15_602;

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
  await prepareApi(database);
}, 60_000);
afterAll(() => database.stop());

describe.each(await runtimesHere())('a reload with the %s runtime', { timeout: 90_000 }, (kind) => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>;
  let host: TestHost;
  let bundle: ServiceBundle;

  beforeEach(async () => {
    directory = await makeDirectory();
    host = await startHost({ kind, installationId: newInstallationId(), dataDir: directory.path });
    await database.run(`ALTER ROLE app PASSWORD ${pg.escapeLiteral(database.password)}`);
    bundle = host.bundle(database, { port: PORT });
  }, 30_000);

  afterEach(async () => {
    for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
    await host.close();
    await directory.remove();
  }, 30_000);

  const files = (name: string) => join(directory.path, 'services', bundle.instanceId, name);
  const asRole = (secret: string) => ({ headers: { authorization: `Bearer ${token('other_anon', secret)}` } });

  test('waits for a database that is away for a while: PostgREST has read everything once that is back', async () => {
    await host.up(bundle);
    // Nobody reads a schema meanwhile; longer than a reload was once waited for.
    const away = database.run('BEGIN', 'LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE', 'SELECT pg_sleep(12)', 'COMMIT');
    const outcome = await host.change(later(bundle, 2, { maxRows: 1 }), { mode: 'reload', readyTimeoutMs: 60_000 });
    await away;
    expect(outcome).toMatchObject({ mode: 'reload', gapMs: 0 });
    expect((await call(PORT, '/products')).text).toBe('[{"id":1}]');
  });

  test('applies everything that can be read again, without one failed request and in the same process', async () => {
    const started = await host.up(bundle);
    const probe = startProbe(PORT);
    const reload = (changed: ServiceBundle) => host.change(changed, { mode: 'reload' });
    const outcomes = [await reload(later(bundle, 2, { maxRows: 1 }))];
    expect((await call(PORT, '/products')).text).toBe('[{"id":1}]');

    outcomes.push(await reload(later(bundle, 3, { schemas: ['api', 'extra'] })));
    const answer = await call(PORT, '/rpc/answer', { headers: { 'accept-profile': 'extra' } });
    expect(answer).toMatchObject({ status: 200, text: '42' });

    outcomes.push(await reload(later(bundle, 4, { anonymousRole: 'other_anon' })));
    expect((await call(PORT, '/rpc/who')).text).toBe('"other_anon"');

    const jwtSecret = 'another secret of more than thirty-two bytes';
    outcomes.push(await reload({ ...later(bundle, 5), secrets: { ...bundle.secrets, jwtSecret } }));
    expect((await call(PORT, '/rpc/who', asRole(jwtSecret))).text).toBe('"other_anon"');
    expect((await call(PORT, '/rpc/who', asRole(bundle.secrets.jwtSecret ?? ''))).status).toBe(401);

    const password = 'another password';
    await database.run(`ALTER ROLE app PASSWORD '${password}'`);
    const [changedAt] = await database.rows('SELECT clock_timestamp()::text');
    outcomes.push(await reload({ ...later(bundle, 6), secrets: { ...bundle.secrets, password } }));
    const fresh = await database.rows(
      `SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND backend_start > '${changedAt?.[0]}'`,
    );
    expect(Number(fresh[0]?.[0])).toBeGreaterThan(0);

    const requests = await probe.stop();
    process.stdout.write(`reload (${kind}): ${requests.length} requests, longest gap ${longestGap(requests)} ms\n`);
    expect(requests.length).toBeGreaterThan(0);
    expect(failuresOf(requests)).toEqual([]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ mode: 'reload', gapMs: 0, containerId: started.containerId });
      expect(outcome.startedAt).toBe(started.startedAt);
      expect(outcome.killedUnit).toBeUndefined();
    }
  });

  test('a secret that is taken away is gone from the disk and accepts no token any more', async () => {
    await host.up(bundle);
    const { jwtSecret = '', password } = bundle.secrets;
    expect((await call(PORT, '/rpc/who', asRole(jwtSecret))).text).toBe('"other_anon"');
    const without = { ...later(bundle, 2), secrets: { password } };
    await host.change(without, { mode: 'reload' });
    expect((await call(PORT, '/rpc/who', asRole(jwtSecret))).status).toBeGreaterThanOrEqual(400);
    expect((await call(PORT, '/rpc/who')).text).toBe('"web_anon"');
    expect((await readdir(files('conf'))).sort()).toEqual(['pg_service.conf', 'pgpass', 'postgrest.conf']);
    // Kept for the undo, for the service's user alone, until the change is final.
    for (const name of await readdir(files('previous'))) {
      const file = await stat(join(files('previous'), name));
      expect([file.mode & 0o777, file.uid]).toEqual([0o600, host.context.runtime.fileOwner.uid]);
    }
    await host.activities.settleService(without);
    expect((await readdir(files('.'))).filter((name) => name !== 'run').sort()).toEqual(['conf', 'instance.json']);
  });

  test.each([
    ['a wrong password', { secrets: { password: 'canary-wrong' } }, /password authentication failed for user "app"/],
    ['an unreachable database', { port: PORT + 7 }, /port 15609 failed: Connection refused/],
    ['an audience that it cannot read', { jwtAudience: 'my-app: prod' }, /its configuration is not valid/],
  ])('%s is found beforehand: nobody notices, and the old files stay', async (_what, changes, reason) => {
    const started = await host.up(bundle);
    const conf = await readFile(join(files('conf'), 'postgrest.conf'), 'utf8');
    const probe = startProbe(PORT);
    const { port, secrets, ...settings } = { port: DATABASE_PORT, secrets: bundle.secrets, ...changes };
    const changed = later(bundle, 2, settings);
    const connection = { ...bundle.connection, servers: [{ address: '127.0.0.1', port }] };
    const failing = host.change({ ...changed, connection, secrets }, { mode: 'reload', readyTimeoutMs: 1_000 });
    await expect(failing).rejects.toMatchObject({ type: 'ServiceNotReady' });
    await expect(failing).rejects.toThrow(reason);
    await expect(failing).rejects.not.toThrow('canary');
    expect(failuresOf(await probe.stop())).toEqual([]);
    expect(await readFile(join(files('conf'), 'postgrest.conf'), 'utf8')).toBe(conf);
    expect(await host.context.runtime.inspect(bundle.instanceId)).toMatchObject({
      containerId: started.containerId,
      startedAt: started.startedAt,
    });
    expect(existsSync(files('change.json'))).toBe(false);
    expect(existsSync(files('candidate'))).toBe(false);
  });

  test('an anonymous role that PostgREST is refused only at a request brings the old files back', async () => {
    await host.up(bundle);
    await database.run('DROP ROLE IF EXISTS stranger', 'CREATE ROLE stranger NOLOGIN');
    const failing = host.change(later(bundle, 2, { anonymousRole: 'stranger' }), { mode: 'reload' });
    await expect(failing).rejects.toThrow('permission denied to set role "stranger"');
    await expect(failing).rejects.toMatchObject({ type: 'ServiceNotReady' });
    expect((await call(PORT, '/rpc/who')).text).toBe('"web_anon"');
    expect(existsSync(files('previous'))).toBe(false);
  });

  test('a PostgREST that ends instead of reloading gets the old files back and runs again', async () => {
    const password = 'right only while it is checked';
    await host.up(bundle);
    await database.run(`ALTER ROLE app PASSWORD '${password}'`);
    const { runtime } = host.context;
    const check = runtime.check.bind(runtime);
    runtime.check = async (...given) => {
      const output = await check(...given);
      await database.run(`ALTER ROLE app PASSWORD ${pg.escapeLiteral(database.password)}`);
      return output;
    };
    const failing = host.change({ ...later(bundle, 2), secrets: { ...bundle.secrets, password } }, { mode: 'reload' });
    await expect(failing).rejects.toMatchObject({ type: 'ServiceNotReady' });
    // Refused while it still ran, or found to have ended: which of the two is seen first is the machine's affair.
    await expect(failing).rejects.toThrow(
      /(it refused to reload: |its log ends with: .*)password authentication failed/s,
    );
    expect((await call(PORT, '/products')).status).toBe(200);
    expect(await readFile(join(files('conf'), 'pgpass'), 'utf8')).not.toContain(password);
    expect(await runtime.inspect(bundle.instanceId)).toMatchObject({ running: true });
  });

  test('a change that no reload can make is made by a replacement, and says so', async () => {
    const started = await host.up(bundle);
    const changed = await host.change({ ...later(bundle, 2), cpus: 1 }, { mode: 'reload' });
    expect(changed.mode).toBe('replace');
    expect(changed.containerId).not.toBe(started.containerId);
  });

  test('a service that does not run at all ends up running with the new files', async () => {
    await host.up(bundle);
    await host.context.runtime.remove(bundle.instanceId);
    const changed = await host.change(later(bundle, 2, { maxRows: 1 }), { mode: 'reload' });
    expect(changed).toMatchObject({ mode: 'reload', running: true });
    expect((await call(PORT, '/products')).text).toBe('[{"id":1}]');
    expect((await call(PORT + 1, '/ready')).status).toBe(200);
  });

  test('undone after it was done, the old files are in effect, and a late repetition is refused', async () => {
    await host.up(bundle);
    const changed = later(bundle, 2, { maxRows: 1 });
    await host.change(changed, { mode: 'reload' });
    expect(await host.activities.undoChangeService(changed)).toEqual({ restored: true });
    expect(JSON.parse((await call(PORT, '/products')).text)).toHaveLength(3);
    expect(existsSync(files('previous'))).toBe(false);
    await expect(host.change(changed, { mode: 'reload' })).rejects.toMatchObject({ type: 'StaleTask' });
    expect(await host.activities.undoChangeService(changed)).toEqual({ restored: false });
    await expect(host.activities.awaitService({ ...bundle, timeoutMs: 5_000 })).resolves.toBeDefined();
  });
});
