import { quoteIdentifier } from '../../../domain/sql/quote.ts';
import { registerServer } from '../../support/registered-server.ts';
import { startTestStack, type TestStack, type TestStackOptions } from '../../support/stack.ts';
import type { VersionedServer } from '../../support/versions.ts';

/** An installation with databases of environments in its registry. */
export interface UsersStack {
  stack: TestStack;
  /** Makes a database on the stack's server and registers it; `server` is the name of another registered one. */
  register(entry: {
    env: string;
    database: string;
    server?: string;
    active?: boolean;
    create?: boolean;
  }): Promise<void>;
  /** Registers another server under a name. */
  registerServer(name: string, server: VersionedServer, as: 'superuser' | 'limited'): Promise<void>;
  /** GET with parameters, as published clients ask. */
  get(path: string, parameters: Record<string, string>, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Runs a query as a user with a password. */
  as<R extends Record<string, unknown>>(user: User, sql: string): Promise<R[]>;
  stop(): Promise<void>;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  body: any;
  headers: Headers;
}

export interface User {
  username: string;
  password: string;
  database: string;
}

export async function startUsers(options: Partial<TestStackOptions> = {}): Promise<UsersStack> {
  const stack = await startTestStack({ runtime: 'process', ...options });
  return {
    stack,
    async register({ env, database, server = 'host-1', active = true, create = true }) {
      if (create) await stack.target.query(`CREATE DATABASE ${quoteIdentifier(database)}`);
      const [endpoint] = stack.target.address.endpoints;
      await stack.control.db.query(
        'INSERT INTO registry (env, db_name, hostname, port, active, server_name) VALUES ($1, $2, $3, $4, $5, $6)',
        [env, database, endpoint?.address, endpoint?.port, active, server],
      );
    },
    registerServer: (name, server, as) => registerServer(stack, name, server, as),
    get: (path, parameters, headers) =>
      stack.call('GET', `/api/v1${path}?${new URLSearchParams(parameters)}`, undefined, headers),
    post: (path, body, headers) => stack.call('POST', `/api/v1${path}`, body, headers),
    as: (user, sql) =>
      stack.target.query(sql, { user: user.username, password: user.password, database: user.database }),
    stop: () => stack.stop(),
  };
}
