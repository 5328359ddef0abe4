import { FATAL_LOGIN_TEXTS } from '../../../domain/postgrest/commands.ts';
import { requireVersion } from '../../../domain/postgrest/versions.ts';
import { LogRefusal } from '../../../platform/runtime/log-sequence.ts';
import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import { notReady } from '../await-ready.ts';
import type { HostContext } from '../context.ts';

const CONFIGURATION_READ = 'Config reloaded';
/** After the first it keeps its old configuration; after the others it ends. */
const REFUSALS = ['Failed reloading config', ...FATAL_LOGIN_TEXTS];

/**
 * Makes a running PostgREST read its files again, and resolves when it has: configuration, schema cache, and new
 * connections with the password that stands in its file now. SIGUSR1 does all of it; SIGUSR2 would leave the schema cache
 * as it is, so that functions of a new schema would not be found (measured on 12.0.2).
 * @param timeoutMs it takes 0.1 to 0.5 s; while its database is away it tries again by itself, and has read them after that
 * @throws Failure ServiceNotReady when it refuses them, or does not say in time that it has read them
 */
export async function applyFiles({ runtime }: HostContext, launch: ServiceLaunch, timeoutMs: number): Promise<void> {
  const { unit, version } = launch;
  const { begun, loaded } = requireVersion(version).schemaCacheLog;
  // A load that began earlier logs its end only: the three together belong to one that has read the files as they are now.
  const sought = { texts: [begun, CONFIGURATION_READ, loaded], refusals: REFUSALS };
  const watch = runtime.watchLog(unit, sought, { timeoutMs });
  await watch.ready;
  await runtime.signal(unit, 'SIGUSR1');
  await watch.seen.catch((error: unknown) => {
    if (error instanceof LogRefusal) throw notReady(launch, `it refused to reload: ${error.text}`);
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw notReady(launch, `it has not reloaded within ${timeoutMs} ms`);
    }
    throw error;
  });
}
