import { join } from 'node:path';
import pg from 'pg';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../platform/local/certificates.ts';
import { createLocalPostgres } from '../../platform/local/postgres.ts';
import type { TargetAddress } from '../../platform/target/target-server.ts';
import { freePort } from './ports.ts';

/** A PostgreSQL server of its own for one test file, with TLS and SCRAM as in `npm start`. */
export interface TargetForTests {
  address: TargetAddress;
  /** Everything the server logged, with `log_statement = all`. */
  logFile: string;
  /** Runs a query as the superuser, or as another role, in a database. */
  query<R extends pg.QueryResultRow>(
    sql: string,
    login?: { database?: string; user?: string; password?: string },
  ): Promise<R[]>;
  /** What a clean server has: the names of its roles (without pg_*) and databases. */
  inventory(): Promise<{ roles: string[]; databases: string[] }>;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTargetServer(home: string): Promise<TargetForTests> {
  const authority = await ensureCertificateAuthority(join(home, 'target-ca'));
  const tls = await ensureServerCertificate({
    ca: authority,
    dir: join(home, 'target-tls'),
    names: ['localhost'],
    addresses: ['127.0.0.1'],
  });
  const port = await freePort();
  const logFile = join(home, 'target.log');
  const server = createLocalPostgres({
    name: 'target',
    dataDir: join(home, 'target'),
    logFile,
    passwordFile: join(home, 'target.password'),
    port,
    portVariable: 'none',
    tls,
    settings: { shared_buffers: '32MB', log_statement: 'all', log_min_error_statement: 'error' },
  });
  const endpoint = await server.start();
  const ssl = { ca: authority.certificatePem };
  const query: TargetForTests['query'] = async (sql, login = {}) => {
    const client = new pg.Client({
      host: endpoint.address,
      port,
      user: login.user ?? endpoint.user,
      password: login.password ?? endpoint.password,
      database: login.database ?? 'postgres',
      ssl,
    });
    await client.connect();
    try {
      const result = await client.query(sql);
      return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? [];
    } finally {
      await client.end();
    }
  };
  return {
    logFile,
    address: {
      name: 'host-1',
      endpoints: [{ address: endpoint.address, port }],
      maintenanceDb: 'postgres',
      tls: { mode: 'verify-full', caCertificate: authority.certificatePem },
      adminUser: endpoint.user,
      adminPassword: endpoint.password,
    },
    query,
    async inventory() {
      const roles = await query<{ name: string }>(
        `SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`,
      );
      const databases = await query<{ name: string }>('SELECT datname AS name FROM pg_database ORDER BY 1');
      return { roles: roles.map((row) => row.name), databases: databases.map((row) => row.name) };
    },
    stopServer: () => server.stop(),
    startServer: async () => void (await server.start()),
    stop: () => server.stop(),
  };
}
