import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { create, remove, taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { rest, signToken } from './support/rest.ts';
import { NO_RECORDS, records, type Survey, survey } from './support/survey.ts';
import { loginOf, owner, provision, tenantRequest } from './support/tenants.ts';

const JWT_SECRET = 'a-secret-key-of-at-least-32-characters';

describe('scripts of a specification', () => {
  let stack: TestStack;
  let clean: Survey;

  beforeAll(async () => {
    stack = await startTestStack({ runtime: 'process' });
    clean = await survey(stack);
  });
  afterAll(() => stack?.stop());

  /** Whatever a test made by hand it takes away by hand; the rest must go with the databases. */
  afterEach(async () => {
    const { body } = await stack.call('GET', '/v1/databases');
    for (const { id } of body.databases) await remove(stack, id);
    expect(await survey(stack)).toEqual(clean);
    expect(await records(stack)).toEqual(NO_RECORDS);
  });

  describe('roles that post_init made', () => {
    const scripts = { post_init: ['CREATE ROLE web_anon', 'CREATE ROLE web_user', 'GRANT web_anon TO web_user'] };
    const scripted = (more: { post_database_create?: string[] } = {}) =>
      tenantRequest({
        id: 'a',
        users: [owner('user_a', { roles: ['web_user'] })],
        port: stack.port(0),
        config: { db_anon_role: 'web_anon', jwt_secret: JWT_SECRET },
        scripts: { ...scripts, ...more },
      });

    it('serve as anonymous role and as roles of tokens, and go with the database', async () => {
      await provision(
        stack,
        scripted({
          post_database_create: [
            "CREATE FUNCTION who_am_i() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text'",
          ],
        }),
      );
      const token = signToken({ role: 'web_user' }, JWT_SECRET);
      expect(await rest(stack.port(0), '/rpc/who_am_i')).toMatchObject({ status: 200, body: 'web_anon' });
      expect(await rest(stack.port(0), '/rpc/who_am_i', { token })).toMatchObject({ status: 200, body: 'web_user' });
    });

    it('are dropped when the create fails later', async () => {
      const task = await create(stack, scripted({ post_database_create: ['SELECT 1/0'] }));
      expect(task.error).toContain('scripts.post_database_create[0]');
      expect(await survey(stack)).toEqual(clean);
    });

    it('may be users of the database, which get their password and rights', async () => {
      await provision(
        stack,
        tenantRequest({ id: 'a', users: [owner('user_a')], scripts: { post_init: ['CREATE ROLE user_a'] } }),
      );
      const login = { database: 'a', user: 'user_a', password: 'changeme' };
      expect(await stack.target.query('SELECT current_user AS name', login)).toEqual([{ name: 'user_a' }]);
    });
  });

  describe('post_database_create', () => {
    it('runs as the owner, who owns what it makes and can do no more than before', async () => {
      await provision(
        stack,
        tenantRequest({
          id: 'a',
          users: [owner('user_a')],
          scripts: { post_database_create: ['CREATE TABLE witness AS SELECT session_user::text, current_user::text'] },
        }),
      );
      const login = { database: 'a', user: 'user_a', password: 'changeme' };
      expect(await stack.target.query('SELECT * FROM witness', login)).toEqual([
        { session_user: 'user_a', current_user: 'user_a' },
      ]);
      expect(await stack.target.query(`SELECT tableowner FROM pg_tables WHERE tablename = 'witness'`, login)).toEqual([
        { tableowner: 'user_a' },
      ]);
    });

    it.each([
      ['CREATE ROLE intruder', 'permission denied to create role'],
      ['RESET SESSION AUTHORIZATION; CREATE ROLE intruder', 'must be one statement'],
      [`COPY (SELECT 1) TO PROGRAM 'true'`, 'permission denied to COPY to or from an external program'],
      ['SELECT * FROM pg_authid', 'permission denied for table pg_authid'],
    ])('cannot do what its owner cannot: %s', async (statement, reason) => {
      const request = tenantRequest({
        id: 'a',
        users: [owner('user_a')],
        scripts: { post_database_create: ['RESET SESSION AUTHORIZATION', statement] },
      });
      const { status, body } = await stack.call('POST', '/v1/databases', request);
      const error = status === 200 ? (await ended(body.task)).error : body.message;
      expect(error).toContain('scripts.post_database_create[1]');
      expect(error).toContain(reason);
    });

    it('runs as a role without login where the specification names no owner', async () => {
      await provision(
        stack,
        tenantRequest({
          id: 'a',
          users: [{ username: 'user_a', password: 'changeme', attributes: ['LOGIN'] }],
          scripts: { post_database_create: ['CREATE TABLE witness AS SELECT session_user::text'] },
        }),
      );
      expect(await stack.target.query('SELECT * FROM witness', { database: 'a' })).toEqual([
        { session_user: 'pgst_owner_a' },
      ]);
      expect(await loginOf(stack, 'pgst_owner_a')).toEqual({ canLogin: false, hasPassword: false });
    });

    it('leaves an owner without login its password', async () => {
      await provision(
        stack,
        tenantRequest({
          id: 'a',
          users: [owner('user_a', { attributes: [] })],
          scripts: { post_database_create: ['CREATE TABLE witness AS SELECT session_user::text'] },
        }),
      );
      expect(await loginOf(stack, 'user_a')).toEqual({ canLogin: false, hasPassword: true });
    });

    it('leaves an adopted owner its login and password', async () => {
      await stack.target.query(`CREATE ROLE legacy LOGIN PASSWORD 'its own'`);
      const scripts = { post_database_create: ['CREATE TABLE witness AS SELECT session_user::text'] };
      const adopted = { username: 'legacy', adopt: true, db_owner: true };
      const unknown = await create(stack, tenantRequest({ id: 'a', users: [adopted], scripts }));
      expect(unknown.error).toContain('give its password');
      expect(await loginOf(stack, 'legacy')).toEqual({ canLogin: true, hasPassword: true });
      expect(await remove(stack, 'a')).toMatchObject({ status: 'completed' });

      await provision(stack, tenantRequest({ id: 'a', users: [{ ...adopted, password: 'its own' }], scripts }));
      const login = { database: 'a', user: 'legacy', password: 'its own' };
      expect(await stack.target.query('SELECT * FROM witness', login)).toEqual([{ session_user: 'legacy' }]);
      expect(await remove(stack, 'a')).toMatchObject({ status: 'completed' });
      await stack.target.query('DROP ROLE legacy');
    });

    it('that fails takes everything with it and names the statement', async () => {
      const request = tenantRequest({
        id: 'a',
        users: [owner('user_a')],
        port: stack.port(0),
        scripts: { post_database_create: ['CREATE TABLE products (id int)', 'INSERT INTO orders VALUES (1)'] },
      });
      const task = await create(stack, request);
      expect(task.status).toBe('failed');
      expect(task.error).toContain('scripts.post_database_create[1]: relation "orders" does not exist');
      expect(await survey(stack)).toEqual(clean);
    });
  });

  const ended = (task: { database_id: string; task_id: string }) => taskEnded(stack, task);
});
