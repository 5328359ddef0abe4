import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { create, remove, taskEnded } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { rest } from './support/rest.ts';
import { NO_RECORDS, records, type Survey, survey } from './support/survey.ts';
import { loginOf, owner, provision, taskLog, tenantRequest } from './support/tenants.ts';

const SHARED_ROLE = 'pgedge_application_read_only';

describe('tenants of one server', () => {
  let stack: TestStack;
  let clean: Survey;

  beforeAll(async () => {
    stack = await startTestStack({ runtime: 'process', env: { PGSTEWARD_ALLOWED_ROLES: 'company_reader' } });
    await stack.target.query(
      'CREATE ROLE company_reader; CREATE ROLE operator_role; CREATE ROLE operator_super SUPERUSER',
    );
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

  describe('users of one database (R2)', () => {
    it('cannot reach another, neither by themselves nor through the shared read-only role', async () => {
      await provision(stack, tenantRequest({ id: 'a', users: [owner('user_a')], port: stack.port(0) }));
      await provision(stack, tenantRequest({ id: 'b', users: [owner('user_b')], port: stack.port(1) }));
      const login = { user: 'user_a', password: 'changeme' };
      await stack.target.query('CREATE TABLE salaries AS SELECT 1 AS id', { ...login, user: 'user_b', database: 'b' });

      expect(await stack.target.query(`SET ROLE ${SHARED_ROLE}; SELECT 1 AS one`, { ...login, database: 'a' })).toEqual(
        [{ one: 1 }],
      );
      await expect(stack.target.query('SELECT 1', { ...login, database: 'b' })).rejects.toThrow(
        'permission denied for database "b"',
      );
      const grants = await stack.target.query<{ name: string; grantees: string }>(
        `SELECT datname AS name, string_agg(DISTINCT grantee::regrole::text, ',') AS grantees
         FROM pg_database, aclexplode(datacl) WHERE datname IN ('a', 'b') GROUP BY 1 ORDER BY 1`,
      );
      // PUBLIC would be shown as "-".
      expect(grants).toEqual([
        { name: 'a', grantees: 'user_a' },
        { name: 'b', grantees: 'user_b' },
      ]);
    });

    it('share a role that lives until its last database is deleted', async () => {
      await provision(stack, tenantRequest({ id: 'a', users: [owner('user_a')], port: stack.port(0) }));
      await provision(stack, tenantRequest({ id: 'b', users: [owner('user_b')], port: stack.port(1) }));
      expect(await remove(stack, 'a')).toMatchObject({ status: 'completed' });
      expect(await loginOf(stack, SHARED_ROLE)).toEqual({ canLogin: false, hasPassword: false });
      await stack.target.query('CREATE TABLE things AS SELECT 1 AS id', {
        database: 'b',
        user: 'user_b',
        password: 'changeme',
      });
      expect(await rest(stack.port(1), '/things')).toMatchObject({ status: 200, body: [{ id: 1 }] });
      expect(await remove(stack, 'b')).toMatchObject({ status: 'completed' });
      expect(await loginOf(stack, SHARED_ROLE)).toBeUndefined();
    });
  });

  describe('a delete touches nothing that others made (R10)', () => {
    it('keeps a role with rights in another database, without login, and reports it', async () => {
      await provision(
        stack,
        tenantRequest({ id: 'a', users: [owner('user_a'), { username: 'helper', attributes: ['LOGIN'] }] }),
      );
      await stack.target.query('CREATE DATABASE elsewhere');
      await stack.target.query('CREATE TABLE kept (id int); GRANT SELECT ON kept TO user_a', { database: 'elsewhere' });
      expect(await remove(stack, 'a')).toMatchObject({ status: 'completed' });
      expect(await loginOf(stack, 'user_a')).toMatchObject({ canLogin: false });
      expect(await loginOf(stack, 'helper')).toBeUndefined();
      expect(await taskLog(stack, 'a')).toContain(
        'role "user_a" on server host-1 was set NOLOGIN and not dropped: it owns objects or holds rights in elsewhere',
      );
      await stack.target.query('DROP DATABASE elsewhere');
      await stack.target.query('DROP ROLE user_a');
    });

    it('never drops, closes or changes an adopted role, although a service logged in as it', async () => {
      await stack.target.query(`CREATE ROLE legacy LOGIN PASSWORD 'its own'`);
      const legacy = { username: 'legacy', password: 'its own', adopt: true, attributes: ['LOGIN'] };
      const users = [owner('user_a'), legacy];
      await provision(stack, tenantRequest({ id: 'a', users, port: stack.port(), connectAs: 'legacy' }));
      expect(await remove(stack, 'a')).toMatchObject({ status: 'completed' });
      const login = { user: 'legacy', password: 'its own' };
      const look = 'SELECT rolinherit AS inherits FROM pg_roles WHERE rolname = current_user';
      expect(await stack.target.query(look, login)).toEqual([{ inherits: true }]);
      await stack.target.query('DROP ROLE legacy');
    });

    it('leaves a database alone that was put in the place of its own', async () => {
      await provision(stack, tenantRequest({ id: 'a', users: [owner('user_a')] }));
      await stack.target.query('DROP DATABASE a WITH (FORCE)');
      await stack.target.query('CREATE DATABASE a');
      expect(await remove(stack, 'a')).toMatchObject({ status: 'completed' });
      expect((await stack.target.inventory()).databases).toContain('a');
      expect(await taskLog(stack, 'a')).toContain(
        'database "a" on server host-1 was not made for a and was left alone',
      );
      await stack.target.query('DROP DATABASE a');
    });
  });

  describe('a specification may name only roles of its own database (R1)', () => {
    it.each([
      ['db_anon_role', { config: { db_anon_role: 'operator_role' } }, 'services[0].config.db_anon_role'],
      ['roles', { roles: ['operator_role'] }, 'database_users[0].roles[0]'],
    ])('a role that an operator made fails the task when named in %s', async (_where, names, path) => {
      const { roles, config } = { roles: [], config: {}, ...names };
      const task = await create(
        stack,
        tenantRequest({ id: 'a', users: [owner('user_a', { roles })], port: stack.port(0), config }),
      );
      expect(task).toMatchObject({ status: 'failed' });
      expect(task.error).toContain(`${path}: role "operator_role" was not made for this database`);
    });

    it.each([
      ['db_anon_role', { config: { db_anon_role: 'nobody_made_it' } }, 'services[0].config.db_anon_role'],
      ['roles', { roles: ['nobody_made_it'] }, 'database_users[0].roles[0]'],
    ])('a role that does not exist fails the task when named in %s', async (_where, names, path) => {
      const { roles, config } = { roles: [], config: {}, ...names };
      const task = await create(
        stack,
        tenantRequest({ id: 'a', users: [owner('user_a', { roles })], port: stack.port(0), config }),
      );
      expect(task).toMatchObject({ status: 'failed' });
      expect(task.error).toContain(`${path}: role "nobody_made_it" does not exist`);
    });

    it.each([
      ['db_anon_role', { config: { db_anon_role: 'user_su' } }],
      ['roles', { roles: ['user_su'] }],
    ])('a superuser of its own is refused too in %s', async (_where, names) => {
      const { roles, config } = { roles: [], config: {}, ...names };
      const users = [owner('user_a', { roles }), { username: 'user_su', attributes: ['SUPERUSER'] }];
      const { status, body } = await stack.call(
        'POST',
        '/v1/databases',
        tenantRequest({ id: 'a', users, port: stack.port(0), config }),
      );
      // Refused at once or by its task, but never carried out.
      const error = status === 200 ? (await ended(body.task)).error : body.message;
      expect(error).toContain('role "user_su" is a superuser');
    });

    it('a role that an operator opened to all can be named', async () => {
      const users = [owner('user_a', { roles: ['company_reader'] })];
      await provision(
        stack,
        tenantRequest({ id: 'a', users, port: stack.port(0), config: { db_anon_role: 'company_reader' } }),
      );
    });
  });

  const ended = (task: { database_id: string; task_id: string }) => taskEnded(stack, task);
});
