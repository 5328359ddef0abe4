/** Who may change whom, repetitions, many callers at once, links to passwords, many users in one request. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePerson } from '../support/accounts.ts';
import { until } from '../support/follow.ts';
import { startUsers, type User, type UsersStack } from './support/users.ts';

let users: UsersStack;
/** An operator without a scope: what the Basic pair is. */
let operator: Record<string, string>;
beforeAll(async () => {
  users = await startUsers();
  await users.register({ env: 'dev', database: 'shop' });
  await users.register({ env: 'qa', database: 'shop_qa' });
  operator = (await makePerson(users.stack, { role: 'operator' })).credentials;
});
afterAll(() => users.stop());

const place = { env: 'dev', database: 'shop' };
const post = (path: string, more: Record<string, unknown>, headers = operator) =>
  users.post(path, { ...place, ...more }, headers);
const make = async (username: string, kind = 'devqa') => {
  const { status, body } = await post(`/users/${kind}`, { username });
  expect(status, body.error).toBe(200);
  return body;
};
const sql = (text: string) => users.stack.target.query(text);
const audit = async (where: string) =>
  (await users.stack.control.db.query(`SELECT * FROM audit_log WHERE ${where} ORDER BY id`)).rows;

describe('many callers at once', () => {
  test.each([20, 100])('%i calls for different names make as many users', async (count) => {
    const names = Array.from({ length: count }, (_, index) => `crowd_${count}_${index}`);
    const answers = await Promise.all(names.map((username) => post('/users/devqa', { username })));
    expect(answers.map(({ body }) => body.error ?? body.status)).toEqual(names.map(() => 'user created'));
    expect(new Set(answers.map(({ body }) => body.password)).size).toBe(count);
    const made = await sql(`SELECT 1 FROM pg_roles WHERE rolname ~ '^crowd_${count}_'`);
    expect(made).toHaveLength(count);
    for (const { body } of answers.slice(0, 3)) await users.as(body, 'SELECT 1');
  });

  test.each([20, 100])('%i calls for one name make it once, with one password that logs in', async (count) => {
    const username = `one_of_${count}`;
    const kinds = ['devqa', 'readonly', 'devlead'];
    const answers = await Promise.all(
      Array.from({ length: count }, (_, index) => post(`/users/${kinds[index % kinds.length]}`, { username })),
    );
    const created = answers.filter(({ body }) => body.status === 'user created');
    expect(created).toHaveLength(1);
    await users.as(created[0]?.body, 'SELECT 1');
    const others = answers.filter((answer) => answer !== created[0]);
    expect(others.map(({ body }) => [body.status, body.password])).toEqual(
      others.map(() => ['user already exists', null]),
    );
  });

  test('resets of one user that wait together are one, and all callers get that password', async () => {
    await make('shared');
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/users/reset', { username: 'shared' })));
    expect(answers.map(({ body }) => body.status)).toEqual(answers.map(() => 'password reset'));
    const [row] = await sql(`SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = 'shared'`);
    expect(row).toBeDefined();
    // Those that came together have the same; whoever came after them has the last one.
    const passwords = new Set(answers.map(({ body }) => body.password));
    const logins = await Promise.all(
      [...passwords].map((password) =>
        users.as({ username: 'shared', password, database: 'shop' }, 'SELECT 1').then(
          () => true,
          () => false,
        ),
      ),
    );
    expect(logins.filter(Boolean)).toHaveLength(1);
    expect(passwords.size).toBeLessThan(20);
    const shared = await users.stack.control.db.query(
      `SELECT r.result ->> 'shared_with' AS leader FROM access_requests r WHERE r.result ? 'shared_with'
         AND r.options -> 'condition' ->> 'role' = 'shared'`,
    );
    expect(shared.rows.length).toBeGreaterThan(0);
    // Each of them saw another request's secret, which is on record.
    expect((await audit(`kind = 'reveal' AND resource = 'server/host-1/role/shared'`)).length).toBe(shared.rows.length);
  });
});

