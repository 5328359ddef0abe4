import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { writePrivateFile } from '../files/write-private-file.ts';
import { assertPortFree } from './ports.ts';
import { bundledPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { ensureCluster } from './postgres-cluster.ts';
import {
  CERTIFICATE_FILE,
  CONFIGURATION_FILE,
  KEY_FILE,
  renderConfiguration,
  renderHostAccess,
} from './postgres-configuration.ts';
import { readyServer, reloadServer, type ServerPlace, startServer, stopServer } from './postgres-control.ts';
import { assertReachable, serverAccount } from './server-account.ts';

/** Options of {@link createLocalPostgres}. */
export interface LocalPostgresOptions {
  /** As the server is called in messages: `metadata`, `host-1`. */
  name: string;
  /** Made at the first start. Its parent directory exists, and is one that other users may enter when we are root. */
  dataDir: string;
  /** Its directory exists; readable by the server's account only. */
  logFile: string;
  /** Listen address; 127.0.0.1 unless given. */
  address?: string;
  port: number;
  /** Environment variable that moves the port, for the message when it is taken. */
  portVariable: string;
  /** Name of the superuser; `postgres` unless given. */
  superuser?: string;
  /** Holds the superuser's password (0600); made with a random one at the first start. */
  passwordFile: string;
  /** Another PostgreSQL than the bundled one. */
  binaries?: PostgresBinaries;
  /** With a certificate the server takes TLS connections only. */
  tls?: { certificatePem: string; keyPem: string };
  /** Whether standbys may connect. */
  replication?: boolean;
  /** Further settings of `postgresql.conf`; they win over the ones chosen here. */
  settings?: Record<string, string>;
}

/** How to reach a started server. */
export interface LocalPostgresEndpoint {
  address: string;
  port: number;
  user: string;
  password: string;
  /** The server of an earlier process was found running and kept. */
  alreadyRunning: boolean;
}

/** One PostgreSQL server on this machine. */
export interface LocalPostgres {
  /**
   * Resolves when the server takes connections. An aborted `signal` ends a first start before the server runs; a
   * server that has been launched becomes ready first.
   * @throws PortBusy, another Failure that says what to do, or the signal's reason.
   */
  start(options?: { signal?: AbortSignal }): Promise<LocalPostgresEndpoint>;
  /** Ends the server, whoever started it; a server that does not run is left alone. Not while `start` is under way. */
  stop(): Promise<void>;
}

/**
 * A PostgreSQL server for development and tests: SCRAM only, TLS where a certificate is given, on one address.
 * It runs apart from this process and its terminal, and is found again by its data directory: a server that an earlier
 * process left behind is adopted when its port and configuration are the wanted ones, and restarted otherwise.
 */
export function createLocalPostgres(options: LocalPostgresOptions): LocalPostgres {
  const { name, port, portVariable, tls, settings = {}, superuser = 'postgres', address = '127.0.0.1' } = options;
  const dataDir = resolve(options.dataDir);
  const logFile = resolve(options.logFile);
  const passwordFile = resolve(options.passwordFile);
  const configuration = renderConfiguration({ address, port, tls: tls !== undefined, settings });

  async function locate(): Promise<ServerPlace> {
    const binaries = options.binaries ?? (await bundledPostgres());
    const account = await serverAccount();
    return { name, binaries, dataDir, logFile, account };
  }

  /** Whether the server that runs on the data directory, if any, was started with this configuration. */
  async function runsAsWanted(): Promise<boolean> {
    const running = await readyServer(dataDir);
    if (running?.port !== port) return false;
    const current = await readFile(join(dataDir, CONFIGURATION_FILE), 'utf8').catch(() => undefined);
    return current === configuration;
  }

  async function writeFiles({ account }: ServerPlace): Promise<void> {
    const files = {
      [CONFIGURATION_FILE]: configuration,
      'pg_hba.conf': renderHostAccess({ tls: tls !== undefined, replication: options.replication === true }),
      ...(tls === undefined ? {} : { [CERTIFICATE_FILE]: tls.certificatePem, [KEY_FILE]: tls.keyPem }),
    };
    await Promise.all(
      Object.entries(files).map(([file, text]) => writePrivateFile(join(dataDir, file), text, account)),
    );
  }

  return {
    async start({ signal } = {}) {
      const place = await locate();
      if (place.account !== undefined) {
        await assertReachable(place.account, [place.binaries.postgres, dirname(dataDir), dirname(logFile)]);
      }
      const alreadyRunning = await runsAsWanted();
      if (!alreadyRunning) {
        // Before the configuration is written: a file that names the new port beside a server on the old one misleads the next start.
        await stopServer(place);
        await assertPortFree({ address, port, variable: portVariable, owner: `the ${name} PostgreSQL server` });
      }
      const { password } = await ensureCluster({ ...place, passwordFile, superuser, signal });
      signal?.throwIfAborted();
      await writeFiles(place);
      await (alreadyRunning ? reloadServer(place) : startServer(place));
      return { address, port, user: superuser, password, alreadyRunning };
    },

    async stop() {
      await stopServer(await locate());
    },
  };
}
