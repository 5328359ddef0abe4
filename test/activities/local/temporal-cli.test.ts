import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTemporalCli, obtainTemporalCli } from '../../../platform/local/temporal-cli.ts';
import { freePort, makeStateDirectory } from './state-directory.ts';

/** What stands for the CLI in an archive: only its version is asked for here. */
const PROGRAM = '#!/bin/sh\necho "temporal version 9.9.9 (Server 9.9.9)"\n';

describe('the Temporal CLI', () => {
  let directory: Awaited<ReturnType<typeof makeStateDirectory>>;
  let mirror: Server;
  let env: NodeJS.ProcessEnv;
  let requests: string[];
  const search = (more: NodeJS.ProcessEnv = {}) => ({
    cacheDir: join(directory.path, 'cache'),
    env: { ...env, ...more },
    progress: () => undefined,
  });

  beforeEach(async () => {
    directory = await makeStateDirectory();
    const archive = await archiveOf({ LICENSE: 'MIT', temporal: PROGRAM });
    requests = [];
    mirror = createServer((request, response) => {
      requests.push(request.url ?? '');
      response.end(archive);
    }).listen(0, '127.0.0.1');
    await once(mirror, 'listening');
    const address = mirror.address();
    if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
    // Neither a CLI nor Go is to be found on this PATH and below this home directory.
    const url = `http://127.0.0.1:${address.port}/latest`;
    env = { PATH: directory.path, HOME: directory.path, TEMPORAL_CLI_DOWNLOAD_URL: url };
  });
  afterEach(async () => {
    mirror.close();
    await directory.remove();
  });

  it('is downloaded for this platform where there is none, and found in the cache from then on', async () => {
    const path = join(directory.path, 'cache', 'temporal');

    const first = await obtainTemporalCli(search());
    const second = await obtainTemporalCli(search());

    expect(first).toEqual({ path, version: '9.9.9 (Server 9.9.9)', source: 'a download' });
    expect(second).toMatchObject({ path, source: 'the cached copy' });
    expect(requests).toEqual([expect.stringMatching(`^/latest\\?platform=${process.platform}&arch=(amd64|arm64)$`)]);
  });

  it('that TEMPORAL_CLI_PATH names is taken, and is an error when it does not run', async () => {
    const { path } = await obtainTemporalCli(search());

    expect(await obtainTemporalCli(search({ TEMPORAL_CLI_PATH: path }))).toMatchObject({ source: 'TEMPORAL_CLI_PATH' });
    await expect(obtainTemporalCli(search({ TEMPORAL_CLI_PATH: '/nonexistent' }))).rejects.toThrow(
      /TEMPORAL_CLI_PATH is \/nonexistent/,
    );
  });

  it('is not fetched by a look for it', async () => {
    expect(await findTemporalCli(search())).toBeUndefined();
    expect(requests).toEqual([]);
  });

  it('that cannot be had is reported with every way to get it', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}/latest`;

    const failed = obtainTemporalCli(search({ TEMPORAL_CLI_DOWNLOAD_URL: nowhere }));

    await expect(failed).rejects.toThrow(
      /TEMPORAL_CLI_PATH.*install Go.*TEMPORAL_ADDRESS.*ECONNREFUSED.*Go is not installed/s,
    );
  });
});

async function archiveOf(files: Record<string, string>): Promise<Buffer> {
  const archive = pack();
  for (const [name, text] of Object.entries(files)) archive.entry({ name, mode: 0o755 }, text);
  archive.finalize();
  return buffer(archive.pipe(createGzip()));
}
