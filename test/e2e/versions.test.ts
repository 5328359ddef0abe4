import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { remove, taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import type { TargetForTests } from '../support/target.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
import { rest } from './support/rest.ts';
import { survey } from './support/survey.ts';
import { owner, provision, tenantRequest } from './support/tenants.ts';

/** The newest one is the server of all other tests. On 15 a superuser and an administrator without that right. */
const SERVERS = [
  { major: 13, as: 'address' },
  { major: 14, as: 'address' },
  { major: 15, as: 'address' },
  { major: 15, as: 'limited' },
  { major: 16, as: 'limited' },
  { major: 17, as: 'address' },
] as const;

/** As the server of a stack; stopped with it. */
function targetOf(server: VersionedServer, as: 'address' | 'limited'): TargetForTests {
  const names = async (sql: string) => (await server.query<{ name: string }>(sql)).map(({ name }) => name);
  return {
    address: { ...server[as], name: 'host-1' },
    logFile: server.logFile,
    query: (sql, login = {}) => server.query(sql, login),
    inventory: async () => ({
      roles: await names("SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"),
      databases: await names('SELECT datname AS name FROM pg_database ORDER BY 1'),
    }),
    stopServer: server.stopServer,
    startServer: server.startServer,
    stop: server.stop,
  };
}

describe.each(SERVERS)('on PostgreSQL $major, as the admin role of $as', ({ major, as }) => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ runtime: 'process', target: targetOf(await startServerOf(major), as) });
  });
  afterAll(() => stack?.stop());

  /** Sends the specification as it is to be. */
  async function update(id: string, spec: object): Promise<void> {
    const { body } = await stack.call('POST', `/v1/databases/${id}`, { spec });
    expect(await taskEnded(stack, body.task)).toMatchObject({ status: 'completed' });
  }

  test('a database whose owner is the login of its service is made, read, changed and gone without a trace', async () => {
    const clean = await survey(stack);
    const request = tenantRequest({
      id: 'shop',
      users: [owner('shop_app')],
      port: stack.port(),
      scripts: { post_database_create: ['CREATE TABLE products (id int)', 'INSERT INTO products VALUES (1)'] },
    });
    await provision(stack, request);
    expect(await rest(stack.port(), '/products')).toMatchObject({ status: 200, body: [{ id: 1 }] });
    // What the owner makes later, as a migration does.
    const login = { database: 'shop', user: 'shop_app', password: 'changeme' };
    await stack.target.query('CREATE TABLE orders (id int)', login);
    await rest(stack.port() + 1, '/notify-reload', { method: 'POST' });
    expect(await rest(stack.port(), '/orders')).toMatchObject({ status: 200, body: [] });
    const [service] = request.spec.services ?? [];
    await update('shop', { ...request.spec, services: [{ ...service, config: { db_pool: 2 } }] });
    expect(await rest(stack.port(), '/products')).toMatchObject({ status: 200, body: [{ id: 1 }] });
    expect(await remove(stack, 'shop')).toMatchObject({ status: 'completed' });
    expect(await survey(stack)).toEqual(clean);
  });

  test('an owner whom a service logs in as later still creates tables', async () => {
    await provision(stack, tenantRequest({ id: 'late', users: [owner('late_app')] }));
    await update('late', tenantRequest({ id: 'late', users: [owner('late_app')], port: stack.port() }).spec);
    const login = { database: 'late', user: 'late_app', password: 'changeme' };
    await stack.target.query('CREATE TABLE notes (id int)', login);
    expect(await remove(stack, 'late')).toMatchObject({ status: 'completed' });
  });
});