describe('repetitions', () => {
  test('the same call under the same key has the same answer, by GET and by POST; another call with the key is refused', async () => {
    const headers = { ...operator, 'Idempotency-Key': randomUUID() };
    const first = await users.get('/users/readonly', { ...place, username: 'keyed' }, headers);
    const second = await post('/users/readonly', { username: 'keyed' }, headers);
    expect(first.body).toMatchObject({ status: 'user created', password: expect.any(String) });
    expect(second.body).toEqual(first.body);
    expect((await audit(`kind = 'reveal' AND resource = 'server/host-1/role/keyed'`)).length).toBe(1);
    const other = await post('/users/readonly', { username: 'keyed_other' }, headers);
    expect([other.status, Object.keys(other.body)]).toEqual([409, ['error']]);
    const stranger = (await makePerson(users.stack, { role: 'operator' })).credentials;
    const theirs = await post('/users/readonly', { username: 'keyed' }, { ...headers, ...stranger });
    expect(theirs.body).toMatchObject({ status: 'user already exists', password: null });
  });

  test('after ten minutes the password is gone, and the answer tells the rest', async () => {
    const headers = { ...operator, 'Idempotency-Key': randomUUID() };
    const first = await post('/users/reset', { username: 'keyed' }, headers);
    expect(first.body.password).toEqual(expect.any(String));
    await users.stack.control.db.query(
      `UPDATE tasks SET created_at = created_at - interval '11 minutes' WHERE id = (SELECT max(id::text)::uuid FROM tasks)`,
    );
    expect((await post('/users/reset', { username: 'keyed' }, headers)).body).toEqual({
      ...first.body,
      password: null,
    });
  });
});

