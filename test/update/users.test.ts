import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rest } from '../e2e/support/rest.ts';
import { provision, taskLog } from '../e2e/support/tenants.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { type Member, rolesOf, shopService, shopSpec, update, updated } from './support/shop.ts';

describe('an update of users and rights', () => {
  let stack: TestStack;
  let next = 0;

  beforeAll(async () => {
    stack = await startTestStack({ runtime: 'process' });
  });
  afterAll(() => stack?.stop());

  /** A shop of its own for a test, with the service's port. */
  async function shop(parts: Parameters<typeof shopSpec>[2] = {}): Promise<{ id: string; port: number }> {
    next += 1;
    const made = { id: `shop_${next}`.replace('_', ''), port: stack.port(next) };
    await provision(stack, { id: made.id, spec: shopSpec(made.id, made.port, parts) } as { id: string });
    return made;
  }
  const query = (sql: string, database = 'postgres') => stack.target.query<Record<string, unknown>>(sql, { database });
  const memberships = (member: string) =>
    query(`SELECT r.rolname AS role FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
           JOIN pg_roles g ON g.oid = m.member WHERE g.rolname = '${member}' ORDER BY 1`);

  test('makes users that are new, with their roles and their right to connect', async () => {
    const { id, port } = await shop();
    const { clerk, reader } = rolesOf(id);
    const user = { username: clerk, password: 'changeme', attributes: ['LOGIN'], roles: [reader] };
    await updated(stack, id, shopSpec(id, port, { users: [user] }));
    const login = { database: id, user: clerk, password: 'changeme' };
    expect(await stack.target.query('SELECT count(*)::int AS items FROM items', login)).toEqual([{ items: 3 }]);
  });

  test('gives a user new attributes, and takes none away', async () => {
    const clerk = (attributes: string[]): Member => ({ username: 'attr_clerk', password: 'changeme', attributes });
    const { id, port } = await shop({ users: [clerk(['LOGIN'])] });
    await updated(stack, id, shopSpec(id, port, { users: [clerk(['CREATEDB'])] }));
    const [role] = await query(`SELECT rolcreatedb, rolcanlogin FROM pg_roles WHERE rolname = 'attr_clerk'`);
    expect(role).toEqual({ rolcreatedb: true, rolcanlogin: true });
  });

  test('keeps the role of a user that is no longer listed', async () => {
    const { id, port } = await shop({
      users: [{ username: 'kept_clerk', password: 'changeme', attributes: ['LOGIN'] }],
    });
    await updated(stack, id, shopSpec(id, port));
    expect(await query(`SELECT rolcanlogin FROM pg_roles WHERE rolname = 'kept_clerk'`)).toEqual([
      { rolcanlogin: true },
    ]);
    // It comes back under the password that it is given then.
    const back = [{ username: 'kept_clerk', password: 'another', attributes: ['LOGIN'] }];
    await updated(stack, id, shopSpec(id, port, { users: back }));
    const login = { database: id, user: 'kept_clerk', password: 'another' };
    expect(await stack.target.query('SELECT 1 AS one', login)).toEqual([{ one: 1 }]);
  });

  test('drops it where the specification says so, and what it owned goes to the owner of the database', async () => {
    const user = { username: 'gone_clerk', password: 'changeme', attributes: ['LOGIN'] };
    const { id, port } = await shop({ users: [user] });
    await query('CREATE TABLE public.of_clerk (id int); ALTER TABLE public.of_clerk OWNER TO gone_clerk', id);
    await updated(stack, id, shopSpec(id, port, { spec: { drop_removed_users: true } }));
    expect(await query(`SELECT FROM pg_roles WHERE rolname = 'gone_clerk'`)).toEqual([]);
    expect(await query(`SELECT tableowner FROM pg_tables WHERE tablename = 'of_clerk'`, id)).toEqual([
      { tableowner: rolesOf(id).owner },
    ]);
  });

  test('leaves a dropped user with rights elsewhere, without login, and says so', async () => {
    const user = { username: 'wide_clerk', password: 'changeme', attributes: ['LOGIN'] };
    const { id, port } = await shop({ users: [user] });
    await query('CREATE TABLE public.elsewhere (id int); GRANT SELECT ON public.elsewhere TO wide_clerk');
    await updated(stack, id, shopSpec(id, port, { spec: { drop_removed_users: true } }));
    expect(await query(`SELECT rolcanlogin FROM pg_roles WHERE rolname = 'wide_clerk'`)).toEqual([
      { rolcanlogin: false },
    ]);
    expect(await taskLog(stack, id)).toContain('role "wide_clerk" on server host-1 was set NOLOGIN and not dropped');
    await query('DROP TABLE public.elsewhere');
  });

  test('moves the rights of the service to another connect_as, and touches no grant of others', async () => {
    const worker = { username: 'worker', password: 'changeme', attributes: ['LOGIN'] };
    const { id, port } = await shop({ users: [worker] });
    const { owner, reader } = rolesOf(id);
    const services = (connectAs: string) => [
      shopService(id, port, { connect_as: connectAs, config: { db_anon_role: reader } }),
    ];
    await query(`GRANT ${reader} TO attr_clerk`);
    await updated(stack, id, shopSpec(id, port, { users: [worker], services: services(owner) }));
    expect(await memberships(owner)).toEqual([{ role: reader }]);
    await updated(stack, id, shopSpec(id, port, { users: [worker], services: services('worker') }));
    expect(await memberships(owner)).toEqual([]);
    expect(await memberships('worker')).toEqual([{ role: reader }]);
    expect(await memberships('attr_clerk')).toEqual([{ role: reader }]);
    expect((await rest(port, '/items')).body).toHaveLength(3);
  });

  test('never revokes a membership that somebody else had granted before', async () => {
    const { id, port } = await shop();
    const { owner, reader } = rolesOf(id);
    await query(`GRANT ${reader} TO ${owner}`);
    const anonymous = { services: [shopService(id, port, { config: { db_anon_role: reader } })] };
    await updated(stack, id, shopSpec(id, port, anonymous));
    await updated(stack, id, shopSpec(id, port));
    expect(await memberships(owner)).toEqual([{ role: 'pgedge_application_read_only' }, { role: reader }]);
  });

  test('hands the database to another owner', async () => {
    const { id, port } = await shop();
    const users = [
      { username: rolesOf(id).owner, attributes: ['LOGIN'] },
      { username: 'heir', password: 'changeme', db_owner: true, attributes: ['LOGIN'] },
    ];
    await updated(stack, id, { ...shopSpec(id, port), database_users: users });
    expect(await query(`SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = '${id}'`)).toEqual([
      { owner: 'heir' },
    ]);
  });

  test('creates extensions that are new', async () => {
    const { id, port } = await shop();
    await updated(stack, id, shopSpec(id, port, { spec: { extensions: ['pg_trgm'] } }));
    expect(await query(`SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'`, id)).toHaveLength(1);
  });

  test('that fails gives back what it had changed: roles, attributes, owner, passwords, rights', async () => {
    const clerk = { username: 'undo_clerk', password: 'changeme', attributes: ['LOGIN'] };
    const { id, port } = await shop({ users: [clerk] });
    const state = async () => ({
      roles: await query(`SELECT rolname, rolcreatedb, rolinherit, rolcanlogin FROM pg_roles
                          WHERE rolname LIKE '%undo%' OR rolname LIKE '${id}%' ORDER BY 1`),
      passwords: await stack.target.query('SELECT 1 AS ok', { database: id, user: 'undo_clerk', password: 'changeme' }),
      database: await query(`SELECT pg_get_userbyid(datdba), datacl::text FROM pg_database WHERE datname = '${id}'`),
      memberships: await query(`SELECT r.rolname AS role, g.rolname AS member FROM pg_auth_members m
        JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles g ON g.oid = m.member WHERE g.rolname LIKE '${id}%' ORDER BY 1, 2`),
      schemas: await query(
        `SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname IN ('public', 'extra') ORDER BY 1`,
        id,
      ),
    });
    const before = await state();
    // PostgREST cannot start with this claim key, which the contract allows for later releases.
    const services = [
      shopService(id, port, { config: { db_schemas: 'extra', jwt_role_claim_key: '$.role', db_pool: 3 } }),
    ];
    const users = [
      { username: 'undo_clerk', password: 'not-for-long', db_owner: false, attributes: ['CREATEDB'] },
      { username: 'undo_fresh', password: 'changeme', db_owner: true, attributes: ['LOGIN'] },
    ];
    const spec = shopSpec(id, port, { services });
    const owner = (spec.database_users as Member[])[0];
    const task = await update(stack, id, { ...spec, database_users: [{ ...owner, db_owner: false }, ...users] });
    expect(task.status).toBe('failed');
    expect(await state()).toEqual(before);
    expect((await rest(port, '/items')).body).toHaveLength(3);
  });
});
