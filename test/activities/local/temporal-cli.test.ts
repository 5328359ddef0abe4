import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processStartTime } from '../../../platform/local/supervised-process.ts';
import { findTemporalCli, obtainTemporalCli } from '../../../platform/local/temporal-cli.ts';
import { until } from '../../support/follow.ts';
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
      /ECONNREFUSED.*Go is not installed.*TEMPORAL_CLI_PATH.*install Go.*TEMPORAL_ADDRESS/s,
    );
  });

  it('that is being built is given up at an interrupt, with everything that the build has started', async () => {
    const pidFile = join(directory.path, 'compiler.pid');
    const go = `#!/bin/sh\n[ "$1" = install ] || exit 0\nsleep 600 &\necho $! > ${pidFile}.new\nmv ${pidFile}.new ${pidFile}\nwait\n`;
    await writeFile(join(directory.path, 'go'), go, { mode: 0o755 });
    const interrupt = new AbortController();
    const env = {
      TEMPORAL_CLI_DOWNLOAD_URL: `http://127.0.0.1:${await freePort()}`,
      PATH: `${directory.path}:/usr/bin:/bin`,
    };
    const building = obtainTemporalCli({ ...search(env), signal: interrupt.signal });
    const compiler = await until(async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined);

    interrupt.abort(new Error('interrupted'));

    await expect(building).rejects.toThrow('interrupted');
    await until(async () => ((await processStartTime(compiler)) === undefined ? true : undefined));
  });
});

async function archiveOf(files: Record<string, string>): Promise<Buffer> {
  const archive = pack();
  for (const [name, text] of Object.entries(files)) archive.entry({ name, mode: 0o755 }, text);
  archive.finalize();
  return buffer(archive.pipe(createGzip()));
}
