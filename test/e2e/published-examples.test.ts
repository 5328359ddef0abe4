import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create, remove, taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { isPortFree } from './support/ports.ts';
import { publishedBody, publishedToken } from './support/published.ts';
import { rest, signToken } from './support/rest.ts';
import { NO_RECORDS, records, type Survey, survey } from './support/survey.ts';

const JWT_SECRET = 'a-secret-key-of-at-least-32-characters';
const OWNER = { database: 'storefront', user: 'app', password: 'changeme' };
const COMPLETED = { status: 'completed', error: undefined };
const WIDGET = { name: 'Widget', price: 9.99 };

describe.each(testRuntimes())('the published examples with the %s runtime', (runtime) => {
  let stack: TestStack;
  let clean: Survey;

  beforeAll(async () => {
    stack = await startTestStack({ runtime });
    clean = await survey(stack);
  });
  afterAll(() => stack?.stop());

  async function post(text: string): Promise<{ status: string; error: string | undefined; taskId: string }> {
    const { status, body } = await stack.call('POST', '/v1/databases', text);
    expect(status, JSON.stringify(body)).toBe(200);
    const task = await taskEnded(stack, body.task);
    return { status: task.status, error: task.error, taskId: body.task.task_id };
  }

  async function expectNothingLeft(port: number): Promise<void> {
    expect(await survey(stack)).toEqual(clean);
    expect([await isPortFree(port), await isPortFree(port + 1)]).toEqual([true, true]);
  }

  describe('read-only API', () => {
    let port: number;

    it('reaches `running`', async () => {
      const example = await publishedBody('read-only-api', stack.port());
      port = example.port;
      expect(await post(example.text)).toMatchObject(COMPLETED);
      const { body } = await stack.call('GET', '/v1/databases/storefront');
      expect(body).toMatchObject({ state: 'available' });
      expect(body.service_instances).toEqual([expect.objectContaining({ state: 'running', host_id: 'host-1' })]);
    });

    it('shows anonymous callers tables that the owner makes later', async () => {
      await stack.target.query(
        `CREATE TABLE products (name text, price numeric); INSERT INTO products VALUES ('Widget', 9.99)`,
        OWNER,
      );
      expect(await rest(port, '/products')).toMatchObject({ status: 200, body: [WIDGET] });
    });

    it('takes no token on its word where no secret is configured', async () => {
      const answer = await rest(port, '/products', { token: await publishedToken(), json: WIDGET });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect((await rest(port, '/products')).body).toEqual([WIDGET]);
    });

    it('is gone after a delete with role, database, container, files, ports, secrets and credentials', async () => {
      expect(await remove(stack, 'storefront')).toMatchObject({ status: 'completed' });
      await expectNothingLeft(port);
      expect(await records(stack)).toEqual(NO_RECORDS);
      expect(await stack.call('GET', '/v1/databases/storefront')).toMatchObject({ status: 404 });
    });
  });

  describe('JWT-authenticated API', () => {
    let port: number;

    beforeAll(async () => {
      const example = await publishedBody('jwt-authenticated-api', stack.port());
      port = example.port;
      expect(await post(example.text)).toMatchObject(COMPLETED);
      await stack.target.query('CREATE TABLE products (name text, price numeric)', OWNER);
      // Reads of a new table need no reload; writes do.
      expect(await rest(port + 1, '/notify-reload', { method: 'POST' })).toMatchObject({ status: 200 });
    });
    afterAll(async () => {
      expect(await remove(stack, 'storefront')).toMatchObject({ status: 'completed' });
      await expectNothingLeft(port);
    });

    it('writes for a token of the published script', async () => {
      expect(await rest(port, '/products', { token: await publishedToken(), json: WIDGET })).toMatchObject({
        status: 201,
      });
      expect((await rest(port, '/products')).body).toEqual([WIDGET]);
    });

    it('refuses a token with a wrong signature', async () => {
      const token = signToken({ role: 'app' }, `${JWT_SECRET}x`);
      expect(await rest(port, '/products', { token, json: WIDGET })).toMatchObject({ status: 401 });
      expect(await rest(port, '/products', { token })).toMatchObject({ status: 401 });
    });

    it('refuses to write without a token', async () => {
      expect(await rest(port, '/products', { json: WIDGET })).toMatchObject({ status: 401, body: { code: '42501' } });
      expect((await rest(port, '/products', { method: 'DELETE' })).status).toBe(401);
    });

    it('refuses a token for a role that connect_as may not take', async () => {
      const token = signToken({ role: 'postgres' }, JWT_SECRET);
      expect(await rest(port, '/products', { token })).toMatchObject({ status: 403, body: { code: '42501' } });
    });

    it('says on the admin port that it lives and is ready', async () => {
      expect(await rest(port + 1, '/live')).toMatchObject({ status: 200 });
      expect(await rest(port + 1, '/ready')).toMatchObject({ status: 200 });
    });

    it('shows new tables, views and functions as soon as a reload has been answered', async () => {
      await stack.target.query(
        `CREATE TABLE orders (id int); CREATE VIEW cheap AS SELECT * FROM products;
         CREATE FUNCTION seven() RETURNS int LANGUAGE sql STABLE AS 'SELECT 7'`,
        OWNER,
      );
      const paths = async () => Object.keys((await rest(port, '/')).body.paths);
      expect(await paths()).not.toContain('/orders');
      expect(await rest(port + 1, '/notify-reload', { method: 'POST' })).toMatchObject({ status: 200 });
      expect(await paths()).toEqual(expect.arrayContaining(['/orders', '/cheap', '/rpc/seven']));
      expect(await rest(port, '/rpc/seven')).toMatchObject({ status: 200, body: 7 });
    });
  });

  describe('multiple schemas', () => {
    it('fails in preflight naming the schema, and leaves the record and nothing else', async () => {
      const { text, port } = await publishedBody('multiple-schemas', stack.port());
      const task = await post(text);
      expect(task.status).toBe('failed');
      expect(task.error).toContain(
        'services[0].config.db_schemas: schema "api" does not exist in database "storefront"',
      );
      await expectNothingLeft(port);
      const record = await stack.call('GET', '/v1/databases/storefront');
      expect(record.body).toMatchObject({ id: 'storefront', state: 'failed' });
      const log = await stack.call('GET', `/v1/databases/storefront/tasks/${task.taskId}/log`);
      expect(JSON.stringify(log.body)).toContain(JSON.stringify('schema "api" does not exist').slice(1, -1));
      expect(await stack.call('POST', '/v1/databases', text)).toMatchObject({ status: 409 });
      expect(await remove(stack, 'storefront')).toMatchObject({ status: 'completed' });
      expect(await records(stack)).toEqual(NO_RECORDS);
    });

    it('works once a script makes the schema, and shows tables of both', async () => {
      const { port, body } = await publishedBody('multiple-schemas', stack.port());
      const scripts = { post_database_create: ['CREATE SCHEMA api'] };
      const request = { ...body, spec: { ...body.spec, scripts } };
      expect(await create(stack, request)).toMatchObject({ status: 'completed' });
      await stack.target.query('CREATE TABLE products (id int); CREATE TABLE api.things AS SELECT 7 AS id', OWNER);
      expect(await rest(port, '/products')).toMatchObject({ status: 200, body: [] });
      const things = await rest(port, '/things', { headers: { 'accept-profile': 'api' } });
      expect(things).toMatchObject({ status: 200, body: [{ id: 7 }] });
      expect(await schemas()).toEqual(['api', 'public']);

      expect(await remove(stack, 'storefront')).toMatchObject({ status: 'completed' });
      await expectNothingLeft(port);
      expect(await records(stack)).toEqual(NO_RECORDS);
    });
  });

  /** The control plane keeps none of its own in a customer's database once it is done. */
  async function schemas(): Promise<string[]> {
    const rows = await stack.target.query<{ name: string }>(
      `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$' ORDER BY 1`,
      OWNER,
    );
    return rows.map((row) => row.name);
  }
});
