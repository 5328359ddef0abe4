import { join } from 'node:path';
import pg from 'pg';
import { createLocalPostgres } from '../../../../platform/local/postgres.ts';
import { makeDirectory } from './directory.ts';

/** A PostgreSQL server with schema `api`, role `web_anon` and a login role for PostgREST. */
export interface TestDatabase {
  port: number;
  /** Login role of PostgREST. */
  user: string;
  password: string;
  run(...statements: string[]): Promise<void>;
  /** Rows of one query, as arrays of texts. */
  rows(query: string): Promise<string[][]>;
  stop(): Promise<void>;
}

const USER = 'app';
const PASSWORD = 'p@ss:w/or"d\\$(HOME)%é';

/** Starts a server of its own on `port`; `address` is what it listens on. */
export async function startDatabase({
  port,
  address = '127.0.0.1',
}: {
  port: number;
  address?: string;
}): Promise<TestDatabase> {
  const directory = await makeDirectory();
  const server = createLocalPostgres({
    name: 'test',
    dataDir: join(directory.path, 'data'),
    logFile: join(directory.path, 'log'),
    passwordFile: join(directory.path, 'password'),
    port,
    address,
    portVariable: 'none',
    settings: { fsync: 'off', shared_buffers: '16MB' },
  });
  const admin = await server.start();
  const withClient = async <T>(use: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: admin.user,
      password: admin.password,
      database: 'postgres',
    });
    await client.connect();
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  };
  const run = (...statements: string[]) =>
    withClient(async (client) => {
      for (const statement of statements) await client.query(statement);
    });
  await run(
    'CREATE ROLE web_anon NOLOGIN',
    `CREATE ROLE ${USER} LOGIN NOINHERIT PASSWORD ${pg.escapeLiteral(PASSWORD)}`,
    `GRANT web_anon TO ${USER}`,
    'CREATE SCHEMA api',
    'GRANT USAGE ON SCHEMA api TO web_anon',
    'CREATE TABLE api.products AS SELECT 1 AS id',
    'GRANT SELECT ON api.products TO web_anon',
  );
  return {
    port,
    user: USER,
    password: PASSWORD,
    run,
    rows: (query) =>
      withClient(async (client) => {
        const { rows } = await client.query<unknown[]>({ text: query, rowMode: 'array' });
        return rows.map((row) => row.map(String));
      }),
    async stop() {
      await server.stop();
      await directory.remove();
    },
  };
}
