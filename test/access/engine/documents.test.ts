import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type AdminKind, type Engine, startEngine } from './support/engine.ts';
import { createShop, SHOP_ROLES, shopRights } from './support/shop.ts';

const CASES = testMajors().flatMap((major) => (['superuser', 'limited'] as const).map((admin) => ({ major, admin })));
const PASSWORD = 'c4nary-of-the-documents';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

describe.each(CASES)('PostgreSQL $major, admin role: $admin', ({ major, admin }) => {
  const name = `pg-${major}-${admin}`;
  let server: VersionedServer;

  beforeAll(async () => {
    server = await startServerOf(major);
    await engine.register(name, server, admin);
  });
  afterAll(() => server.stop());

  const allowed = async (sql: string, database = 'shop') =>
    (await server.query<{ yes: boolean }>(`SELECT ${sql} AS yes`, { database }))[0]?.yes;

  test('a document is planned, applied as planned, and its second plan is empty', async () => {
    await engine.applied(name, SHOP_ROLES);
    await createShop(server);
    const document = { ...SHOP_ROLES, databases: [shopRights()] };
    const plan = await engine.plan(name, document);
    expect(plan.refusals).toEqual([]);
    expect(plan.empty).toBe(false);
    await engine.applied(name, document, { plan_hash: plan.hash });
    expect(await engine.plan(name, document)).toMatchObject({ empty: true, steps: [], refusals: [] });
  });

  test('the rights are there, for those who have them directly and for those who inherit them', async () => {
    expect(await allowed(`has_table_privilege('ann', 'app.orders', 'SELECT')`)).toBe(true);
    expect(await allowed(`has_table_privilege('ann', 'app.orders', 'INSERT')`)).toBe(false);
    expect(await allowed(`has_table_privilege('bob', 'app.orders', 'INSERT')`)).toBe(true);
    expect(await allowed(`has_column_privilege('bob', 'app.customers', 'email', 'UPDATE')`)).toBe(true);
    expect(await allowed(`has_column_privilege('bob', 'app.customers', 'id', 'UPDATE')`)).toBe(false);
    expect(await allowed(`has_function_privilege('ann', 'app.pay(integer)', 'EXECUTE')`)).toBe(false);
    expect(await allowed(`has_function_privilege('bob', 'app.pay(integer)', 'EXECUTE')`)).toBe(true);
    expect(await allowed(`has_sequence_privilege('bob', 'app.numbers', 'USAGE')`)).toBe(true);
    expect(await allowed(`has_type_privilege('bob', 'app.mood', 'USAGE')`)).toBe(true);
    const [bob] = await server.query<{ until: Date }>(
      `SELECT rolvaliduntil AS until FROM pg_roles WHERE rolname = 'bob'`,
    );
    expect(bob?.until.toISOString()).toBe('2031-05-06T05:08:09.000Z');
  });

  test('a plan tells whose access changes, and through what', async () => {
    const { impact } = await engine.plan(name, {
      memberships: [{ role: 'writers', member: 'ann' }],
      databases: [{ name: 'shop' }],
    });
    const insert = impact.gained.filter(
      ({ object, sentence }) => object === 'table app.orders' && sentence.includes('INSERT'),
    );
    expect(insert).toMatchObject([
      { database: 'shop', object: 'table app.orders', logins: ['ann'], through: ['writers'] },
    ]);
    expect(insert[0]?.sentence).toContain('1 more login can INSERT');
    expect(impact.lost).toEqual([]);
  });

  test('a plan tells which open sessions it concerns', async () => {
    await server.query(`ALTER ROLE ann PASSWORD 'for a session'`);
    const session = await server.connect({ user: 'ann', password: 'for a session', database: 'shop' });
    try {
      const { impact } = await engine.plan(name, { roles: [{ name: 'ann', connection_limit: 6 }] });
      expect(impact.sessions).toEqual([{ role: 'ann', sessions: 1 }]);
    } finally {
      await session.end();
    }
  });

  test('why a role may do something, or may not, is told with the way that leads there', async () => {
    const ask = async (query: string) =>
      (await engine.stack.call('GET', `/v1/servers/${name}/explain?database=shop&${query}`)).body;
    expect(await ask('role=bob&object=app.orders&privilege=insert')).toMatchObject({
      allowed: true,
      usable: true,
      ways: [{ via: 'member', path: ['bob', 'writers'] }],
    });
    expect(await ask('role=ann&object=app.orders&privilege=insert')).toMatchObject({ allowed: false, ways: [] });
    expect(await ask('role=ann&object=app.pay(integer)&kind=routine&privilege=execute')).toMatchObject({
      allowed: false,
    });
    const { body } = await engine.stack.call(
      'GET',
      `/v1/servers/${name}/roles/bob/privileges?database=shop&schema=app`,
    );
    expect(body.privileges).toContainEqual(
      expect.objectContaining({ object: 'table app.orders', via: 'member', path: ['bob', 'writers'] }),
    );
    const findings = await engine.stack.call('GET', `/v1/servers/${name}/findings?database=shop`);
    expect(findings.status).toBe(200);
    expect(Array.isArray(findings.body.findings)).toBe(true);
    expect((await engine.stack.call('GET', `/v1/servers/${name}/roles/nobody/privileges`)).status).toBe(404);
  });

  test('objects that are made later are covered by the default privileges that the document pairs with "all"', async () => {
    await server.query(
      `SET ROLE shop_owner; CREATE TABLE app.later (id int); CREATE FUNCTION app.later_on() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      { database: 'shop' },
    );
    expect(await allowed(`has_table_privilege('ann', 'app.later', 'SELECT')`)).toBe(true);
    expect(await allowed(`has_function_privilege('ann', 'app.later_on()', 'EXECUTE')`)).toBe(false);
    expect(await engine.plan(name, { ...SHOP_ROLES, databases: [shopRights()] })).toMatchObject({ empty: true });
  });

  test('what was changed by hand is put right, and what the document does not mention is left alone', async () => {
    await server.query(
      `REVOKE SELECT ON app.orders FROM readers; GRANT DELETE ON app.orders TO ann; ALTER ROLE ann CONNECTION LIMIT 50`,
      { database: 'shop' },
    );
    const document = { ...SHOP_ROLES, databases: [shopRights()] };
    await engine.applied(name, document);
    expect(await allowed(`has_table_privilege('ann', 'app.orders', 'SELECT')`)).toBe(true);
    expect(await allowed(`has_table_privilege('ann', 'app.orders', 'DELETE')`)).toBe(true);
    const [ann] = await server.query<{ limit: number }>(
      `SELECT rolconnlimit AS limit FROM pg_roles WHERE rolname = 'ann'`,
    );
    expect(ann?.limit).toBe(5);
  });

  test('a grantee that is listed as exact has what is listed and nothing else', async () => {
    const rights = { ...shopRights(), exact_grantees: ['ann', 'readers', 'writers'] };
    await engine.applied(name, { ...SHOP_ROLES, databases: [rights] });
    expect(await allowed(`has_table_privilege('ann', 'app.orders', 'DELETE')`)).toBe(false);
    expect(await allowed(`has_table_privilege('ann', 'app.orders', 'SELECT')`)).toBe(true);
    expect(await engine.plan(name, { ...SHOP_ROLES, databases: [rights] })).toMatchObject({ empty: true });
  });

  test('what an exact grantee holds on objects that the document does not mention is taken away, of every kind', async () => {
    // Only a superuser takes away what others than the shop's owner have granted.
    const ofServer =
      'GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset() TO ann; GRANT USAGE ON LANGUAGE plpgsql TO ann';
    await server.query(
      `GRANT USAGE ON TYPE app.mood TO ann; GRANT EXECUTE ON FUNCTION app.pay(int) TO ann; GRANT UPDATE (id) ON app.orders TO ann;
       ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT USAGE ON TYPES TO ann; ${admin === 'superuser' ? ofServer : ''}`,
      { database: 'shop' },
    );
    const rights = { ...shopRights(), exact_grantees: ['ann'] };
    await engine.applied(name, { ...SHOP_ROLES, databases: [rights] });
    const [left] = await server.query<{ entries: string }>(
      `SELECT concat_ws(' ', (SELECT typacl FROM pg_type WHERE typname = 'mood'),
         (SELECT string_agg(proacl::text, ' ') FROM pg_proc WHERE proname IN ('pg_stat_reset', 'pay')),
         (SELECT lanacl FROM pg_language WHERE lanname = 'plpgsql'),
         (SELECT attacl FROM pg_attribute WHERE attrelid = 'app.orders'::regclass AND attname = 'id'),
         (SELECT string_agg(defaclacl::text, ' ') FROM pg_default_acl WHERE defaclobjtype = 'T')) AS entries`,
      { database: 'shop' },
    );
    expect(left?.entries).not.toMatch(/\bann=/);
  });

  test('exact grantees that the server keeps no record of lose what the document does not mention, too', async () => {
    await server.query(
      `GRANT CREATE ON SCHEMA app TO pg_monitor; GRANT EXECUTE ON FUNCTION app.pay(int) TO pg_monitor`,
      { database: 'shop' },
    );
    const rights = { name: 'shop', exact_grantees: ['pg_monitor'] };
    await engine.applied(name, { databases: [rights] });
    expect(await allowed(`has_schema_privilege('pg_monitor', 'app', 'CREATE')`)).toBe(false);
    const [pay] = await server.query<{ acl: string }>(
      `SELECT proacl::text AS acl FROM pg_proc WHERE oid = 'app.pay(int)'::regprocedure`,
      { database: 'shop' },
    );
    expect(pay?.acl).not.toContain('pg_monitor');
  });

  test('an empty entry for an existing role changes nothing', async () => {
    const plan = await engine.plan(name, { roles: [{ name: 'ann' }, { name: 'bob' }, { name: 'writers' }] });
    expect(plan).toMatchObject({ empty: true, refusals: [] });
  });

  test('the export of the live server is a document whose plan is empty', async () => {
    await server.query('GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset() TO readers', { database: 'shop' });
    const document = await engine.exported(name, ['shop']);
    expect(await engine.plan(name, document)).toMatchObject({ steps: [], refusals: [] });
  });

  test('a plan that no longer stands is refused with 409, before and after it was accepted', async () => {
    const document = { roles: [{ name: 'ann', connection_limit: 7 }] };
    const plan = await engine.plan(name, document);
    await server.query('ALTER ROLE ann CONNECTION LIMIT 7');
    const refused = await engine.stack.call('POST', `/v1/servers/${name}/apply`, { document, plan_hash: plan.hash });
    expect(refused.status).toBe(409);
    expect(refused.body.name).toBe('plan_changed');
  });

  test('a password is stored as its verifier, proven by a login, and not sent a second time', async () => {
    const document = { roles: [{ name: 'ann', password: PASSWORD }] };
    const task = await engine.applied(name, document, { prove_login: true });
    expect(task.result).toMatchObject({ passwords_set: ['ann'], logins: [{ role: 'ann', proof: 'proven' }] });
    const [before] = await server.query<{ xmin: string; verifier: string }>(
      `SELECT xmin::text, rolpassword AS verifier FROM pg_authid WHERE rolname = 'ann'`,
    );
    expect(before?.verifier.startsWith('SCRAM-SHA-256$4096:')).toBe(true);
    expect(await engine.plan(name, document)).toMatchObject({ empty: true });
    await engine.applied(name, document);
    const [after] = await server.query<{ xmin: string }>(`SELECT xmin::text FROM pg_authid WHERE rolname = 'ann'`);
    expect(after?.xmin).toBe(before?.xmin);
    await server.query('SELECT 1', { user: 'ann', password: PASSWORD, database: 'shop' });
  });

  test('what fails in a database leaves nothing of it behind, and says which step it was', async () => {
    await server.query(
      `CREATE FUNCTION refuse_grants() RETURNS event_trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'no grants today'; END $$;
       CREATE EVENT TRIGGER no_grants ON ddl_command_end WHEN TAG IN ('GRANT') EXECUTE FUNCTION refuse_grants()`,
      { database: 'shop' },
    );
    const task = await engine.apply(name, {
      roles: [{ name: 'carol', login: true, password: PASSWORD }],
      databases: [
        {
          name: 'shop',
          grants: [{ on: { kind: 'table', schema: 'app', names: ['orders'] }, privileges: ['SELECT'], to: ['carol'] }],
        },
      ],
    });
    await server.query('DROP EVENT TRIGGER no_grants', { database: 'shop' });
    expect(task).toMatchObject({ status: 'failed' });
    expect(task.error).toContain('grant SELECT');
    expect(await server.query(`SELECT 1 FROM pg_roles WHERE rolname = 'carol'`)).toEqual([]);
  });

  test('what an event trigger does elsewhere in the database is noticed, and nothing of it stays', async () => {
    await server.query('REVOKE SELECT ON app.orders FROM readers', { database: 'shop' });
    await server.query(
      `CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
       BEGIN REVOKE SELECT ON app.customers FROM readers; END $$;
       CREATE EVENT TRIGGER meddles ON ddl_command_end WHEN TAG IN ('GRANT') EXECUTE FUNCTION meddle()`,
      { database: 'shop' },
    );
    const document = { ...SHOP_ROLES, databases: [shopRights()] };
    const task = await engine.apply(name, document);
    await server.query('DROP EVENT TRIGGER meddles', { database: 'shop' });
    expect(task).toMatchObject({ status: 'failed' });
    expect(task.error).toContain('still this is to be done');
    expect(task.error).toContain('grant SELECT on table app.customers to readers');
    expect(await allowed(`has_table_privilege('ann', 'app.orders', 'SELECT')`)).toBe(false);
    await engine.applied(name, document);
  });

  test('neither a password nor, where the admin role may see to it, a verifier is in the log of the server', async () => {
    const lines = (await server.log()).split('\n');
    const linesWith = (text: string) => lines.filter((line) => line.includes(text));
    expect(linesWith('LOG:  statement: BEGIN')).not.toEqual([]);
    expect(linesWith(PASSWORD)).toEqual([]);
    // A role without superuser cannot keep its statements out of the log: there the verifier is all that can be seen.
    if (admin === 'superuser') expect(linesWith('SCRAM-SHA-256$4096:')).toEqual([]);
    expect((await engine.stack.log()).includes(PASSWORD)).toBe(false);
  });
});

describe.each(testMajors().map((major) => ({ major })))('PostgreSQL $major: what may not be done', ({ major }) => {
  const name = `refused-${major}`;
  let server: VersionedServer;

  beforeAll(async () => {
    server = await startServerOf(major);
    await engine.register(name, server, 'limited');
  });
  afterAll(() => server.stop());

  const document = (admin: AdminKind) => ({
    roles: [{ name: `reader_${admin}`, login: false }],
    databases: [
      {
        name: 'postgres',
        grants: [
          {
            on: { kind: 'table', schema: 'public', names: ['secrets'] },
            privileges: ['SELECT'],
            to: [`reader_${admin}`],
          },
        ],
      },
    ],
  });

  test('is refused before anything is done, with the statement that gives the missing right', async () => {
    await server.query(`CREATE ROLE vault NOLOGIN; CREATE TABLE public.secrets (id int); ALTER TABLE public.secrets OWNER TO vault;
      GRANT ALL ON SCHEMA public TO vault`);
    const plan = await engine.plan(name, document('limited'));
    if (major >= 16) {
      expect(plan.refusals).not.toEqual([]);
      const task = await engine.apply(name, document('limited'));
      expect(task.status).toBe('failed');
      expect(await server.query(`SELECT 1 FROM pg_roles WHERE rolname = 'reader_limited'`)).toEqual([]);
      for (const { remedy } of plan.refusals) {
        expect(remedy).toBeDefined();
        await server.query(remedy ?? '');
      }
    } else {
      // Before 16 CREATEROLE may grant itself any role that is no superuser.
      expect(plan.refusals).toEqual([]);
    }
    await engine.applied(name, document('limited'));
    const [row] = await server.query<{ yes: boolean }>(
      `SELECT has_table_privilege('reader_limited', 'public.secrets', 'SELECT') AS yes`,
    );
    expect(row?.yes).toBe(true);
  });

  test('the admin role has no more memberships afterwards than before', async () => {
    const before = await server.query(`SELECT roleid::regrole::text AS role FROM pg_auth_members m
      WHERE member = 'limited_admin'::regrole ORDER BY 1`);
    await engine.applied(name, {
      databases: [
        {
          name: 'postgres',
          revokes: [
            {
              on: { kind: 'table', schema: 'public', names: ['secrets'] },
              privileges: ['SELECT'],
              from: ['reader_limited'],
            },
          ],
        },
      ],
    });
    const after = await server.query(`SELECT roleid::regrole::text AS role FROM pg_auth_members m
      WHERE member = 'limited_admin'::regrole ORDER BY 1`);
    expect(after).toEqual(before);
  });

  test('every mistake of a document is told at once, with its path, and nothing is accepted', async () => {
    const { status, body } = await engine.stack.call('POST', `/v1/servers/${name}/apply`, {
      document: {
        rolls: [],
        roles: [{ name: 'x', member_of: ['x'], superpower: true }],
        databases: [
          {
            name: 'nowhere',
            grants: [{ on: { kind: 'sequence', schema: 's', names: ['a'] }, privileges: ['DELETE'], to: ['x'] }],
          },
        ],
      },
    });
    expect(status).toBe(400);
    for (const path of [
      'rolls',
      'roles[0].member_of[0]',
      'roles[0].superpower',
      'databases[0].grants[0].privileges[0]',
    ]) {
      expect(body.message).toContain(path);
    }
    const unknown = await engine.stack.call('POST', `/v1/servers/${name}/apply`, {
      document: { databases: [{ name: 'nowhere', grants: [] }] },
    });
    expect(unknown.status).toBe(400);
    expect(unknown.body.message).toContain('databases[0].name');
  });
});
