import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, startEngine } from '../access/engine/support/engine.ts';
import { createShop, SHOP_ROLES, shopRights } from '../access/engine/support/shop.ts';
import { bareRequest } from '../api/support/requests.ts';
import { create, remove, taskEnded, until } from '../support/follow.ts';
import { startServerOf, testMajors, type VersionedServer } from '../support/versions.ts';
import { type Guard, guardOf, keepPassword } from './support/guard.ts';

const run = promisify(execFile);

/** The oldest and the newest: with and without grantors of memberships. */
const CASES = testMajors()
  .filter((major) => major === 13 || major === 18)
  .flatMap((major) => (['superuser', 'limited'] as const).map((admin) => ({ major, admin })));

const KEPT = 'c4nary-kept-password';
const OTHER = 'c4nary-another-password';

const orders = { kind: 'table', schema: 'app', names: ['orders'] };
const DOCUMENT = {
  roles: [...SHOP_ROLES.roles, { name: 'spare', login: false }],
  databases: [
    {
      ...shopRights(),
      exact_grantees: ['writers'],
      owners: [{ on: orders, owner: 'shop_owner' }],
    },
  ],
};

/** What somebody does by hand, by the kind of drift that it is; in database shop where that matters. */
const BY_HAND: Readonly<Record<string, string>> = {
  login: 'ALTER ROLE ann NOLOGIN',
  attributes: 'ALTER ROLE bob CREATEDB',
  connection_limit: 'ALTER ROLE ann CONNECTION LIMIT 50',
  valid_until: `ALTER ROLE bob VALID UNTIL '2040-01-01'`,
  comment: `COMMENT ON ROLE readers IS 'whatever'`,
  settings: `ALTER ROLE kept SET work_mem = '64MB'`,
  memberships: 'GRANT writers TO kept',
  ownership: 'ALTER TABLE app.orders OWNER TO readers',
  privileges: 'REVOKE SELECT ON app.customers FROM readers; GRANT DELETE ON app.customers TO writers',
  default_privileges:
    'ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA app REVOKE USAGE ON SEQUENCES FROM writers',
  missing_role: 'DROP ROLE spare',
};

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

