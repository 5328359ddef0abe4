/** What users of each kind may do, on the oldest and the newest server, as superuser and as an admin role that is none. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerOf, testMajors, type VersionedServer } from '../support/versions.ts';
import { type Answer, startUsers, type UsersStack } from './support/users.ts';

const CASES = testMajors()
  .filter((major) => major === 13 || major === 18)
  .flatMap((major) => (['superuser', 'limited'] as const).map((admin) => ({ major, admin })));

let users: UsersStack;
beforeAll(async () => {
  users = await startUsers();
});
afterAll(() => users.stop());

const DENIED = { code: '42501' };
const WRITES = (table: string) => [
  `INSERT INTO ${table} VALUES (9)`,
  `UPDATE ${table} SET id = 9`,
  `DELETE FROM ${table}`,
  `TRUNCATE ${table}`,
  `CREATE TABLE ${table}_copy (id int)`,
];

describe.each(CASES)('PostgreSQL $major, admin role: $admin', ({ major, admin }) => {
  const env = `pg${major}${admin}`;
  let server: VersionedServer;
  /** Owns the database and everything in it; the limited admin may act for it. */
  const owner = { user: 'shop_owner', password: 'owner', database: 'shop' };

  const call = async (path: string, more: Record<string, unknown>): Promise<Answer> =>
    users.post(path, { env, database: 'shop', ...more });
  const made = async (kind: string, username: string) => {
    const { status, body } = await call(`/users/${kind}`, { username });
    expect(status, body.error).toBe(200);
    return { user: username, password: body.password as string, database: 'shop' };
  };
  /** Outcome of a statement in a session of its own: undefined, or the SQLSTATE that it was refused with. */
  const attempt = async (login: { user: string; password: string; database: string }, ...sql: string[]) => {
    const client: pg.Client = await server.connect(login);
    try {
      for (const statement of sql) await client.query(statement);
      return undefined;
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await client.end();
    }
  };

  beforeAll(async () => {
    server = await startServerOf(major);
    await server.query(`CREATE ROLE shop_owner LOGIN PASSWORD 'owner'`, { as: admin });
    await server.query(`CREATE ROLE bystander LOGIN PASSWORD 'bystander'`);
    await server.query(`CREATE DATABASE shop OWNER shop_owner`);
    await server.query(
      `CREATE SCHEMA app; CREATE SCHEMA "Odd ""Schema"; CREATE TABLE app.orders (id int); INSERT INTO app.orders VALUES (1);
       CREATE TABLE public.prices (id int); CREATE VIEW app.totals AS SELECT count(*) FROM app.orders;
       CREATE SEQUENCE app.numbers; CREATE MATERIALIZED VIEW app.snapshot AS SELECT 1 AS id;
       CREATE TABLE "Odd ""Schema"."Odd 'table" (id int)`,
      owner,
    );
    await users.registerServer(env, server, admin);
    await users.register({ env, database: 'shop', server: env, create: false });
  });
  afterAll(() => server.stop());

  let reader: { user: string; password: string; database: string };

  test('a user who may only read, reads every table that is there', async () => {
    reader = await made('readonly', 'reader');
    for (const relation of [
      'app.orders',
      'public.prices',
      'app.totals',
      'app.snapshot',
      `"Odd ""Schema"."Odd 'table"`,
    ]) {
      expect(await attempt(reader, `SELECT * FROM ${relation}`), relation).toBeUndefined();
    }
    expect(await attempt(reader, 'SELECT last_value FROM app.numbers')).toBeUndefined();
  });

  test('it changes nothing, also when it asks for a transaction that may write', async () => {
    for (const table of ['app.orders', 'public.prices']) {
      for (const statement of WRITES(table)) {
        expect(await attempt(reader, statement), statement).toBe('25006');
        const refused = await attempt(reader, 'SET default_transaction_read_only = off', statement);
        const isOpen = statement.startsWith('CREATE TABLE public') && major === 13 && admin === 'limited';
        // PUBLIC may create there, and only the schema's owner, a superuser, could change that.
        expect(refused, statement).toBe(isOpen ? undefined : DENIED.code);
      }
    }
    expect(await attempt(reader, 'SET default_transaction_read_only = off', `SELECT nextval('app.numbers')`)).toBe(
      '42501',
    );
    expect(await attempt(reader, 'SET default_transaction_read_only = off', 'CREATE SCHEMA mine')).toBe('42501');
  });

  test('whoever else could create in the schema public still can', async () => {
    const bystander = { user: 'bystander', password: 'bystander', database: 'shop' };
    const outcome = await attempt(bystander, 'CREATE TABLE public.of_bystander (id int)');
    expect(outcome).toBe(major === 13 ? undefined : '42501');
    const service = await call('/users/app', { servername: 'web01', port: '8080' });
    const app = { user: 'web01_8080', password: service.body.password, database: 'shop' };
    expect(await attempt(app, 'CREATE TABLE public.of_service (id int)')).toBe(major === 13 ? undefined : '42501');
    expect(
      await attempt(app, 'INSERT INTO app.orders VALUES (2)', 'DELETE FROM app.orders WHERE id = 2'),
    ).toBeUndefined();
  });

  test('it reads what the owner makes later, in new schemas, too', async () => {
    expect(
      await attempt(owner, 'CREATE TABLE app.later (id int)', 'CREATE SCHEMA fresh', 'CREATE TABLE fresh.t (id int)'),
    ).toBeUndefined();
    for (const table of ['app.later', 'fresh.t']) {
      expect(await attempt(reader, `SELECT * FROM ${table}`), table).toBeUndefined();
      expect(await attempt(reader, 'SET default_transaction_read_only = off', `INSERT INTO ${table} VALUES (1)`)).toBe(
        '42501',
      );
    }
  });

  test('it reads what a lead who was made through the API creates from the first table on', async () => {
    const lead = await made('devlead', 'lead');
    expect(
      await attempt(lead, 'CREATE TABLE app.of_lead (id int)', 'INSERT INTO app.of_lead VALUES (1)'),
    ).toBeUndefined();
    expect(await attempt(reader, 'SELECT * FROM app.of_lead')).toBeUndefined();
    expect(await attempt(reader, 'SET default_transaction_read_only = off', 'DELETE FROM app.of_lead')).toBe('42501');
    const tester = await made('devqa', 'tester');
    expect(await attempt(tester, 'UPDATE app.of_lead SET id = 2')).toBeUndefined();
    expect(await attempt(tester, 'CREATE TABLE app.of_tester (id int)')).toBe('42501');
  });

  test('what somebody creates whom nobody knew of is readable when the groups are seen to', async () => {
    await server.query(`CREATE ROLE stranger LOGIN PASSWORD 'stranger'`, { as: admin });
    await server.query('GRANT CREATE, USAGE ON SCHEMA app TO stranger', owner);
    const stranger = { user: 'stranger', password: 'stranger', database: 'shop' };
    expect(await attempt(stranger, 'CREATE TABLE app.of_stranger (id int)')).toBeUndefined();
    expect(await attempt(reader, 'SELECT * FROM app.of_stranger')).toBe('42501');
    const { status, body } = await call('/grants/refresh', {});
    expect(status, body.error).toBe(200);
    expect(body.groups.map(({ kind }: { kind: string }) => kind).toSorted()).toEqual([
      'app',
      'devlead',
      'devqa',
      'readonly',
    ]);
    expect(await attempt(reader, 'SELECT * FROM app.of_stranger')).toBeUndefined();
    // From now on its tables come with the rights.
    expect(await attempt(stranger, 'CREATE TABLE app.of_stranger_2 (id int)')).toBeUndefined();
    expect(await attempt(reader, 'SELECT * FROM app.of_stranger_2')).toBeUndefined();
  });

  test('a right that the group was given besides is taken away when the groups are seen to', async () => {
    await server.query('GRANT DELETE ON app.orders TO shop_readonly', owner);
    expect((await call('/grants/refresh', {})).status).toBe(200);
    expect(await attempt(reader, 'SET default_transaction_read_only = off', 'DELETE FROM app.orders')).toBe('42501');
  });

  test('users enter a database that PUBLIC may not enter', async () => {
    await server.query('CREATE DATABASE closed OWNER shop_owner');
    await server.query('REVOKE CONNECT ON DATABASE closed FROM PUBLIC', { as: 'superuser' });
    await users.register({ env, database: 'closed', server: env, create: false });
    const create = () => users.post('/users/devqa', { env, database: 'closed', username: 'guest' });
    if (admin === 'limited') {
      const refused = await create();
      expect(refused.status).toBe(403);
      const remedy = 'GRANT CONNECT ON DATABASE "closed" TO "limited_admin"';
      expect(refused.body.error).toContain(remedy);
      await server.query(remedy);
    }
    const { status, body } = await create();
    expect(status, body.error).toBe(200);
    expect(await attempt({ user: 'guest', password: body.password, database: 'closed' }, 'SELECT 1')).toBeUndefined();
    expect(await attempt({ ...reader, database: 'closed' }, 'SELECT 1').catch((error) => error.code)).toBe('42501');
  });

  test('privileges are granted on a schema, now and later, and revoked', async () => {
    const guest = await made('devqa', 'guest2');
    await server.query(
      `CREATE SCHEMA vault; CREATE TABLE vault.keys (id int); CREATE VIEW vault.shown AS SELECT 1 AS id`,
      owner,
    );
    await server.query('REVOKE ALL ON ALL TABLES IN SCHEMA vault FROM shop_devqa', owner);
    await server.query('REVOKE USAGE ON SCHEMA vault FROM shop_devqa', owner);
    expect(await attempt(guest, 'SELECT * FROM vault.keys')).toBe('42501');
    const grant = { schema: 'vault', objects: 'tables', privileges: ['SELECT'], later: true };
    const granted = await call('/grants', { ...grant, to: ['guest2'] });
    expect(granted.status, granted.body.error).toBe(200);
    expect(granted.body).toMatchObject({ env, database: 'shop', status: 'granted', steps: expect.any(Array) });
    await server.query('CREATE TABLE vault.later (id int)', owner);
    await server.query('REVOKE ALL ON vault.later FROM shop_devqa', owner);
    for (const relation of ['vault.keys', 'vault.shown', 'vault.later']) {
      expect(await attempt(guest, `SELECT * FROM ${relation}`), relation).toBeUndefined();
    }
    expect((await call('/grants', { ...grant, to: ['guest2'] })).body.steps).toEqual([]);
    const revoked = await call('/revokes', { ...grant, from: ['guest2'] });
    expect(revoked.status, revoked.body.error).toBe(200);
    await server.query('CREATE TABLE vault.last (id int)', owner);
    await server.query('REVOKE ALL ON vault.last FROM shop_devqa', owner);
    for (const relation of ['vault.keys', 'vault.shown', 'vault.later', 'vault.last']) {
      expect(await attempt(guest, `SELECT * FROM ${relation}`), relation).toBe('42501');
    }
  });

  test('a user who may read is dropped without a trace, and what nobody consented to is not', async () => {
    // What it could create where the admin role may not close the schema.
    await server.query('DROP TABLE IF EXISTS public.prices_copy', { database: 'shop' });
    const dropped = await call('/users/drop', { username: 'reader' });
    expect(dropped.body, dropped.body.error).toMatchObject({
      username: 'reader',
      password: null,
      status: 'user dropped',
    });
    expect(await server.query(`SELECT 1 FROM pg_roles WHERE rolname = 'reader'`)).toEqual([]);
    const owning = await call('/users/drop', { username: 'lead' });
    expect(owning.status).toBe(403);
    expect(owning.body.error).toContain('it owns 1 relation');
    const consented = await call('/users/drop', { username: 'lead', reassign_owned: true });
    expect(consented.body, consented.body.error).toMatchObject({ status: 'user dropped' });
    expect((await call('/users/drop', { username: 'lead' })).body.status).toBe('user not found');
  });
});
