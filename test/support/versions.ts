import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../platform/local/certificates.ts';
import { createLocalPostgres } from '../../platform/local/postgres.ts';
import type { TargetAddress } from '../../platform/target/target-server.ts';
import { freePort } from './ports.ts';
import { postgresBinaries } from './postgres-versions/binaries.ts';

/** Major versions of PostgreSQL that pgsteward supports. */
const MAJORS = [13, 14, 15, 16, 17, 18] as const;
export type Major = (typeof MAJORS)[number];

/** Stands in the place of a test that has nothing to say about a version; skipped tests count as failed. */
export function notOnThisVersion(_name: string, _body: () => unknown): void {}

/** A server of one major version, for one test file, with TLS and SCRAM as in `npm start`. */
export interface VersionedServer {
  major: Major;
  /** As the superuser `postgres`. */
  address: TargetAddress;
  /**
   * As `limited_admin`, a role as managed services give out: LOGIN CREATEROLE CREATEDB, member of pg_signal_backend, no
   * superuser, `createrole_self_grant` unset.
   */
  limited: TargetAddress;
  /** With `log_statement = all`. */
  logFile: string;
  /** Runs a query on a connection of its own: as the superuser in `postgres`, unless told otherwise. */
  query<R extends pg.QueryResultRow>(sql: string, login?: VersionedLogin): Promise<R[]>;
  /** An open connection, which the caller ends. */
  connect(login?: VersionedLogin): Promise<pg.Client>;
  /** Everything the server logged so far. */
  log(): Promise<string>;
  /** Stops the server, lets somebody at its data directory, and starts it again at the same address. */
  whileStopped(act: (dataDir: string) => Promise<void>): Promise<void>;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

/** Whom to log in as: a role with its password, or one of the two admin roles. */
export interface VersionedLogin {
  database?: string;
  as?: 'superuser' | 'limited';
  user?: string;
  password?: string;
}

/**
 * Versions that tests run on: all, or those of `PGSTEWARD_TEST_MAJORS` such as `13,18`.
 * @throws Error when the variable names another version.
 */
export function testMajors(): readonly Major[] {
  const text = process.env.PGSTEWARD_TEST_MAJORS;
  if (text === undefined || text === '') return MAJORS;
  return text.split(',').map((item) => {
    const major = MAJORS.find((known) => String(known) === item.trim());
    if (major === undefined) throw new Error(`PGSTEWARD_TEST_MAJORS: ${item} is none of ${MAJORS.join(', ')}`);
    return major;
  });
}

/** Starts a server of its own. It loses data in a crash of the machine: tests do not wait for the disk. */
export async function startServerOf(
  major: Major,
  options: { settings?: Record<string, string> } = {},
): Promise<VersionedServer> {
  const binaries = await postgresBinaries(major);
  const home = await mkdtemp(join(tmpdir(), `pgsteward-postgres-${major}-`));
  // The server runs as another user where the tests run as root.
  await chmod(home, 0o755);
  const authority = await ensureCertificateAuthority(join(home, 'ca'));
  const tls = await ensureServerCertificate({
    ca: authority,
    dir: join(home, 'tls'),
    names: ['localhost'],
    addresses: ['127.0.0.1'],
  });
  const logFile = join(home, 'server.log');
  const server = createLocalPostgres({
    name: `postgres-${major}`,
    dataDir: join(home, 'data'),
    logFile,
    passwordFile: join(home, 'password'),
    port: await freePort(),
    portVariable: 'none',
    binaries,
    tls,
    settings: {
      shared_buffers: '32MB',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      log_statement: 'all',
      log_min_error_statement: 'error',
      ...options.settings,
    },
  });
  const endpoint = await server.start();
  const address: TargetAddress = {
    name: `postgres-${major}`,
    endpoints: [{ address: endpoint.address, port: endpoint.port }],
    maintenanceDb: 'postgres',
    tls: { mode: 'verify-full', caCertificate: authority.certificatePem },
    adminUser: endpoint.user,
    adminPassword: endpoint.password,
  };
  const limited = { ...address, adminUser: 'limited_admin', adminPassword: randomBytes(12).toString('hex') };

  async function connect(login: VersionedLogin = {}): Promise<pg.Client> {
    const admin = login.as === 'limited' ? limited : address;
    const client = new pg.Client({
      host: endpoint.address,
      port: endpoint.port,
      user: login.user ?? admin.adminUser,
      password: login.password ?? admin.adminPassword,
      database: login.database ?? 'postgres',
      ssl: { ca: authority.certificatePem },
    });
    // A failed test leaves its connection open; the end of the server must not hide the failure.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function query<R extends pg.QueryResultRow>(sql: string, login?: VersionedLogin): Promise<R[]> {
    const client = await connect(login);
    try {
      const result: pg.QueryResult<R> | pg.QueryResult<R>[] = await client.query<R>(sql);
      return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? [];
    } finally {
      await client.end();
    }
  }

  await query(
    `CREATE ROLE limited_admin LOGIN CREATEROLE CREATEDB PASSWORD '${limited.adminPassword}';
     GRANT pg_signal_backend TO limited_admin`,
  );
  return {
    major,
    address,
    limited,
    logFile,
    query,
    connect,
    log: () => readFile(logFile, 'utf8'),
    async whileStopped(act) {
      await server.stop();
      await act(join(home, 'data'));
      await server.start();
    },
    stopServer: () => server.stop(),
    startServer: async () => void (await server.start()),
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
