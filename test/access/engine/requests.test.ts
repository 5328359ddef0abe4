import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Engine, startEngine } from './support/engine.ts';
import { createShop, SHOP_ROLES } from './support/shop.ts';

const CASES = testMajors().flatMap((major) => (['superuser', 'limited'] as const).map((admin) => ({ major, admin })));

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

describe.each(CASES)('PostgreSQL $major, admin role: $admin', ({ major, admin }) => {
  const name = `pg-${major}-${admin}`;
  const base = `/v1/servers/${name}`;
  let server: VersionedServer;

  beforeAll(async () => {
    server = await startServerOf(major);
    await engine.register(name, server, admin);
    await engine.applied(name, SHOP_ROLES);
    await createShop(server);
  });
  afterAll(() => server.stop());

  const put = (role: string, body: unknown, headers?: Record<string, string>) =>
    engine.stack.call('PUT', `${base}/roles/${role}`, body, headers);

  test('a role is created with a generated password that it can log in with', async () => {
    const { status, body } = await put('app_1', {
      login: true,
      generate_password: true,
      prove_login: true,
      connection_limit: 20,
      member_of: ['readers'],
      settings: [{ name: 'search_path', value: 'app, public', database: 'shop' }],
    });
    expect(status, body.message).toBe(200);
    expect(body).toMatchObject({ name: 'app_1', created: true, password_set: true, login: { proven: true } });
    const [row] = await server.query<{ path: string }>(`SELECT current_setting('search_path') AS path`, {
      user: 'app_1',
      password: body.password,
      database: 'shop',
    });
    expect(row?.path).toBe('app, public');
  });

  test('the same request again changes nothing', async () => {
    const request = { login: true, connection_limit: 20, member_of: ['readers'] };
    expect((await put('app_1', request)).body).toMatchObject({ created: false, steps: [] });
  });

  test('the same request under the same key gets the same password; another request with that key is refused', async () => {
    const headers = { 'idempotency-key': `key-of-${name}` };
    const request = { login: true, generate_password: true };
    const [first, second] = [await put('keyed', request, headers), await put('keyed', request, headers)];
    expect(second.body.password).toBe(first.body.password);
    expect(second.body.task_id).toBe(first.body.task_id);
    expect((await put('keyed', { login: false }, headers)).status).toBe(409);
    const { rows } = await engine.stack.control.db.query(
      `SELECT 1 FROM audit_log WHERE kind = 'reveal' AND task_id = $1`,
      [first.body.task_id],
    );
    expect(rows).toHaveLength(1);
  });

  test('a role is shown with what it has', async () => {
    const { status, body } = await engine.stack.call('GET', `${base}/roles/app_1`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'app_1', login: true, connection_limit: 20, comment: null });
    expect(body.member_of).toMatchObject([{ role: 'readers', member: 'app_1' }]);
    expect(body.settings).toEqual([{ name: 'search_path', value: 'app, public', database: 'shop' }]);
    expect((await engine.stack.call('GET', `${base}/roles/nobody`)).status).toBe(404);
  });

  test('a membership is granted and ended', async () => {
    const path = `${base}/roles/writers/members/app_1`;
    expect((await engine.stack.call('PUT', path, {})).status).toBe(200);
    const member = async () =>
      (await server.query<{ yes: boolean }>(`SELECT pg_has_role('app_1', 'writers', 'MEMBER') AS yes`))[0]?.yes;
    expect(await member()).toBe(true);
    expect((await engine.stack.call('DELETE', path)).status).toBe(200);
    expect(await member()).toBe(false);
  });

  test('a privilege is granted and revoked', async () => {
    const on = { kind: 'table', schema: 'app', names: ['orders'] };
    const may = async () =>
      (
        await server.query<{ yes: boolean }>(`SELECT has_table_privilege('writers', 'app.orders', 'TRUNCATE') AS yes`, {
          database: 'shop',
        })
      )[0]?.yes;
    const granted = await engine.stack.call('POST', `${base}/grants`, {
      database: 'shop',
      on,
      privileges: ['TRUNCATE'],
      to: ['writers'],
    });
    expect(granted.status, granted.body.message).toBe(200);
    expect(await may()).toBe(true);
    const revoked = await engine.stack.call('POST', `${base}/revokes`, {
      database: 'shop',
      on,
      privileges: ['TRUNCATE'],
      from: ['writers'],
    });
    expect(revoked.status, revoked.body.message).toBe(200);
    expect(await may()).toBe(false);
  });

  test('a mistake is told with its path, and with nothing done', async () => {
    const { status, body } = await put('app_2', { login: true, conection_limit: 3 });
    expect(status).toBe(400);
    expect(body.message).toContain('conection_limit');
    const missing = await put('app_2', { login: true, member_of: ['no_such_group'] });
    expect(missing.status).toBe(400);
    expect(missing.body.message).toContain('no_such_group');
    expect(await server.query(`SELECT 1 FROM pg_roles WHERE rolname = 'app_2'`)).toEqual([]);
  });

  test('names that are reserved, too long or poison elsewhere are refused with the reason', async () => {
    for (const [role, reason] of [
      ['pg_mine', 'pg_'],
      ['all', 'all'],
      ['x'.repeat(63).replace(/^./, '\u00e9'), '63 bytes'],
      ['pgsteward_x', 'pgsteward'],
    ] as const) {
      const { status, body } = await put(encodeURIComponent(role), { login: false });
      expect(status, role).toBe(400);
      expect(body.message).toContain(reason);
    }
  });

  test('one request that cannot succeed harms no other that is carried out with it', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        i === 5
          ? put('bad_one', { login: true, settings: [{ name: 'work_mem', value: 'much' }] })
          : put(`good_${i}`, { login: true, generate_password: true }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, i) => (i === 5 ? 400 : 200)));
    const rows = await server.query(`SELECT 1 FROM pg_roles WHERE rolname ~ '^good_'`);
    expect(rows).toHaveLength(11);
    expect(await server.query(`SELECT 1 FROM pg_roles WHERE rolname = 'bad_one'`)).toEqual([]);
  });

  test('an uncommitted change in somebody else\u2019s session holds up its own role only', async () => {
    await put('held', { login: false });
    const psql = await server.connect({ as: admin });
    try {
      await psql.query('BEGIN');
      await psql.query('ALTER ROLE held CONNECTION LIMIT 1');
      const waiting = put('held', { connection_limit: 9 });
      const others = await Promise.all(Array.from({ length: 6 }, (_, i) => put(`free_${i}`, { login: true })));
      expect(others.map(({ status }) => status)).toEqual(others.map(() => 200));
      const [held] = await server.query<{ limit: number }>(
        `SELECT rolconnlimit AS limit FROM pg_roles WHERE rolname = 'held'`,
      );
      expect(held?.limit).toBe(-1);
      await psql.query('COMMIT');
      const { status, body } = await waiting;
      expect(status, body.message).toBe(200);
      const [after] = await server.query<{ limit: number }>(
        `SELECT rolconnlimit AS limit FROM pg_roles WHERE rolname = 'held'`,
      );
      expect(after?.limit).toBe(9);
    } finally {
      await psql.end();
    }
  });
});