describe('who may be changed', () => {
  const refused = async (path: string, username: string, reason: string, more: Record<string, unknown> = {}) => {
    const { status, body } = await post(path, { username, ...more });
    expect([path, status, body.error]).toEqual([path, 403, expect.stringContaining(reason)]);
  };
  const CHANGES = ['/users/reset', '/users/search-path', '/users/disable', '/users/drop'];

  beforeAll(async () => {
    await sql(`CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE maker CREATEROLE LOGIN; CREATE ROLE heir LOGIN IN ROLE boss;
      CREATE ROLE reaching LOGIN IN ROLE pg_execute_server_program; CREATE ROLE plain LOGIN`);
    await users.stack.control.db.query(
      `INSERT INTO credentials (server_name, role_name, owner, origin, version) VALUES ('host-1', 'owned', 'rotation/x', 'engine', 1)`,
    );
    await sql('CREATE ROLE owned LOGIN');
  });

  test.each([
    ['a superuser', 'boss', 'is a superuser'],
    ['one who can make roles', 'maker', 'has CREATEROLE'],
    ['a role of PostgreSQL itself', 'pg_monitor', 'role of PostgreSQL itself'],
    ["the control plane's own role", 'postgres', "the control plane's own role"],
    ['a role of another owner', 'owned', 'belongs to rotation/x'],
    ['a group of users', 'shop_devqa', 'belongs to users'],
  ])('%s is changed by nobody who is no administrator', async (_, username, reason) => {
    await make(`group_maker_${randomUUID().slice(0, 8)}`);
    for (const path of CHANGES) await refused(path, username, reason);
  });

  test('nor is who can become a superuser, or reaches the host of the server', async () => {
    for (const path of CHANGES.slice(0, 3)) {
      await refused(path, 'heir', 'it is a superuser, through membership in "boss"');
      await refused(path, 'reaching', 'reaches the host of the server');
    }
  });

  test('an administrator may override that, others may not say so, and some roles nobody changes', async () => {
    await refused('/users/reset', 'maker', 'only administrators', { override: true });
    const { status, body } = await users.post('/users/reset', { ...place, username: 'maker', override: true });
    expect(status, body.error).toBe(200);
    await users.as(body, 'SELECT 1');
    for (const username of ['boss', 'owned']) {
      const answer = await users.post('/users/reset', { ...place, username, override: true });
      expect(answer.status, answer.body.error).toBe(200);
    }
    for (const username of ['postgres', 'pg_monitor']) {
      expect((await users.post('/users/reset', { ...place, username, override: true })).status).toBe(403);
    }
  });

  test('a database administrator who was made here is changed by administrators only', async () => {
    await make('dba_here', 'dba');
    await refused('/users/reset', 'dba_here', 'has CREATEROLE');
    expect((await users.get('/users/reset', { ...place, username: 'dba_here', override: 'true' })).status).toBe(200);
  });

  test('what nobody made here is changed, as published, and nothing of a refusal is done', async () => {
    const [before] = await sql(`SELECT rolpassword FROM pg_authid WHERE rolname = 'heir'`);
    await refused('/users/reset', 'heir', 'superuser');
    expect(await sql(`SELECT rolpassword FROM pg_authid WHERE rolname = 'heir'`)).toEqual([before]);
    const { body } = await post('/users/reset', { username: 'plain' });
    await users.as(body, 'SELECT 1');
  });

  test('callers of one environment do not change users of another one on the same server', async () => {
    const qa = (await makePerson(users.stack, { role: 'operator', scope: { environments: ['qa'] } })).credentials;
    await make('of_dev');
    const at = { env: 'qa', database: 'shop_qa' };
    for (const path of CHANGES) {
      const { status, body } = await users.post(path, { ...at, username: 'of_dev' }, qa);
      expect([path, status, body.error]).toEqual([path, 403, expect.stringContaining('made for another environment')]);
      const plain = await users.post(path, { ...at, username: 'plain' }, qa);
      expect([path, plain.status, plain.body.error]).toEqual([
        path,
        403,
        expect.stringContaining('others share the server'),
      ]);
    }
    const seen = await users.get('/users/all', at, qa);
    const names = seen.body.users.map(({ username }: { username: string }) => username);
    expect(names).toContain('plain');
    expect(names).not.toContain('of_dev');
    expect((await users.get('/users/find', { ...at, username: 'of_dev' }, qa)).body.found).toBe(false);
    const own = await users.post('/users/devqa', { ...at, username: 'of_qa' }, qa);
    expect((await users.post('/users/reset', { ...at, username: 'of_qa' }, qa)).status).toBe(200);
    expect(own.body.status).toBe('user created');
  });

  test('the policy of the environment is asked, and its rule is told', async () => {
    const policy = await users.stack.call('PUT', '/v1/policies/qa', { preset: 'article', production: true });
    expect(policy.status, JSON.stringify(policy.body)).toBe(200);
    const { status, body } = await users.post(
      '/users/devlead',
      { env: 'qa', database: 'shop_qa', username: 'lead' },
      operator,
    );
    expect([status, body.error]).toEqual([403, expect.stringContaining('(kinds)')]);
    expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname = 'lead'`)).toEqual([]);
  });
});

describe('disabled users', () => {
  test('a user who is disabled has no session any more and gets none, until it is enabled', async () => {
    const user = await make('sometimes');
    const open = users.as<{ ended: boolean }>(user, 'SELECT pg_sleep(60)').then(
      () => 'went on',
      (error: Error) => error.message,
    );
    await until(async () => (await sql(`SELECT 1 FROM pg_stat_activity WHERE usename = 'sometimes'`))[0]);
    const { body } = await post('/users/disable', { username: 'sometimes' });
    expect(body).toMatchObject({ username: 'sometimes', password: null, status: 'user disabled' });
    expect(await open).toMatch(/terminating connection|Connection terminated/);
    await expect(users.as(user, 'SELECT 1')).rejects.toThrow('not permitted to log in');
    expect((await post('/users/enable', { username: 'sometimes' })).body.status).toBe('user enabled');
    await users.as(user, 'SELECT 1');
    expect((await post('/users/disable', { username: 'nobody' })).body.status).toBe('user not found');
  });

  test('only what was made or disabled here is enabled: a group does not become a login', async () => {
    await sql('CREATE ROLE team NOLOGIN');
    const { status, body } = await post('/users/enable', { username: 'team' });
    expect([status, body.error]).toEqual([403, expect.stringContaining('neither made nor disabled')]);
    await post('/users/disable', { username: 'plain' });
    expect((await post('/users/enable', { username: 'plain' })).status).toBe(200);
  });
});

describe('passwords behind links', () => {
  const follow = (url: string, init: RequestInit = {}) => users.stack.as({}).request(new URL(url).pathname, init);

  test('the password is not in the answer; looking at the link shows nothing, opening it shows it once', async () => {
    const headers = { ...operator, 'Idempotency-Key': randomUUID() };
    const { body } = await post(
      '/users/readonly',
      { username: 'linked', handover: 'link', handover_hours: 2 },
      headers,
    );
    expect(body).toMatchObject({ password: null, status: 'user created' });
    const { url, expires_at: expiresAt } = body.handover;
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(1.9 * 3_600_000);
    // The same request again gets the same link.
    const again = await post('/users/readonly', { username: 'linked', handover: 'link', handover_hours: 2 }, headers);
    expect(again.body).toEqual(body);
    for (let look = 0; look < 3; look += 1) {
      expect(await (await follow(url)).json()).toEqual({ status: 'waiting', expires_at: expiresAt });
    }
    const page = await follow(url, { headers: { Accept: 'text/html' } });
    expect(page.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('<form method="post">');
    const prefetch = await follow(url, { method: 'POST', headers: { 'Sec-Purpose': 'prefetch' } });
    expect(prefetch.status).toBe(403);
    const opened = await Promise.all(Array.from({ length: 5 }, () => follow(url, { method: 'POST' })));
    expect(opened.map(({ status }) => status).toSorted()).toEqual([200, 404, 404, 404, 404]);
    const shown = (await opened.find(({ status }) => status === 200)?.json()) as User;
    await users.as(shown, 'SELECT 1');
    expect(await (await follow(url)).json()).toEqual({ error: expect.stringContaining('shows nothing') });
    expect(
      (await post('/users/readonly', { username: 'linked', handover: 'link', handover_hours: 2 }, headers)).body,
    ).toEqual({
      ...body,
      handover: null,
    });
    expect(await audit(`kind = 'reveal' AND resource = 'server/host-1/role/linked'`)).toMatchObject([
      { actor: 'handover', detail: { env: 'dev', database: 'shop' } },
    ]);
  });

  test('a link is nowhere at rest, and goes with its password when its time is over', async () => {
    const { body } = await post('/users/reset', { username: 'linked', handover: 'link' });
    const token = new URL(body.handover.url).pathname.split('/').at(-1) ?? '';
    const { rows } = await users.stack.control.db.query('SELECT * FROM handovers');
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(await users.stack.log()).not.toContain(token);
    await users.stack.control.db.query(`UPDATE handovers SET expires_at = now() WHERE role_name = 'linked'`);
    expect((await follow(body.handover.url, { method: 'POST' })).status).toBe(404);
    await until(async () => {
      const left = await users.stack.control.db.query(
        `SELECT 1 FROM handovers WHERE role_name = 'linked' UNION ALL SELECT 1 FROM secrets WHERE owner LIKE 'handover/%'`,
      );
      return left.rowCount === 0 ? true : undefined;
    });
  });

  test('a person who opens the link sees the password on a page', async () => {
    const { body } = await post('/users/reset', { username: 'linked', handover: 'link' });
    const page = await (await follow(body.handover.url, { method: 'POST', headers: { Accept: 'text/html' } })).text();
    const password = /<th align="left">password<\/th><td><code>([^<]+)</.exec(page)?.[1];
    await users.as({ username: 'linked', password: password ?? '', database: 'shop' }, 'SELECT 1');
  });
});

describe('many users in one request', () => {
  test('each has its own result, and one that fails harms no other', async () => {
    await make('there_before');
    const headers = { ...operator, 'Idempotency-Key': randomUUID() };
    const list = [
      { kind: 'app', ...place, servername: 'bulk', port: 8080 },
      { kind: 'readonly', ...place, username: 'bulk_reader' },
      { kind: 'devqa', ...place, username: 'there_before' },
      { kind: 'devqa', ...place, username: 'bad name' },
      { kind: 'devqa', env: 'nope', database: 'shop', username: 'lost' },
      { kind: 'devqa', ...place },
      { kind: 'devlead', env: 'qa', database: 'shop_qa', username: 'refused' },
      { kind: 'devqa', ...place, username: 'bulk_twice' },
      { kind: 'devqa', ...place, username: 'bulk_twice' },
    ];
    const { status, body } = await users.post('/users/bulk', { users: list }, headers);
    expect(status, body.error).toBe(200);
    expect(body.results.map((result: Record<string, unknown>) => [result.code, result.status ?? result.error])).toEqual(
      [
        [200, 'user created'],
        [200, 'user created'],
        [200, 'user already exists'],
        [400, expect.stringContaining('username: must start with')],
        [404, "No registry entry found for env='nope' database='shop'"],
        [400, '"username" is missing from users[5]'],
        [403, expect.stringContaining('(kinds)')],
        [200, 'user created'],
        [200, 'user already exists'],
      ],
    );
    expect(body).toMatchObject({ count: 9, created: 3 });
    await users.as(body.results[0], 'SELECT 1');
    const again = await users.post('/users/bulk', { users: list }, headers);
    expect(again.body).toEqual(body);
  });

  test('hundreds are made in one request', async () => {
    const list = Array.from({ length: 300 }, (_, index) => ({
      kind: 'app',
      ...place,
      servername: 'many',
      port: 1000 + index,
    }));
    const { body } = await users.post('/users/bulk', { users: list }, operator);
    expect(body).toMatchObject({ count: 300, created: 300 });
    expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname ~ '^many_1'`)).toHaveLength(300);
    const { status } = await users.post('/users/bulk', { users: Array.from({ length: 501 }, () => list[0]) }, operator);
    expect(status).toBe(400);
  });
});

