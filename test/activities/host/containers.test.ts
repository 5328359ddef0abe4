import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reconcileHost } from '../../../activities/host/reconcile.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { findBundledBinary } from '../../../platform/runtime/bundled-binary.ts';
import { createDockerClient } from '../../../platform/runtime/choose.ts';
import { containerName, LABELS } from '../../../platform/runtime/docker-container.ts';
import { createServiceImages } from '../../../platform/runtime/image.ts';
import { later } from './support/changes.ts';
import { startDatabase, type TestDatabase } from './support/database.ts';
import { makeDirectory } from './support/directory.ts';
import { newInstallationId, startHost, type TestHost } from './support/host.ts';
import { call } from './support/http.ts';
import { dockerHere } from './support/runtimes.ts';

const DATABASE_PORT = 15_530;
const PORT = 15_532;

describe.each(await dockerHere())('containers of the %s runtime', { timeout: 60_000 }, (kind) => {
  const docker = createDockerClient();
  let database: TestDatabase;
  let directory: Awaited<ReturnType<typeof makeDirectory>>;
  let installationId: string;
  let host: TestHost;
  let bundle: ServiceBundle;
  let foreign: Docker.Container | undefined;

  beforeAll(async () => {
    // Bridged containers reach the server through the host's bridge address.
    database = await startDatabase({ port: DATABASE_PORT, address: '0.0.0.0' });
  }, 60_000);
  afterAll(() => database.stop());

  beforeEach(async () => {
    directory = await makeDirectory();
    installationId = newInstallationId();
    host = await startHost({ kind, installationId, dataDir: directory.path });
    bundle = host.bundle(database, { port: PORT });
  }, 30_000);

  afterEach(async () => {
    for (const { unit } of await host.context.runtime.list()) await host.context.runtime.remove(unit);
    await foreign?.remove({ force: true });
    foreign = undefined;
    await host.close();
    await directory.remove();
  }, 30_000);

  const start = async (of: ServiceBundle = bundle) => await host.activities.startService(await host.startInput(of));

  test('inspection, environment and command line show no secret', async () => {
    const { password, jwtSecret } = bundle.secrets;
    const { containerId } = await start();
    const inspected = await docker.getContainer(containerId).inspect();
    const pid = inspected.State.Pid;
    const shown = [
      JSON.stringify(inspected),
      await readFile(`/proc/${pid}/environ`, 'utf8'),
      await readFile(`/proc/${pid}/cmdline`, 'utf8'),
      ...(await host.context.runtime.logTail(bundle.instanceId, 100)),
    ].join('\n');
    expect(shown).toContain('postgrest.conf');
    for (const secret of [password, encodeURIComponent(password), jwtSecret ?? '']) expect(shown).not.toContain(secret);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    expect(status).toMatch(/^CapEff:\s+0000000000000000$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Uid:\s+65532\s/m);
  });

  test('a foreign container of the same name is never touched', async () => {
    const name = containerName({ installationId, unit: bundle.instanceId });
    const { image } = await host.context.runtime.prepare({ version: bundle.version, progress: () => undefined });
    foreign = await docker.createContainer({
      name,
      Image: image,
      Cmd: ['/bin/postgrest'],
      Labels: { [LABELS.installation]: newInstallationId(), [LABELS.instance]: bundle.instanceId },
    });
    await expect(start()).rejects.toMatchObject({ type: 'NameConflict' });
    expect(await host.activities.removeService(bundle)).toEqual({ removed: true });
    expect((await foreign.inspect()).Name).toBe(`/${name}`);
  });

  test('a container of this installation without a record is reported and left alone', async () => {
    const { containerId } = await start();
    await host.context.records.forget(bundle.instanceId);
    const { unknown, removed } = await reconcileHost(host.context, []);
    expect(unknown.map((found) => found.containerId)).toEqual([containerId]);
    expect(removed).toEqual([]);
    expect((await docker.getContainer(containerId).inspect()).State.Running).toBe(true);
  });

  test('another installation neither lists nor removes it', async () => {
    const { containerId } = await start();
    const other = await startHost({ kind, installationId: newInstallationId(), dataDir: directory.path });
    expect(await other.context.runtime.list()).toEqual([]);
    expect(await other.context.runtime.remove(bundle.instanceId)).toEqual({ removed: false });
    await other.close();
    expect((await docker.getContainer(containerId).inspect()).State.Running).toBe(true);
  });

  test('a process that is killed in its container is started again by the engine', async () => {
    const { containerId } = await start();
    await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
    const { Pid } = (await docker.getContainer(containerId).inspect()).State;
    process.kill(Pid, 'SIGKILL');
    const restarted = async () => (await docker.getContainer(containerId).inspect()).RestartCount;
    await expect.poll(restarted, { timeout: 20_000 }).toBe(1);
    await host.activities.awaitService({ ...bundle, timeoutMs: 30_000 });
  });

  test('in a network of its own it reaches a database on the loopback address of the host, also after changes', async () => {
    const bridged = await startHost({ kind, installationId, dataDir: directory.path, network: 'bridge' });
    try {
      const service = bridged.bundle(database, { port: PORT });
      await bridged.activities.startService(await bridged.startInput(service));
      await bridged.activities.awaitService({ ...service, timeoutMs: 30_000 });
      expect((await call(PORT, '/products')).status).toBe(200);
      expect((await call(PORT + 1, '/ready')).status).toBe(200);
      const reloaded = await bridged.change(later(service, 2, { maxRows: 5 }), { mode: 'reload' });
      const replaced = await bridged.change(later(service, 3, { pool: 3 }), { mode: 'replace' });
      process.stdout.write(`replacement in a network of its own: gap ${replaced.gapMs} ms on the host\n`);
      expect([reloaded.mode, replaced.mode]).toEqual(['reload', 'replace']);
      expect((await call(PORT, '/products')).status).toBe(200);
    } finally {
      await bridged.close();
    }
  });

  test('an image of the specification that cannot be had is refused with what to do', async () => {
    const image = 'registry.invalid/nobody/postgrest:1';
    await expect(start({ ...bundle, image })).rejects.toMatchObject({ type: 'ImageUnavailable' });
    await expect(start({ ...bundle, image })).rejects.toThrow(`docker pull ${image}`);
  });

  test('images come from the mirror that is configured, under the tags of the official ones', async () => {
    const mirror = `mirror.invalid/${installationId}/postgrest`;
    const built = createServiceImages({ docker, binary: await findBundledBinary() });
    const quiet = { progress: () => undefined };
    const source = await built.ensure({ version: bundle.version, ...quiet });
    await docker.getImage(source).tag({ repo: mirror, tag: `v${bundle.version}` });
    const reference = `${mirror}:v${bundle.version}`;
    try {
      const mirrored = createServiceImages({ docker, binary: undefined, mirror });
      expect(await mirrored.ensure({ version: bundle.version, ...quiet })).toBe(reference);
      const other = mirrored.ensure({ version: '13.0.8', ...quiet });
      await expect(other).rejects.toThrow(`docker pull ${mirror}:v13.0.8`);
    } finally {
      await docker.getImage(reference).remove();
    }
  });

  test('a missing image is pulled or built once for all who ask at the same time', async () => {
    const repository = `pgsteward-test/${installationId}`;
    const images = createServiceImages({ docker, binary: await findBundledBinary(), repository });
    const told: string[] = [];
    const ask = () => images.ensure({ version: bundle.version, progress: (text) => told.push(text) });
    const answers = await Promise.all([ask(), ask(), ask(), ask()]);
    const [image = ''] = answers;
    try {
      expect(new Set(answers)).toEqual(new Set([image]));
      // What is done depends on whether a registry answers here; no step is done twice.
      expect(told.length).toBe(new Set(told).size);
      const said = told.length;
      expect(await ask()).toBe(image);
      expect(told).toHaveLength(said);
      expect((await docker.getImage(image).inspect()).Id).toMatch(/^sha256:/);
    } finally {
      if (image.startsWith(repository)) await docker.getImage(image).remove();
    }
  });
});
