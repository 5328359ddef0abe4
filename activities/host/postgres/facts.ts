import type { HostPostgres } from '../../../domain/replication/host-postgres.ts';
import type { HostPostgresConfig } from '../../../platform/config/config.ts';

/** What the worker says of the server beside it: what it was told. */
export function postgresFacts({ server, endpoint, control }: HostPostgresConfig): HostPostgres {
  return {
    ...(server === undefined ? {} : { server }),
    ...(endpoint === undefined ? {} : { endpoint: { ...endpoint } }),
    ...(control === undefined ? {} : { dataDir: control.dataDir }),
  };
}
