import { Failure } from '../../domain/failures.ts';
import type { Config } from '../../platform/config/config.ts';
import { PortBusy } from '../../platform/local/port-busy.ts';
import { assertPortFree } from '../../platform/local/ports.ts';

/**
 * Looks at the ports of this process before anything is started; the servers look at theirs, which an earlier start of
 * this stack may hold.
 * @throws PortBusy, or a Failure that names all of them
 */
export async function assertPortsFree(config: Config): Promise<void> {
  const wanted = [{ ...config.listen, variable: 'PGSTEWARD_PORT', owner: 'the API' }];
  if (config.usersListen !== undefined) {
    wanted.push({ ...config.usersListen, variable: 'PGSTEWARD_USERS_LISTEN', owner: 'the listener for /api/v1' });
  }
  if (config.clustersListen !== undefined) {
    wanted.push({
      ...config.clustersListen,
      variable: 'PGSTEWARD_CLUSTERS_LISTEN',
      owner: 'the listener for the cluster API',
    });
  }
  if (config.metricsListen !== undefined) {
    wanted.push({ ...config.metricsListen, variable: 'PGSTEWARD_METRICS_LISTEN', owner: 'the listener for metrics' });
  }
  if (config.temporal.server.kind === 'development') {
    const { codecPort: port } = config.temporal;
    wanted.push({ address: config.devAddress, port, variable: 'PGSTEWARD_CODEC_PORT', owner: 'the codec server' });
  }
  const busy: PortBusy[] = [];
  for (const one of wanted) {
    try {
      await assertPortFree(one);
    } catch (error) {
      if (!(error instanceof PortBusy)) throw error;
      busy.push(error);
    }
  }
  const [first, ...more] = busy;
  if (first === undefined) return;
  if (more.length === 0) throw first;
  throw new Failure('PortInUse', busy.map(({ message }) => message).join('\n'));
}