describe('a server that cannot be used', () => {
  const WRONG_PASSWORD = 'password authentication failed for user "postgres"';

  test('wrong admin credentials are told, and nobody is made', async () => {
    const { adminPassword, adminUser } = users.stack.target.address;
    const asNow = (password: string) => (text: string) => users.stack.target.query(text, { user: adminUser, password });
    await asNow(adminPassword)(`ALTER ROLE ${adminUser} PASSWORD 'another';
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = '${adminUser}'`);
    try {
      const answer = await post('/users/devqa', { username: 'unlucky' });
      expect([answer.status, answer.body.error]).toEqual([500, expect.stringContaining(WRONG_PASSWORD)]);
      const found = await users.get('/users/find', { ...place, username: 'x' });
      expect([found.status, found.body.error]).toEqual([500, expect.stringContaining(WRONG_PASSWORD)]);
    } finally {
      await asNow('another')(`ALTER ROLE ${adminUser} PASSWORD '${adminPassword}'`);
    }
    expect((await post('/users/devqa', { username: 'lucky' })).status).toBe(200);
    expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname = 'unlucky'`)).toEqual([]);
  });

  test('an unreachable server is told, and the user who was asked for in vain does not appear later', async () => {
    await make('before_the_stop');
    await users.stack.target.stopServer();
    const answers = await Promise.all([
      post('/users/devqa', { username: 'in_vain' }),
      users.get('/users/all', place),
      post('/users/drop', { username: 'before_the_stop' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    for (const { body } of answers) expect(body).toEqual({ error: expect.any(String) });
    await users.stack.target.startServer();
    await make('after_the_stop');
    expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname = 'in_vain'`)).toEqual([]);
  });
});
