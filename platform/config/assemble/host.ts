import type { HostPostgresConfig } from '../config.ts';
import type { OptionValues } from '../parse-options.ts';

/** Half of what control of a server needs is reported as a conflict. */
export function hostPostgresOf(set: OptionValues, path: (value: string) => string): HostPostgresConfig {
  const {
    PGSTEWARD_HOST_SERVER: server,
    PGSTEWARD_HOST_POSTGRES_ENDPOINT: endpoint,
    PGSTEWARD_HOST_POSTGRES_DATA_DIR: dataDir,
    PGSTEWARD_HOST_POSTGRES_BIN_DIR: binDir,
    PGSTEWARD_HOST_REPLICATION_USER: replicationUser,
    PGSTEWARD_HOST_REPLICATION_PASSFILE: passfile,
  } = set;
  const whole =
    dataDir !== undefined && binDir !== undefined && replicationUser !== undefined && passfile !== undefined;
  return {
    ...(server === undefined ? {} : { server }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(whole
      ? {
          control: {
            dataDir: path(dataDir),
            binDir: path(binDir),
            replicationUser,
            replicationPassfile: path(passfile),
          },
        }
      : {}),
  };
}
