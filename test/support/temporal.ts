import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.ts';
import { createLocalTemporal, type LocalTemporal } from '../../platform/local/temporal.ts';
import { freePort } from './ports.ts';

/** A Temporal server of a test's own, with its database in a file, for tests that stop it and start it again. */
export interface OwnTemporal extends Pick<LocalTemporal, 'start' | 'stop'> {
  /** Stops it for good, with all that it knew. */
  remove(): Promise<void>;
}

export async function createOwnTemporal(): Promise<OwnTemporal> {
  const stateDir = await mkdtemp(join(tmpdir(), 'pgsteward-temporal-'));
  const { TEMPORAL_ADDRESS: _, ...env } = process.env;
  const temporal = createLocalTemporal({
    stateDir,
    cliCacheDir: join(stateDir, 'bin'),
    port: await freePort(),
    uiPort: await freePort(),
    namespace: 'default',
    searchAttributes: SEARCH_ATTRIBUTES,
    env,
    progress: () => undefined,
  });
  return {
    start: () => temporal.start(),
    stop: () => temporal.stop(),
    async remove() {
      await temporal.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
