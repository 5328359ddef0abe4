import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection, Client as Temporal } from '@temporalio/client';
import pg from 'pg';
import { servicesDirectory } from '../../activities/host/instance-records.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.ts';
import type { RuntimeKind } from '../../domain/services.ts';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../platform/local/certificates.ts';
import { createLocalPostgres, type LocalPostgres } from '../../platform/local/postgres.ts';
import { createLocalTemporal, type LocalTemporal } from '../../platform/local/temporal.ts';
import { ensureJoinToken } from '../../platform/secrets/join-token.ts';
import { ensureKeyring } from '../../platform/secrets/keyring.ts';
import { sweepServices } from '../support/services.ts';
import { portBlock } from './ports.ts';
import { type Supervised, supervise } from './supervised.ts';

/** Name of the registered server. */
export const SERVER = 'target';
/** Database of the target server for users by environment and for documents. */
export const SHARED_DATABASE = 'soak_shared';

/** A host, as its worker sees it. */
export interface SoakHost {
  id: string;
  /** Services listen there: each host has one of its own, and so all ports. */
  address: string;
  dataDir: string;
  runtime: RuntimeKind;
}

/** A server that the soak kills and starts again. */
export interface SoakServer {
  name: string;
  dataDir: string;
  server: Pick<LocalPostgres, 'start' | 'stop'>;
  query<R extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
}

/** The processes of a whole installation, each of its own as in production, and the servers that they need. */
export interface Installation {
  home: string;
  apiUrls: string[];
  adminToken(): string;
  processes: Supervised[];
  hosts: SoakHost[];
  ports: { first: number; last: number };
  target: SoakServer & {
    /** How clients reach it. */
    connection: { host: string; port: number; ca: string; adminUser: string; adminPassword: string };
  };
  metadata: SoakServer;
  temporal: { local: LocalTemporal; stateDir: string; client: Temporal };
  /** Files that clients read passwords from. */
  consumersDir: string;
  anchorFiles: string[];
  logsDir: string;
  /** Environment of a command beside the processes. */
  env: NodeJS.ProcessEnv;
  /** Ends all of it, services too. Files stay. */
  stop(): Promise<void>;
  /** Ends what hosts left running on purpose. */
  removeServices(): Promise<void>;
  remove(): Promise<void>;
  /** A statement in {@link SHARED_DATABASE}, as its administrator. */
  queryShared(sql: string): Promise<void>;
}

const WORKERS = 2;
const APIS = 2;