describe.each(CASES)('PostgreSQL $major, admin role: $admin', ({ major, admin }) => {
  const name = `pg-${major}-${admin}`;
  let server: VersionedServer;
  let guard: Guard;

  const put = async (role: string, body: unknown) => {
    const answer = await engine.stack.call('PUT', `/v1/servers/${name}/roles/${role}`, body);
    expect(answer.status, answer.body.message).toBe(200);
  };
  const shop = (sql: string) => server.query(sql, { database: 'shop' });
  const logsIn = (role: string, password: string) =>
    server.query('SELECT 1', { user: role, password }).then(
      () => true,
      () => false,
    );
  const state = async () => {
    const [row] = await server.query<{ state: string }>(
      `SELECT string_agg(concat_ws(' ', rolname, rolcanlogin, rolcreatedb, rolconnlimit, rolvaliduntil, rolconfig), ';' ORDER BY rolname)
         || (SELECT string_agg(concat_ws(' ', roleid::regrole, member::regrole), ';' ORDER BY 1) FROM pg_auth_members) AS state
       FROM pg_roles`,
    );
    return row?.state;
  };

  beforeAll(async () => {
    server = await startServerOf(major);
    await engine.register(name, server, admin);
    await engine.applied(name, SHOP_ROLES);
    await createShop(server);
    await put('kept', { login: true, password: KEPT });
    await put('forgotten', { login: true, password: KEPT });
    await keepPassword(engine, { server: name, role: 'kept', password: KEPT });
    await engine.applied(name, DOCUMENT);
    guard = guardOf(engine, name);
  });
  afterAll(() => server.stop());

  test('a server that is as it was applied has not drifted', async () => {
    const result = await guard.check();
    expect(await guard.findings()).toEqual([]);
    expect(result).toMatchObject({ found: 0 });
    expect(await guard.drift()).toMatchObject({
      managed_document: { source: 'applied' },
      guarded: { passwords: admin === 'superuser' ? 'compared' : 'proven by logins', passwords_kept: 1 },
    });
  });

  test('a server that has not changed is asked for fingerprints and nothing else', async () => {
    await guard.tick();
    const before = (await server.log()).length;
    expect(await guard.tick()).toMatchObject({ inspected: false });
    const asked = (await server.log()).slice(before);
    expect(asked.match(/SELECT md5\(concat_ws/g)).toHaveLength(2);
    expect(asked).not.toContain('json_build_array');
    await server.query('ALTER ROLE ann CONNECTION LIMIT 6');
    expect(await guard.tick()).toMatchObject({ inspected: true });
    expect(await guard.findings()).toMatchObject([
      { kind: 'connection_limit', role: 'ann', found: 'connection_limit 6' },
    ]);
    await server.query('ALTER ROLE ann CONNECTION LIMIT 5');
    await guard.tick();
    expect(await guard.findings('?state=resolved')).toMatchObject([{ kind: 'connection_limit', role: 'ann' }]);
  });

  test('what is changed through this installation is no drift', async () => {
    await put('kept', { connection_limit: 3, settings: [{ name: 'statement_timeout', value: '1min' }] });
    await put('later', { login: true, member_of: ['readers'] });
    await guard.check();
    expect(await guard.findings()).toEqual([]);
  });

  test('every kind of drift is found, and nothing is changed unless the policy says so', async () => {
    // What a superuser granted only a superuser can take back, from 16 on.
    await server.query(BY_HAND.memberships ?? '', { as: admin });
    for (const [kind, sql] of Object.entries(BY_HAND)) if (kind !== 'memberships') await shop(sql);
    const before = await state();
    await guard.check();
    const found = await guard.findings();
    expect([...new Set(found.map(({ kind }) => kind))].sort()).toEqual(Object.keys(BY_HAND).sort());
    expect(found.every(({ state: of, held_back: held }) => of === 'open' && held === undefined)).toBe(true);
    expect(await state()).toBe(before);
    const { rows } = await engine.stack.control.db.query<{ action: string; detail: { total: number } }>(
      `SELECT action, detail FROM audit_log WHERE actor = 'pgsteward:drift-guard' AND resource = $1 ORDER BY id DESC LIMIT 1`,
      [`server/${name}`],
    );
    expect(rows[0]).toMatchObject({ action: 'drift.find', detail: { total: found.length } });
  });

  test('in maintenance nothing is repaired, and reports go on', async () => {
    await guard.maintenance({ enabled: true, reason: 'moving disks' });
    await guard.policy({ comment: 'ignore', connection_limit: 'report' }, { default: 'repair' });
    const before = await state();
    expect(await guard.check()).not.toHaveProperty('repair_task_ids');
    expect(await state()).toBe(before);
    const repairable = (await guard.findings()).filter(({ kind }) => kind === 'login');
    expect(repairable).toMatchObject([{ held_back: expect.stringContaining('moving disks') }]);
    const { body } = await engine.stack.call('GET', `/v1/servers/${name}`);
    expect(body.maintenance).toMatchObject({ reason: 'moving disks', actor: 'admin', until: null });
    await guard.maintenance({ enabled: false });
    expect((await engine.stack.call('GET', `/v1/servers/${name}`)).body).not.toHaveProperty('maintenance');
  });

  test('what the policy says is repaired, the rest is reported or ignored', async () => {
    await guard.checkAndRepair();
    const kinds = async (query: string) => [...new Set((await guard.findings(query)).map(({ kind }) => kind))].sort();
    expect(await kinds('?state=open')).toEqual(['connection_limit']);
    expect(await kinds('?state=ignored')).toEqual(['comment']);
    const repaired = Object.keys(BY_HAND).filter((kind) => !['connection_limit', 'comment'].includes(kind));
    expect(await kinds('?state=repaired')).toEqual(repaired.sort());
    expect(await engine.plan(name, DOCUMENT)).toMatchObject({
      steps: [{ summary: expect.stringMatching(/ann|readers/) }, { summary: expect.stringMatching(/ann|readers/) }],
    });
    const { rows } = await engine.stack.control.db.query<{ kind: string }>(
      `SELECT kind FROM audit_log WHERE action = 'drift.repair' AND resource = $1 ORDER BY id`,
      [`server/${name}`],
    );
    expect(rows.map(({ kind }) => kind)).toEqual(['intent', 'outcome']);
  });

  test('a password that was changed by hand is found, and the one on record brought back', async () => {
    await server.query(`ALTER ROLE kept PASSWORD '${OTHER}'`);
    await server.query(`ALTER ROLE forgotten PASSWORD '${OTHER}'`);
    expect(await logsIn('kept', KEPT)).toBe(false);
    await guard.checkAndRepair();
    expect(await logsIn('kept', KEPT)).toBe(true);
    expect(await guard.findings('?state=repaired&kind=password')).toMatchObject([{ role: 'kept' }]);
    const open = await guard.findings('?kind=password');
    // Its password is not kept: the stored verifier tells that it is another one, and where that cannot be read nothing does.
    if (admin === 'superuser')
      expect(open).toMatchObject([{ role: 'forgotten', held_back: expect.stringContaining('not kept') }]);
    else expect(open).toEqual([]);
    const { rows } = await engine.stack.control.db.query(
      `SELECT version FROM credentials WHERE server_name = $1 AND role_name = 'kept'`,
      [name],
    );
    expect(rows).toEqual([{ version: 1 }]);
    // The schedule finds it, too: by xmin, or by a login that is due.
    await server.query(`ALTER ROLE kept PASSWORD '${OTHER}'`);
    await engine.stack.control.db.query('UPDATE guarded_roles SET proven_at = NULL WHERE server_name = $1', [name]);
    await until(async () => {
      await guard.tick();
      return (await logsIn('kept', KEPT)) ? true : undefined;
    });
    await put('forgotten', { password: KEPT });
    await guard.check();
    expect(await guard.findings('?kind=password')).toEqual([]);
    expect(await server.log()).not.toContain(KEPT);
  });

  test('somebody who keeps changing it back is left to people after a few repairs', async () => {
    await guard.policy({ login: 'repair' });
    for (let round = 1; round <= 3; round += 1) {
      await server.query('ALTER ROLE bob NOLOGIN');
      await guard.checkAndRepair();
    }
    await server.query('ALTER ROLE bob NOLOGIN');
    expect(await guard.check()).not.toHaveProperty('repair_task_ids');
    expect(await guard.findings('?kind=login')).toMatchObject([
      { role: 'bob', repairs: 3, held_back: expect.stringContaining('somebody else keeps changing it') },
    ]);
    expect((await guard.check({ resume: true })).repair_task_ids).toHaveLength(1);
  });

  test('a role that somebody put in the place of ours is reported and left alone', async () => {
    await guard.policy({}, { default: 'repair' });
    await guard.checkAndRepair();
    await server.query('DROP ROLE later; CREATE ROLE later LOGIN SUPERUSER');
    await guard.checkAndRepair();
    expect(await guard.findings('?kind=replaced_role')).toMatchObject([{ role: 'later', state: 'open' }]);
    const [row] = await server.query(`SELECT rolsuper FROM pg_roles WHERE rolname = 'later'`);
    expect(row).toEqual({ rolsuper: true });
    await server.query('DROP ROLE later');
    await guard.check();
    expect(await guard.findings('?kind=missing_role')).toMatchObject([{ role: 'later', state: 'open' }]);
    await engine.stack.call('DELETE', `/v1/servers/${name}/roles/later`);
    const gone = await until(async () => {
      await guard.check();
      return (await guard.findings('?state=resolved&kind=missing_role')).at(0);
    });
    expect(gone).toMatchObject({ role: 'later' });
  });

  test('what the admin role may not take back is reported with the statement that does', async () => {
    await guard.policy({}, { default: 'repair' });
    await server.query('CREATE ROLE out_of_reach; GRANT out_of_reach TO kept', { as: 'superuser' });
    await guard.checkAndRepair();
    const found = await guard.findings('?kind=memberships');
    if (admin === 'limited' && major >= 16) {
      expect(found).toMatchObject([
        { role: 'kept', held_back: expect.stringContaining('a superuser gives it with: GRANT "out_of_reach"') },
      ]);
    } else expect(found).toEqual([]);
    await server.query('DROP ROLE out_of_reach');
    await guard.check();
    expect(await guard.findings()).toEqual([]);
  });

  test('what a later request through this installation changed is reported against the document, and never turned back', async () => {
    const grant = { database: 'shop', on: orders, privileges: ['TRUNCATE'], to: ['writers'] };
    expect((await engine.stack.call('POST', `/v1/servers/${name}/grants`, grant)).status).toBe(200);
    expect(await guard.check()).not.toHaveProperty('repair_task_ids');
    expect(await guard.findings()).toMatchObject([
      {
        kind: 'privileges',
        source: 'document',
        role: 'writers',
        held_back: expect.stringContaining('a later request'),
      },
    ]);
    const revoke = { database: 'shop', on: orders, privileges: ['TRUNCATE'], from: ['writers'] };
    expect((await engine.stack.call('POST', `/v1/servers/${name}/revokes`, revoke)).status).toBe(200);
    await guard.check();
    expect(await guard.findings()).toEqual([]);
  });

  test('a document that was named comes before the one that was applied, until it is forgotten', async () => {
    const path = `/v1/servers/${name}/managed-document`;
    const named = { document: { roles: [{ name: 'ann', connection_limit: 77 }] } };
    expect((await engine.stack.call('PUT', path, named)).body).toMatchObject({ source: 'named', ...named });
    await guard.policy({}, { default: 'report' });
    await guard.check();
    expect(await guard.findings()).toMatchObject([
      { kind: 'connection_limit', role: 'ann', expected: 'connection_limit 77' },
    ]);
    const secret = { document: { roles: [{ name: 'ann', password: KEPT }] } };
    expect((await engine.stack.call('PUT', path, secret)).status).toBe(400);
    expect((await engine.stack.call('DELETE', path)).status).toBe(200);
    expect((await engine.stack.call('DELETE', path)).status).toBe(404);
    expect((await engine.stack.call('GET', path)).body).toMatchObject({ managed_document: { source: 'applied' } });
    await guard.check();
    expect(await guard.findings()).toEqual([]);
  });

  test('after an older metadata backup nothing is changed on the server: what it does not know is reported', async () => {
    await guard.policy({}, { default: 'repair' });
    await guard.checkAndRepair();
    const { db } = engine.stack.control;
    const tables = ['managed_documents', 'guarded_roles', 'drift_looks', 'credentials'];
    const saved = new Map<string, unknown[]>();
    for (const table of tables) {
      const { rows } = await db.query(`SELECT to_jsonb(t) AS row FROM ${table} t WHERE server_name = $1`, [name]);
      saved.set(
        table,
        rows.map(({ row }) => row),
      );
    }
    const { rows: before } = await db.query<{ now: string }>('SELECT now()::text AS now');
    await engine.applied(name, {
      ...DOCUMENT,
      roles: [...DOCUMENT.roles, { name: 'newer', login: true, member_of: ['writers'] }],
    });
    await put('kept', { connection_limit: 9, password: OTHER });
    for (const table of tables) {
      await db.query(`DELETE FROM ${table} WHERE server_name = $1`, [name]);
      await db.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(null::${table}, $1)`, [
        JSON.stringify(saved.get(table)),
      ]);
    }
    await db.query(`DELETE FROM tasks WHERE entity_id = $1 AND created_at > $2`, [name, before[0]?.now]);
    // A dump is restored into another database, a recovery goes on in another timeline: the stack itself cannot be moved.
    await db.query(`UPDATE drift_looks SET metadata = 'the one that the backup was made of' WHERE server_name = $1`, [
      name,
    ]);
    const untouched = await state();
    expect(await guard.check()).toMatchObject({ held_back: expect.stringContaining('metadata database') });
    expect(await guard.check()).not.toHaveProperty('repair_task_ids');
    expect(await state()).toBe(untouched);
    expect(await logsIn('kept', OTHER)).toBe(true);
    const found = await guard.findings();
    expect(found.map(({ kind, role }) => `${kind} ${role}`)).toEqual(
      expect.arrayContaining(['connection_limit kept', 'password kept']),
    );
    expect(
      found
        .filter(({ kind }) => kind !== 'replaced_role' && kind !== 'missing_role')
        .every(({ held_back: held }) => held !== undefined),
    ).toBe(true);
    await server.query(`ALTER ROLE kept CONNECTION LIMIT 3 PASSWORD '${KEPT}'; DROP ROLE newer`);
    await guard.check({ resume: true });
  });

  test('after a restored backup of the server all that is lost is reported, and nothing is repaired before somebody says so', async () => {
    await guard.policy({}, { default: 'repair' });
    await guard.checkAndRepair();
    // The backup has another password than the one on record.
    await server.query(`ALTER ROLE kept PASSWORD '${OTHER}'`);
    await server.whileStopped(async (dataDir) => {
      await run('cp', ['-a', dataDir, `${dataDir}-backup`]);
      expect(await guard.tick()).toMatchObject({ inspected: false, problem: expect.stringContaining(name) });
    });
    await guard.checkAndRepair();
    await put('kept', { connection_limit: 12 });
    await put('after_backup', { login: true });
    await server.query('CREATE TABLE ballast AS SELECT generate_series(1, 1000) AS n; SELECT pg_switch_wal()');
    await server.query('INSERT INTO ballast VALUES (1)');
    await guard.check();
    expect(await guard.findings()).toEqual([]);
    expect(await logsIn('kept', KEPT)).toBe(true);
    await server.whileStopped(async (dataDir) => {
      await rm(dataDir, { recursive: true });
      await run('cp', ['-a', `${dataDir}-backup`, dataDir]);
    });
    const restored = await state();
    expect(await guard.tick()).toMatchObject({ inspected: true, heldBack: expect.stringContaining('further back') });
    const found = (await guard.findings()).map(({ kind, role }) => `${kind} ${role}`);
    expect(found).toEqual(
      expect.arrayContaining(['connection_limit kept', 'password kept', 'missing_role after_backup']),
    );
    expect(await guard.check()).not.toHaveProperty('repair_task_ids');
    expect(await state()).toBe(restored);
    expect(await logsIn('kept', OTHER)).toBe(true);
    await guard.check({ resume: true });
    await guard.checkAndRepair();
    expect(await logsIn('kept', KEPT)).toBe(true);
    expect(await guard.findings()).toMatchObject([{ kind: 'missing_role', role: 'after_backup' }]);
  });

  test('the hygiene page escapes names, and says what is not known', async () => {
    await server.query('CREATE ROLE "<script>alert(1)</script>" LOGIN BYPASSRLS');
    const page = await engine.stack.request(`/v1/servers/${name}/hygiene`, { headers: { Accept: 'text/html' } });
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain(`default-src 'none'`);
    const html = await page.text();
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; has BYPASSRLS');
    expect(html).not.toContain('<script');
    expect(html).toContain('sessions were sampled every 300 s since');
    const text = await (await engine.stack.request(`/v1/servers/${name}/hygiene?format=text`)).text();
    expect(text).toContain('<script>alert(1)</script> has BYPASSRLS');
    const { body } = await engine.stack.call('GET', `/v1/servers/${name}/hygiene`);
    expect(body.findings).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ kind: 'public_connect', database: 'shop' })]),
    );
    const own = admin === 'superuser' ? 'postgres' : 'limited_admin';
    expect(body.logins.find(({ role }: { role: string }) => role === own).last_seen_at).not.toBeNull();
  });
});

describe('a managed database', () => {
  test('keeps the password of its user: one that was set by hand is found and brought back, and updates go on', async () => {
    const guard = guardOf(engine, 'host-1');
    const { stack } = engine;
    const request = bareRequest('guarded', { password: KEPT });
    expect(await create(stack, request)).toMatchObject({ status: 'completed' });
    await guard.policy({ password: 'repair', login: 'repair' });
    await guard.check();
    expect(await guard.findings()).toEqual([]);
    await stack.target.query(`ALTER ROLE guarded_app PASSWORD '${OTHER}' NOLOGIN`);
    await guard.checkAndRepair();
    expect((await guard.findings('?state=repaired')).map(({ kind }) => kind).sort()).toEqual(['login', 'password']);
    const login = { database: 'guarded', user: 'guarded_app', password: KEPT };
    const database = request.spec.database_name;
    await stack.target.query('SELECT 1', { ...login, database });
    const { spec } = bareRequest('guarded', { password: OTHER });
    const { body } = await stack.call('POST', '/v1/databases/guarded', { spec });
    expect(await taskEnded(stack, body.task)).toMatchObject({ status: 'completed' });
    await guard.check();
    expect(await guard.findings()).toEqual([]);
    await stack.target.query('SELECT 1', { ...login, database, password: OTHER });
    expect(await remove(stack, 'guarded')).toMatchObject({ status: 'completed' });
    await guard.check();
    expect(await guard.findings()).toEqual([]);
  });
});
