import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRecorded, processStartTime } from '../../../platform/local/supervised-process.ts';
import { createLocalTemporal, type LocalTemporalOptions } from '../../../platform/local/temporal.ts';
import { startAndKillParent } from './killed-parent.ts';
import { freePort, holdPort, makeStateDirectory } from './state-directory.ts';

/** Starts of a real server, and once its download or build where this machine has no CLI. */
const START_TIMEOUT_MS = 120_000;

describe('a local Temporal server', { timeout: START_TIMEOUT_MS }, () => {
  let directory: Awaited<ReturnType<typeof makeStateDirectory>>;
  let options: Omit<LocalTemporalOptions, 'env' | 'progress'>;
  let recordFile: string;
  const create = (wanted: Partial<LocalTemporalOptions> = {}) =>
    createLocalTemporal({ ...options, env: process.env, progress: () => undefined, ...wanted });

  beforeAll(async () => {
    directory = await makeStateDirectory();
    recordFile = join(directory.path, 'temporal.process.json');
    options = {
      stateDir: directory.path,
      cliCacheDir: join(directory.path, 'bin'),
      port: await freePort(),
      uiPort: await freePort(),
      namespace: 'pgsteward-test',
      searchAttributes: { PgDatabase: 'Keyword', PgHosts: 'KeywordList' },
      codecEndpoint: 'http://127.0.0.1:1',
    };
    await create().start();
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await create().stop();
    await directory.remove();
  }, START_TIMEOUT_MS);

  async function registeredAttributes(): Promise<string[]> {
    const { namespace, port } = options;
    const connection = await Connection.connect({ address: `127.0.0.1:${port}` });
    try {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      return Object.keys(customAttributes);
    } finally {
      await connection.close();
    }
  }

  it('serves its namespace with the search attributes, and its UI, as soon as it has started', async () => {
    const { uiUrl } = await create().start();

    expect(await registeredAttributes()).toEqual(expect.arrayContaining(['PgDatabase', 'PgHosts']));
    expect((await fetch(uiUrl ?? '')).status).toBe(200);
  });

  it('keeps its data where only its own account reads it', async () => {
    for (const file of ['temporal.db', 'temporal.log', 'temporal.process.json']) {
      expect((await stat(join(directory.path, file))).mode & 0o777).toBe(0o600);
    }
  });

  it('left behind by a killed parent is adopted by the next start', async () => {
    await create().stop();
    await startAndKillParent('start-temporal.ts', options);
    const left = await findRecorded(recordFile);

    expect(await create().start()).toMatchObject({ address: `127.0.0.1:${options.port}`, alreadyRunning: true });

    expect(await findRecorded(recordFile)).toEqual(left);
  });

  it('is replaced when the next start wants further search attributes, and has them', async () => {
    const left = await findRecorded(recordFile);
    const wanted = { searchAttributes: { ...options.searchAttributes, PgTask: 'Keyword' } } as const;

    expect((await create(wanted).start()).alreadyRunning).toBe(false);

    expect(await processStartTime(left?.pid ?? 0)).not.toBe(left?.startTime);
    expect(await registeredAttributes()).toContain('PgTask');
  });

  it('names the port and the variable when one of its ports is busy', async () => {
    await create().stop();
    const held = await holdPort();
    try {
      await expect(create({ port: held.port }).start()).rejects.toMatchObject({
        name: 'PortBusy',
        port: held.port,
        variable: 'PGSTEWARD_TEMPORAL_PORT',
      });
      await expect(create({ uiPort: held.port }).start()).rejects.toMatchObject({
        name: 'PortBusy',
        port: held.port,
        variable: 'PGSTEWARD_TEMPORAL_UI_PORT',
      });
    } finally {
      await held.close();
    }
  });

  it('leaves no process behind when it is stopped', async () => {
    await create().start();
    const running = await findRecorded(recordFile);

    await create().stop();

    expect(running).toBeDefined();
    expect(await processStartTime(running?.pid ?? 0)).toBeUndefined();
    await expect(stat(recordFile)).rejects.toThrow(/ENOENT/);
  });

  it('says why it did not start', async () => {
    const broken = await makeStateDirectory();
    try {
      await writeFile(
        join(broken.path, 'temporal.db'),
        'this is not a database, and too long to be taken for an empty one',
      );

      await expect(create({ stateDir: broken.path }).start()).rejects.toThrow(/did not start: .*not a database/s);
    } finally {
      await broken.remove();
    }
  });

  it('that TEMPORAL_ADDRESS names is used as it is', async () => {
    const env = { TEMPORAL_ADDRESS: 'temporal.example:7233' };

    expect(await create({ env }).start()).toEqual({
      address: 'temporal.example:7233',
      namespace: options.namespace,
      alreadyRunning: true,
    });
  });
});
