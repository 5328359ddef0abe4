/** The published user API as its clients use it: the article's own curl lines over a socket, shapes, texts, bad input. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi } from '../../worker/api-server.ts';
import { makePerson } from '../support/accounts.ts';
import { OPTIONAL, PARAMETERS, POSTED } from './support/corpus.ts';
import { type Answer, startUsers, type UsersStack } from './support/users.ts';

const run = promisify(execFile);

let users: UsersStack;
let port: string;
let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  users = await startUsers({
    env: {
      PG_API_USER: 'pgadmin',
      PG_API_PASS: 'Ch@ngeMe2024!',
      PGSTEWARD_LISTEN: '127.0.0.1:0',
      PGSTEWARD_USERS_LISTEN: '127.0.0.1:0',
    },
  });
  await users.register({ env: 'dev', database: 'myapp_dev' });
  await users.register({ env: 'prod', database: 'myapp_prod' });
  await users.register({ env: 'old', database: 'gone', active: false, create: false });
  await users.register({ env: 'dev', database: 'not_there', create: false });
  port = String(users.stack.target.address.endpoints[0]?.port);
  const { config, control, temporal } = users.stack;
  api = await startApi({ config, control, temporal, eagerStart: true, log: pino({ level: 'silent' }) });
});
afterAll(async () => {
  await api.stop();
  await users.stop();
});

const place = { env: 'dev', database: 'myapp_dev' };
const shown = (database = 'myapp_dev', env = 'dev') => ({ hostname: '127.0.0.1', database, port, env });
const PASSWORD = expect.stringMatching(/^[A-Za-z0-9_-]{22}$/);
const roles = async () => (await users.stack.target.inventory()).roles;

describe('the article, line by line', () => {
  /** Runs a line in a shell, as it stands in the article but for the port. */
  const shell = async (line: string) => {
    const { stdout } = await run('sh', ['-c', line.replace('localhost:5000', new URL(api.usersUrl ?? '').host)]);
    return JSON.parse(stdout);
  };

  test('creates a service account for a VM running on port 8080', async () => {
    const answer = await shell(String.raw`curl -s -u pgadmin:Ch@ngeMe2024! \
  "http://localhost:5000/api/v1/users/app?env=dev&database=myapp_dev&servername=web01&port=8080"`);
    expect(answer).toEqual({ username: 'web01_8080', password: PASSWORD, status: 'user created', ...shown() });
    expect(await users.as(answer, 'SELECT current_user AS who')).toEqual([{ who: 'web01_8080' }]);
  });

  test('creates a Kubernetes workload account', async () => {
    const answer = await shell(String.raw`curl -s -u pgadmin:Ch@ngeMe2024! \
  "http://localhost:5000/api/v1/users/app-k8s?env=dev&database=myapp_dev&env_prefix=dv&farmname=gearservice"`);
    expect(answer).toEqual({ username: 'dv_gearservice', password: PASSWORD, status: 'user created', ...shown() });
  });

  test('resets a forgotten password', async () => {
    const created = await users.get('/users/readonly', { env: 'prod', database: 'myapp_prod', username: 'analyst01' });
    const answer = await shell(String.raw`curl -s -u pgadmin:Ch@ngeMe2024! \
  "http://localhost:5000/api/v1/users/reset?env=prod&database=myapp_prod&username=analyst01"`);
    expect(answer).toEqual({
      username: 'analyst01',
      password: PASSWORD,
      status: 'password reset',
      ...shown('myapp_prod', 'prod'),
    });
    expect(answer.password).not.toBe(created.body.password);
    await users.as(answer, 'SELECT 1');
    await expect(users.as(created.body, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  test('answers the health check without credentials, and 401 elsewhere', async () => {
    expect(await shell('curl -s http://localhost:5000/')).toMatchObject({ service: expect.any(String) });
    expect(await shell('curl -s "http://localhost:5000/api/v1/users/all?env=dev&database=myapp_dev"')).toEqual({
      error: 'Unauthorized',
    });
    expect(await shell('curl -s -u pgadmin:wrong http://localhost:5000/api/v1/registry')).toEqual({
      error: 'Unauthorized',
    });
    expect(await shell('curl -s http://localhost:5000/api/v1/users/nothing')).toEqual({
      error: 'Endpoint not found',
      code: 404,
    });
  });
});

describe('the endpoints', () => {
  test.each([
    ['app', { servername: 'web02', port: '8080' }, 'web02_8080', 200, 'user created'],
    ['app-k8s', { env_prefix: 'qa', farmname: 'gear' }, 'qa_gear', 200, 'user created'],
    ['devqa', { username: 'tester01' }, 'tester01', 20, 'user created'],
    ['devlead', { username: 'lead01' }, 'lead01', 20, 'user created'],
    ['readonly', { username: 'analyst02' }, 'analyst02', 20, 'user created'],
    ['dba', { username: 'dba01' }, 'dba01', 20, 'dba user created'],
  ])('%s creates a user as published, once, by GET and by POST', async (kind, parameters, username, limit, status) => {
    const first = await users.get(`/users/${kind}`, { ...place, ...parameters });
    expect(first.status, first.body.error).toBe(200);
    expect(first.body).toEqual({ username, password: PASSWORD, status, ...shown() });
    expect(first.headers.get('Cache-Control')).toBe('no-store');
    const [session] = await users.as<{ path: string; who: string }>(
      first.body,
      `SELECT current_setting('search_path') AS path, current_user AS who`,
    );
    expect(session).toEqual({ path: 'public', who: username });
    const [role] = await users.stack.target.query<{ limit: number; dba: boolean; wide: boolean }>(
      `SELECT rolconnlimit AS limit, rolcreatedb AND rolcreaterole AS dba,
         EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = r.oid AND setdatabase = 0) AS wide
       FROM pg_roles r WHERE rolname = '${username}'`,
    );
    expect(role).toEqual({ limit, dba: kind === 'dba', wide: kind === 'dba' });
    const again = await users.post(`/users/${kind}`, { ...place, ...parameters });
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ username, password: null, status: 'user already exists', ...shown() });
    // The password that was given out is still the one.
    await users.as(first.body, 'SELECT 1');
  });

  test('all lists login roles by name, with published attributes', async () => {
    const { body } = await users.get('/users/all', place);
    expect({ ...body, users: [] }).toEqual({ ...shown(), users: [] });
    const names = body.users.map(({ username }: { username: string }) => username);
    expect(names).toEqual([...names].sort());
    expect(body.users).toContainEqual({ username: 'dba01', attributes: 'create database' });
    expect(body.users).toContainEqual({ username: 'tester01', attributes: '' });
    expect(body.users).toContainEqual({ username: 'postgres', attributes: 'superuser, create database' });
    expect(names).not.toContain('myapp_dev_app');
  });

  test('find tells whether there is a login role of the name', async () => {
    const find = async (username: string) => (await users.get('/users/find', { ...place, username })).body;
    expect(await find('tester01')).toEqual({ found: true, username: 'tester01', attributes: 'standard', ...shown() });
    expect(await find('dba01')).toMatchObject({ found: true, attributes: 'create database' });
    expect(await find('nobody')).toEqual({ found: false, username: 'nobody', ...shown() });
  });

  test('search-path is set in that database, with the quotes that a name needs', async () => {
    const { body: user } = await users.post('/users/reset', { ...place, username: 'tester01' });
    const path = async () =>
      (await users.as<{ path: string }>(user, `SELECT current_setting('search_path') AS path`))[0]?.path;
    const set = await users.get('/users/search-path', { ...place, username: 'tester01', schema: 'Sales' });
    expect(set.body).toEqual({ username: 'tester01', schema: 'Sales', status: 'search_path set to Sales', ...shown() });
    expect(await path()).toBe('"Sales"');
    const several = '"Odd ""one""", public, $user';
    expect(
      (await users.post('/users/search-path', { ...place, username: 'tester01', schema: several })).body.status,
    ).toBe(`search_path set to ${several}`);
    expect(await path()).toBe('"Odd ""one""", public, "$user"');
    expect((await users.get('/users/search-path', { ...place, username: 'tester01' })).body).toMatchObject({
      schema: 'public',
      status: 'search_path set to public',
    });
    expect(await path()).toBe('public');
    expect((await users.get('/users/search-path', { ...place, username: 'nobody' })).body).toEqual({
      username: 'nobody',
      schema: 'public',
      status: 'user not found',
      ...shown(),
    });
  });

  test('reset of somebody who is not there answers as published', async () => {
    expect((await users.get('/users/reset', { ...place, username: 'nobody' })).body).toEqual({
      username: 'nobody',
      password: null,
      status: 'user not found',
      ...shown(),
    });
  });

  test('HEAD and prefetch change nothing', async () => {
    const before = await roles();
    const path = `/api/v1/users/devqa?${new URLSearchParams({ ...place, username: 'prefetched' })}`;
    const head = await users.stack.request(path, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const prefetch = await users.stack.request(path, { headers: { 'Sec-Purpose': 'prefetch' } });
    expect(prefetch.status).toBe(403);
    expect(await roles()).toEqual(before);
  });
});

describe('what cannot be answered', () => {
  test.each([
    ['an unknown environment', { env: 'nope', database: 'myapp_dev' }],
    ['an unknown database', { env: 'dev', database: 'nope' }],
    ['an entry that is not active', { env: 'old', database: 'gone' }],
  ])('%s is not found, in the published words', async (_, at) => {
    for (const [path, more] of [
      ['/users/devqa', { username: 'x' }],
      ['/users/reset', { username: 'x' }],
      ['/users/find', { username: 'x' }],
      ['/users/all', {}],
    ] as const) {
      const { status, body } = await users.get(path, { ...at, ...more });
      expect([status, body]).toEqual([
        404,
        { error: `No registry entry found for env='${at.env}' database='${at.database}'` },
      ]);
    }
  });

  test('an environment outside of the scope answers like one that is not there', async () => {
    const person = await makePerson(users.stack, { role: 'operator', scope: { environments: ['prod'] } });
    const { status, body } = await users.get('/users/devqa', { ...place, username: 'scoped' }, person.credentials);
    expect([status, body]).toEqual([404, { error: "No registry entry found for env='dev' database='myapp_dev'" }]);
  });

  test('a database that the server does not have is told, and nobody is made', async () => {
    const before = await roles();
    const { status, body } = await users.get('/users/devqa', { env: 'dev', database: 'not_there', username: 'lost' });
    expect([status, body]).toEqual([400, { error: 'server host-1 has no database "not_there"' }]);
    expect(await roles()).toEqual(before);
  });

  test.each(Object.entries(PARAMETERS))('%s names a parameter that is missing', async (path, parameters) => {
    const before = await roles();
    for (const missing of Object.keys(parameters)) {
      const { [missing]: _, ...rest } = parameters;
      for (const { status, body } of [
        await users.get(path, rest),
        ...(isRead(path) ? [] : [await users.post(path, rest)]),
      ]) {
        expect(status, missing).toBe(400);
        expect(body, missing).toEqual({ error: expect.stringContaining(`"${missing}" is missing`) });
      }
    }
    expect(await roles()).toEqual(before);
  });
});

const isRead = (path: string) => path === '/users/all' || path === '/users/find';

describe('injection', () => {
  const ATTEMPTS = [
    'x" SUPERUSER --',
    `x' OR '1'='1`,
    'x; DROP ROLE postgres; --',
    'bob SUPERUSER',
    `bob PASSWORD 'x'`,
    'x"; CREATE ROLE evil SUPERUSER LOGIN; --',
    '$$; CREATE ROLE evil; $$',
    `x\\'; CREATE ROLE evil; --`,
    'x\u0000y',
    'x\r\ny',
    '%00',
    '../../etc/passwd',
    '{"$ne": null}',
    '\ud800',
    'x'.repeat(64),
    'é'.repeat(32),
    '',
    ' ',
  ];

  const catalog = () =>
    users.stack.target.query(
      `SELECT rolname, rolsuper, rolcanlogin, rolconfig, (SELECT count(*)::int FROM pg_auth_members) AS memberships
       FROM pg_roles ORDER BY 1`,
    );
  const attempted = (parameters: Record<string, string>) =>
    Object.keys(parameters).flatMap((name) =>
      ATTEMPTS.map((attempt) => ({ name, attempt, sent: { ...parameters, [name]: attempt } })),
    );

  test.each(Object.entries(PARAMETERS))('every parameter of %s is only ever a value', async (path, parameters) => {
    const before = await catalog();
    const calls = attempted({ ...parameters, ...OPTIONAL[path] }).map(async ({ name, attempt, sent }) => {
      const answers: Answer[] = [await users.get(path, sent)];
      if (!isRead(path)) answers.push(await users.post(path, sent));
      for (const answer of answers) expect([name, attempt, harmless(answer)]).toEqual([name, attempt, 'harmless']);
    });
    await Promise.all(calls);
    expect(await catalog()).toEqual(before);
  });

  test.each(Object.entries(POSTED))('every member of %s is only ever a value', async (path, members) => {
    const before = await catalog();
    const calls = attempted(members).map(async ({ name, attempt, sent }) => {
      const answer = await users.post(path, wrapped(path, sent));
      const [result = answer.body] = answer.body.results ?? [];
      const judged = harmless({ status: result.code ?? answer.status, body: withoutIndex(result) });
      expect([name, attempt, judged]).toEqual([name, attempt, 'harmless']);
    });
    await Promise.all(calls);
    expect(await catalog()).toEqual(before);
  });

  /** Refused in the published shape, or answered that there is nobody of this name, or that there is one already. */
  function harmless({ status, body }: Pick<Answer, 'status' | 'body'>): unknown {
    if (status >= 400 && status < 500 && typeof body.error === 'string' && Object.keys(body).length === 1)
      return 'harmless';
    const { status: text, found, password } = body;
    const nothing = ['user not found', 'user already exists'].includes(text) && password === null;
    return status === 200 && (nothing || text === 'user not found' || found !== undefined)
      ? 'harmless'
      : { status, body };
  }

  const withoutIndex = ({ index: _, code: __, ...body }: Record<string, unknown>) => body;
  /** Lists take a name as an entry; a creation of many users is of one. */
  const wrapped = (path: string, sent: Record<string, string>): unknown => {
    if (path === '/users/bulk') return { users: [sent] };
    const list = (name: 'to' | 'from' | 'privileges') => (sent[name] === undefined ? {} : { [name]: [sent[name]] });
    return { ...sent, ...list('to'), ...list('from'), ...list('privileges') };
  };

  test('names that are legal are kept as they are, and quoted', async () => {
    for (const username of ['Mixed.Case-Name$1', 'jane@corp.example', '42nd', 'Ünïcode_ñ', 'select', '用户']) {
      const { status, body } = await users.get('/users/devqa', { ...place, username });
      expect(status, `${username}: ${body.error}`).toBe(200);
      expect(body).toMatchObject({ username, status: 'user created' });
      expect(await users.as(body, 'SELECT session_user::text AS who')).toEqual([{ who: username }]);
    }
    // What others made under any name is found and changed.
    await users.stack.target.query(`CREATE ROLE "o'brien; ""quoted""" LOGIN`);
    const username = `o'brien; "quoted"`;
    const { body } = await users.post('/users/reset', { ...place, username });
    expect(body).toMatchObject({ username, status: 'password reset' });
    await users.as(body, 'SELECT 1');
    await users.stack.target.query(`DROP ROLE "o'brien; ""quoted"""`);
  });

  test('names of roles of PostgreSQL itself and of ours are refused with the reason', async () => {
    for (const [username, reason] of [
      ['pg_monitor', 'reserved by PostgreSQL'],
      ['PUBLIC', 'reserved by PostgreSQL'],
      ['all', 'keyword of pg_hba.conf'],
      ['pgst_mine', 'reserved for the control plane'],
    ] as const) {
      const { status, body } = await users.post('/users/devqa', { ...place, username });
      expect([status, body.error]).toEqual([400, expect.stringMatching(new RegExp(`^username: .*${reason}`))]);
    }
  });

  test('members that a request does not know are mistakes', async () => {
    const { status, body } = await users.post('/users/devqa', { ...place, username: 'strict', superuser: true });
    expect([status, body]).toEqual([400, { error: 'body has no field "superuser"' }]);
  });
});
