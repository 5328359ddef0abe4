import type { ApiDeps } from '../api/deps.ts';
import { createHostChecker } from '../api/hosts/check.ts';

/** A metadata database that does not answer a ping within this time is not ready. */
const PING_TIMEOUT_MS = 2_000;

/**
 * What is missing before requests can be served. Asks the parts themselves: the database by a query, Temporal and a
 * control worker by a run, the hosts through that run.
 */
export function createReadiness(
  deps: Pick<ApiDeps, 'db' | 'workflows' | 'taskQueue' | 'log'>,
): () => Promise<string[]> {
  const askHosts = createHostChecker(deps);
  return async () => {
    const [database, hosts] = await Promise.all([pingDatabase(deps), askHosts()]);
    const missing = database ? [] : ['metadata database'];
    if (hosts === undefined) return [...missing, 'Temporal or a control worker'];
    if (hosts.length === 0) return [...missing, 'host worker'];
    const silent = hosts.filter((host) => host.facts === undefined).map((host) => `host worker ${host.hostId}`);
    // One host that is down does not keep requests for the others from being served.
    return silent.length === hosts.length ? [...missing, ...silent] : missing;
  };
}

async function pingDatabase({ db }: Pick<ApiDeps, 'db'>): Promise<boolean> {
  const timeout = AbortSignal.timeout(PING_TIMEOUT_MS);
  const late = new Promise<boolean>((resolve) =>
    timeout.addEventListener('abort', () => resolve(false), { once: true }),
  );
  const answered = db.query('SELECT 1').then(
    () => true,
    () => false,
  );
  return Promise.race([answered, late]);
}
