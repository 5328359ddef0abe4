import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { unitsOf } from '../../../domain/services/units.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { createDockerClient } from '../../../platform/runtime/choose.ts';
import { later, prepareApi } from './support/changes.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call, isSilent } from './support/http.ts';
import { failuresOf, longestGap, startProbe } from './support/probe.ts';
import { runtimesHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_610;
const PORT = 15_612;
/** Nobody listened, only the kernel had accepted the connection, or PostgREST was still reading the schema. */
const NOTHING_DONE = ['ECONNREFUSED', 'ECONNRESET', 503];

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase({ port: DATABASE_PORT });
  await prepareApi(database);
}, 60_000);
afterAll(() => database.stop());

describe.each(await runtimesHere())('a replacement with the %s runtime', { timeout: 90_000 }, (kind) => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>;
  let host: TestHost;
  let bundle: ServiceBundle;
  let first: string;
  let second: string;

  beforeEach(async () => {
    directory = await makeDirectory();
    host = await startHost({ kind, installationId: newInstallationId(), dataDir: directory.path });
    bundle = host.bundle(database, { port: PORT });
    [first, second] = unitsOf(bundle.instanceId);
    await database.run('TRUNCATE api.notes');
  }, 30_000);

  afterEach(async () => {
    for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
    await host.close();
    await directory.remove();
  }, 30_000);

  const running = async () =>
    (await host.context.runtime.list()).filter((state) => state.running).map(({ unit }) => unit);
  const sessions = () =>
    database.rows("SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = 'app' ORDER BY 1");

  test('on the same port fails in one stretch, and what failed was not done', async () => {
    await host.up(bundle);
    const [requests, admin, changed] = await during(() =>
      host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' }),
    );
    const gap = longestGap(requests);
    const failures = failuresOf(requests);
    process.stdout.write(
      `replacement (${kind}): gap ${changed.gapMs} ms on the host, ${gap.toFixed(0)} ms for clients; ` +
        `${failures.length} of ${requests.length} requests failed: ${failures.map(({ error, status }) => error ?? status).join(' ')}\n`,
    );
    expect(changed).toMatchObject({ mode: 'replace', running: true, port: PORT });
    expect(changed.killedUnit).toBeUndefined();
    for (const { error, status } of failures) expect(NOTHING_DONE).toContain(error ?? status);
    // Whatever failed did so in one stretch.
    const [from, to] = [Math.min(...failures.map((f) => f.beganAt)), Math.max(...failures.map((f) => f.endedAt))];
    const within = requests.filter(({ beganAt, endedAt }) => beganAt > from && endedAt < to);
    expect(failuresOf(within)).toEqual(within);
    // What was written is exactly what was acknowledged.
    const [rows] = await database.rows('SELECT count(*) FROM api.notes');
    expect(Number(rows?.[0])).toBe(requests.filter(({ status }) => status === 201).length);
    // The admin side answers at any time.
    expect(admin.length).toBeGreaterThan(0);
    expect(admin.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect((await call(PORT + 1, '/ready')).status).toBe(200);
    expect(await running()).toEqual([second]);
    expect(await sessions()).toEqual([[`pgsteward/${second}`]]);
  });

  /** Requests of clients and to the admin side while a change is made. */
  async function during<T>(
    change: () => Promise<T>,
  ): Promise<[Awaited<ReturnType<ReturnType<typeof startProbe>['stop']>>, number[], T]> {
    const probe = startProbe(PORT);
    const admin: number[] = [];
    let over = false;
    const asking = (async () => {
      while (!over) {
        const answer = await call(PORT + 1, '/live').catch(() => ({ status: 0 }));
        admin.push(answer.status);
        await delay(20);
      }
    })();
    const outcome = await change().finally(() => {
      over = true;
    });
    await asking;
    return [await probe.stop(), admin, outcome];
  }

  test('a request under way is answered before its process is told to stop', async () => {
    await host.up(bundle);
    const slow = call(PORT, '/rpc/slow', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"seconds":1.5}',
    });
    await underWay();
    const changed = await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' });
    expect(await slow).toMatchObject({ status: 200, text: '1' });
    expect(changed.killedUnit).toBeUndefined();
  });

  test('a connection that a client keeps open between its requests does not hold it up', async () => {
    await host.up(bundle);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sent = request({ host: '127.0.0.1', port: PORT, path: '/products', agent });
    sent.end();
    const [response] = await once(sent, 'response');
    response.resume();
    await once(response, 'end');
    const began = performance.now();
    await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace', drainMs: 30_000 });
    expect(performance.now() - began).toBeLessThan(20_000);
    agent.destroy();
  });

  test('a request that outlasts the drain time is killed, and the name of its sessions reported', async () => {
    await host.up(bundle);
    const cut = call(PORT, '/rpc/slow', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"seconds":60}',
    });
    cut.catch(() => undefined);
    await underWay();
    const changed = await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace', drainMs: 700 });
    await expect(cut).rejects.toThrow();
    expect(changed.killedUnit).toEqual({ applicationName: `pgsteward/${first}` });
    const ended = await database.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgsteward/${first}'`,
    );
    expect(ended).toEqual([['true']]);
    expect((await call(PORT, '/products')).status).toBe(200);
  });

  test('on another port both serve until the new one is ready: nobody is refused, and the admin side moves', async () => {
    await host.up(bundle);
    const port = PORT + 4;
    const changed = await host.change({ ...later(bundle, 2), port }, { mode: 'replace' });
    expect(changed).toMatchObject({ port, gapMs: 0 });
    expect((await call(port, '/products')).status).toBe(200);
    expect((await call(port + 1, '/ready')).status).toBe(200);
    expect(await isSilent(PORT)).toBe(true);
    expect(await isSilent(PORT + 1)).toBe(true);
    // Needed again if the change is undone.
    expect(await host.activities.probePorts({ ports: [PORT] })).toEqual({ busy: [PORT] });
    await host.activities.settleService(later(bundle, 2));
    expect(await host.activities.probePorts({ ports: [PORT] })).toEqual({ busy: [] });
  });

  test.each([1, -1])('to the port beside (%i) it works as well', async (step) => {
    await host.up(bundle);
    const port = PORT + step;
    await host.change({ ...later(bundle, 2), port }, { mode: 'replace' });
    expect((await call(port, '/products')).status).toBe(200);
    expect((await call(port + 1, '/ready')).status).toBe(200);
    expect(await host.activities.undoChangeService(later(bundle, 2))).toEqual({ restored: true });
    expect((await call(PORT, '/products')).status).toBe(200);
    expect((await call(PORT + 1, '/ready')).status).toBe(200);
  });

  test.each([
    ['a wrong password', { password: 'canary-wrong' }, /password authentication failed for user "app"/],
    ['a port that another process has', {}, /port 15619 of host-1 is in use/],
  ])('%s is found before the old one is touched', async (what, secrets, reason) => {
    const started = await host.up(bundle);
    const other = createServer().listen(PORT + 7, '127.0.0.1');
    const probe = startProbe(PORT);
    const port = what.includes('port') ? PORT + 6 : PORT;
    const failing = host.change(
      { ...later(bundle, 2), port, secrets: { ...bundle.secrets, ...secrets } },
      { mode: 'replace' },
    );
    await expect(failing).rejects.toThrow(reason);
    await expect(failing).rejects.not.toThrow('canary');
    expect(failuresOf(await probe.stop())).toEqual([]);
    expect(await host.context.runtime.inspect(first)).toMatchObject({
      containerId: started.containerId,
      running: true,
    });
    expect(await host.context.runtime.inspect(second)).toBeUndefined();
    expect(existsSync(join(directory.path, 'services', second))).toBe(false);
    other.close();
  });

  test('a successor that does not become ready is removed and the old one serves again', async () => {
    const started = await host.up(bundle);
    await database.run('DROP ROLE IF EXISTS stranger', 'CREATE ROLE stranger NOLOGIN');
    const failing = host.change(later(bundle, 2, { anonymousRole: 'stranger', pool: 3 }), { mode: 'replace' });
    await expect(failing).rejects.toMatchObject({ type: 'ServiceNotReady' });
    await expect(failing).rejects.toThrow('permission denied to set role "stranger"');
    expect((await call(PORT, '/products')).status).toBe(200);
    expect((await call(PORT + 1, '/ready')).status).toBe(200);
    expect((await host.context.runtime.list()).map(({ unit }) => unit)).toEqual([first]);
    if (kind === 'docker') expect((await host.context.runtime.inspect(first))?.containerId).toBe(started.containerId);
    // The old one has its restarts again.
    if (kind === 'docker') {
      const { HostConfig } = await createDockerClient().getContainer(started.containerId).inspect();
      expect(HostConfig.RestartPolicy?.Name).toBe('on-failure');
    }
  });

  test('undone after it was done the old one serves again, and a late repetition is refused', async () => {
    await host.up(bundle);
    const changed = later(bundle, 2, { pool: 3 });
    const first2 = await host.change(changed, { mode: 'replace' });
    expect(await host.change(changed, { mode: 'replace' })).toEqual(first2);
    expect(await host.activities.undoChangeService(changed)).toEqual({ restored: true });
    expect(await running()).toEqual([first]);
    expect((await call(PORT, '/products')).status).toBe(200);
    await expect(host.change(changed, { mode: 'replace' })).rejects.toMatchObject({ type: 'StaleTask' });
    expect(await running()).toEqual([first]);
    expect(await host.activities.undoChangeService(changed)).toEqual({ restored: false });
  });

  test('undone before it came, it is refused, and the instance runs on', async () => {
    await host.up(bundle);
    const changed = later(bundle, 2, { pool: 3 });
    expect(await host.activities.undoChangeService(changed)).toEqual({ restored: false });
    await expect(host.change(changed, { mode: 'replace' })).rejects.toMatchObject({ type: 'StaleTask' });
    expect(await running()).toEqual([first]);
    // A later task may change it.
    await host.change(later(bundle, 3, { pool: 3 }), { mode: 'replace' });
    expect(await running()).toEqual([second]);
  });

  test('final, nothing of the old one is left, and the next one takes its slot', async () => {
    await host.up(bundle);
    await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' });
    expect((await host.context.runtime.list()).map(({ unit }) => unit).sort()).toEqual([first, second]);
    await host.activities.settleService(later(bundle, 2));
    await host.activities.settleService(later(bundle, 2));
    expect((await host.context.runtime.list()).map(({ unit }) => unit)).toEqual([second]);
    expect(existsSync(join(directory.path, 'services', first, 'conf'))).toBe(false);
    expect(await host.activities.undoChangeService(later(bundle, 2))).toEqual({ restored: false });
    await host.change(later(bundle, 3, { pool: 4 }), { mode: 'replace' });
    expect(await running()).toEqual([first]);
    expect(await host.activities.removeService(later(bundle, 4))).toEqual({ removed: true });
    expect(await host.context.runtime.list()).toEqual([]);
    expect(existsSync(join(directory.path, 'services', second))).toBe(false);
    expect(existsSync(join(directory.path, 'services', first))).toBe(false);
  });

  test('removed by hand before, the instance ends up running in the new state', async () => {
    await host.up(bundle);
    await host.context.runtime.remove(first);
    expect(await host.change(later(bundle, 2, { maxRows: 1 }), { mode: 'replace' })).toMatchObject({ running: true });
    expect((await call(PORT, '/products')).text).toBe('[{"id":1}]');
  });

  test('on a host that has lost the instance altogether it is started, and its undo removes it', async () => {
    const changed = later(bundle, 2);
    expect(await host.change(changed, { mode: 'reload' })).toMatchObject({ mode: 'replace', running: true });
    expect((await call(PORT, '/products')).status).toBe(200);
    expect(await host.activities.undoChangeService(changed)).toEqual({ restored: true });
    expect(await host.context.runtime.list()).toEqual([]);
    expect(await isSilent(PORT)).toBe(true);
  });

  test('neither unit shows a secret', async () => {
    await host.up(bundle);
    await host.change(later(bundle, 2, { pool: 3 }), { mode: 'replace' });
    const states = await host.context.runtime.list();
    expect(states).toHaveLength(2);
    const shown = await Promise.all(states.map((state) => inspection(state.containerId)));
    const { password, jwtSecret = '' } = bundle.secrets;
    for (const secret of [password, encodeURIComponent(password), jwtSecret]) {
      for (const text of shown) expect(text).not.toContain(secret);
    }
    expect(shown.join('\n')).toContain('postgrest.conf');
  });

  /** What anybody on the host can see of a container or process. */
  async function inspection(containerId: string): Promise<string> {
    const pid = containerId.startsWith('pid:') ? Number(containerId.slice(4)) : undefined;
    if (pid === undefined) return JSON.stringify(await createDockerClient().getContainer(containerId).inspect());
    if (Number.isNaN(pid)) return '';
    const parts = ['environ', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8'));
    return (await Promise.all(parts)).join('\n');
  }

  /** Resolves when PostgreSQL executes the function that takes its time. */
  async function underWay(): Promise<void> {
    const busy = () => database.rows("SELECT 1 FROM pg_stat_activity WHERE usename = 'app' AND wait_event = 'PgSleep'");
    await expect.poll(busy, { timeout: 10_000 }).toHaveLength(1);
  }
});