/** Starts servers, keys and processes. What was started is stopped again when that fails. */
export async function startInstallation(options: {
  runtimes: readonly [RuntimeKind, RuntimeKind];
  progress: (text: string) => void;
}): Promise<Installation> {
  const { progress } = options;
  const home = await mkdtemp(join(tmpdir(), 'pgsteward-soak-'));
  await chmod(home, 0o755);
  const logsDir = join(home, 'logs');
  const consumersDir = join(home, 'consumers');
  const postgresDir = join(home, 'postgres');
  const stateDir = join(home, 'temporal');
  for (const directory of [logsDir, consumersDir, postgresDir, stateDir, join(home, 'hosts')]) {
    await mkdir(directory, { mode: 0o755 });
  }
  const block = await portBlock();
  const port = (index: number) => block.control + index;
  await ensureKeyring(join(home, 'codec-keyring.json'));
  await ensureKeyring(join(home, 'seal-keyring.json'));
  await ensureJoinToken(join(home, 'join-token'));

  const authority = await ensureCertificateAuthority(join(home, 'ca'));
  const tls = await ensureServerCertificate({
    ca: authority,
    dir: join(home, 'tls'),
    names: ['localhost'],
    addresses: ['127.0.0.1'],
  });
  const local = (name: string, index: number, more: { tls?: typeof tls; settings: Record<string, string> }) =>
    createLocalPostgres({
      name,
      dataDir: join(postgresDir, name),
      logFile: join(postgresDir, `${name}.log`),
      passwordFile: join(postgresDir, `${name}.password`),
      port: port(index),
      portVariable: 'none',
      ...more,
    });
  const targetServer = local('target', 0, { tls, settings: { shared_buffers: '64MB', log_statement: 'ddl' } });
  const metadataServer = local('metadata', 1, { settings: { shared_buffers: '64MB' } });
  const temporalServer = createLocalTemporal({
    stateDir,
    cliCacheDir: join(home, 'bin'),
    port: port(2),
    uiPort: port(3),
    namespace: 'default',
    searchAttributes: SEARCH_ATTRIBUTES,
    env: { ...process.env, TEMPORAL_ADDRESS: '' },
    progress,
  });
  const [target, metadata, temporal] = await Promise.all([
    targetServer.start(),
    metadataServer.start(),
    temporalServer.start(),
  ]);
  progress('PostgreSQL and Temporal run');

  const metadataPassword = join(home, 'metadata.password');
  await writeFile(metadataPassword, metadata.password, { mode: 0o600 });
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PGSTEWARD_HOME: home,
    PGSTEWARD_METADATA_URL: `postgres://${metadata.user}@127.0.0.1:${metadata.port}/postgres`,
    PGSTEWARD_METADATA_PASSWORD_FILE: metadataPassword,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: 'default',
    PGSTEWARD_CONSUMERS_DIR: consumersDir,
    PGSTEWARD_PORT_RANGE: `${block.services.first}-${block.services.last}`,
    PGSTEWARD_RECONCILE_SECONDS: '5',
    PGSTEWARD_AUDIT_SEAL_SECONDS: '5',
  };
  const hosts: SoakHost[] = options.runtimes.map((runtime, index) => {
    const id = `host-${index + 1}`;
    return { id, address: `127.0.0.${index + 1}`, dataDir: join(home, 'hosts', id), runtime };
  });
  const anchorFiles = Array.from({ length: WORKERS }, (_, index) => join(home, `anchors-${index + 1}.jsonl`));
  const named = (command: Supervised['command'], index: number, more: NodeJS.ProcessEnv) =>
    supervise({
      name: `${command}-${index + 1}`,
      command,
      logFile: join(logsDir, `${command}-${index + 1}.log`),
      env: { ...env, ...more },
    });
  const apis = Array.from({ length: APIS }, (_, index) =>
    named('api', index, { PGSTEWARD_PORT: String(port(4 + index)) }),
  );
  const workers = anchorFiles.map((file, index) => named('worker', index, { PGSTEWARD_AUDIT_ANCHOR_FILE: file }));
  const hostWorkers = hosts.map((host, index) =>
    named('host', index, {
      PGSTEWARD_HOST_ID: host.id,
      PGSTEWARD_HOST_ADDRESSES: host.address,
      PGSTEWARD_HOST_DATA_DIR: host.dataDir,
      PGSTEWARD_RUNTIME: host.runtime,
      ...(index === 0 ? { PGSTEWARD_HOST_SERVER: SERVER } : {}),
    }),
  );
  const processes = [...apis, ...workers, ...hostWorkers];
  const connection = await Connection.connect({ address: temporal.address });
  let adminToken = '';
  let installationId = '';

  const targetQuery = queryOn({ ...target, ssl: { ca: authority.certificatePem } });
  const installation: Installation = {
    home,
    apiUrls: apis.map((_, index) => `http://127.0.0.1:${port(4 + index)}`),
    adminToken: () => adminToken,
    processes,
    hosts,
    ports: block.services,
    target: {
      name: 'target server',
      dataDir: join(postgresDir, 'target'),
      server: targetServer,
      query: targetQuery,
      connection: {
        host: '127.0.0.1',
        port: target.port,
        ca: authority.certificatePem,
        adminUser: target.user,
        adminPassword: target.password,
      },
    },
    metadata: {
      name: 'metadata server',
      dataDir: join(postgresDir, 'metadata'),
      server: metadataServer,
      query: queryOn(metadata),
    },
    temporal: { local: temporalServer, stateDir, client: new Temporal({ connection }) },
    consumersDir,
    anchorFiles,
    logsDir,
    env,
    async stop() {
      const stopped = await Promise.allSettled(processes.map((one) => one.stop()));
      await connection.close();
      await Promise.all([targetServer.stop(), metadataServer.stop(), temporalServer.stop()]);
      for (const one of stopped) if (one.status === 'rejected') throw one.reason;
    },
    async removeServices() {
      for (const { dataDir } of hosts) {
        await sweepServices({ installationId, servicesDirectory: servicesDirectory(dataDir) });
      }
    },
    remove: () => rm(home, { recursive: true, force: true }),
    async queryShared(sql) {
      await queryOn({ ...target, ssl: { ca: authority.certificatePem } }, SHARED_DATABASE)(sql);
    },
  };
  try {
    // The first worker builds the bundle that the second one reads.
    await Promise.all([workers[0]?.start(), apis[0]?.start()]);
    progress('the first API and the first worker are there');
    adminToken = (await readFile(join(home, 'admin-token'), 'utf8')).trim();
    const [installed] = await installation.metadata.query<{ id: string }>('SELECT id FROM installation');
    installationId = installed?.id ?? '';
    return installation;
  } catch (error) {
    await installation.stop();
    throw error;
  }
}

/** The others; hosts name the server, which has to be registered by then. */
export async function startOthers({ processes }: Installation): Promise<void> {
  await Promise.all(processes.filter((one) => one.pid() === undefined).map((one) => one.start()));
}

function queryOn(
  login: { port: number; user: string; password: string; ssl?: { ca: string } },
  database = 'postgres',
): SoakServer['query'] {
  return async <R extends pg.QueryResultRow>(sql: string, values?: unknown[]) => {
    const { port, user, password, ssl } = login;
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port, user, password, database, application_name: 'soak' },
      ...(ssl === undefined ? {} : { ssl }),
      connectionTimeoutMillis: 30_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<R>(sql, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
}
