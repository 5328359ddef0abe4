import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { judge } from '../../domain/users/policy.ts';
import { findPlace, insertEntry } from '../../store/registry.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { callsAs } from './support/as-caller.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  for (const env of ['dev', 'prod', 'qa']) await register(env, 'shop', true);
  await register('dev', 'gone', false);
});
afterAll(() => stack.stop());
afterEach(() => stack.control.db.query('DELETE FROM user_policies'));

const register = (env: string, dbName: string, active: boolean) =>
  insertEntry(stack.control.db, { env, dbName, hostname: 'h', port: 5432, active, notes: null, serverName: 'host-1' });
const put = (env: string, body: unknown) => stack.call('PUT', `/v1/policies/${encodeURIComponent(env)}`, body);
const place = (env: string, dbName = 'shop') => findPlace(stack.control.db, { env, dbName });
const kindsOf = async (env: string) => Object.keys((await place(env))?.policy.kinds ?? {});

const ALL_KINDS = ['app', 'app-k8s', 'devqa', 'devlead', 'readonly', 'dba'];
const NON_PRODUCTION = ['app', 'app-k8s', 'devqa', 'devlead', 'dba'];
const PRODUCTION = ['app', 'app-k8s', 'readonly', 'dba'];

describe('the place of a request', () => {
  test('is an active entry with the policy of its environment', async () => {
    expect(await place('dev')).toMatchObject({ entry: { env: 'dev', dbName: 'shop', serverName: 'host-1' } });
    expect(await kindsOf('dev')).toEqual(ALL_KINDS);
  });

  test.each([
    ['dev', 'gone'],
    ['dev', 'nothing'],
    ['nowhere', 'shop'],
    ['*', 'shop'],
  ])('is not there for env %s and database %s', async (env, dbName) => {
    await put('*', { preset: 'article' });
    expect(await place(env, dbName)).toBeUndefined();
  });

  test('has the policy of `*` where its environment has none of its own, and its own first', async () => {
    await put('*', { kinds: { app: {} } });
    expect(await kindsOf('qa')).toEqual(['app']);
    await put('qa', { kinds: { dba: {} } });
    expect(await kindsOf('qa')).toEqual(['dba']);
    expect(await kindsOf('dev')).toEqual(['app']);
    await stack.call('DELETE', '/v1/policies/qa');
    expect(await kindsOf('qa')).toEqual(['app']);
  });

  test('has the rules of the article in every environment after one request', async () => {
    expect((await put('*', { preset: 'article' })).status).toBe(200);
    expect(await Promise.all(['dev', 'qa', 'prod'].map(kindsOf))).toEqual([NON_PRODUCTION, NON_PRODUCTION, PRODUCTION]);
  });

  test('is found in one round trip by one prepared statement, through indexes', async () => {
    await stack.control.db.query(
      `INSERT INTO registry (env, db_name, hostname, server_name)
       SELECT 'env' || i % 50, 'db' || i, 'h', 'host-1' FROM generate_series(1, 10000) AS i`,
    );
    await stack.control.db.query('ANALYZE registry');
    const client = await stack.control.db.connect();
    try {
      await findPlace(client, { env: 'env7', dbName: 'db7' });
      const { rows: statements } = await client.query<{ statement: string }>(
        `SELECT statement FROM pg_prepared_statements WHERE name = 'find_place'`,
      );
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(
        `EXPLAIN ${statements[0]?.statement.replaceAll('$1', `'env7'`).replaceAll('$2', `'db7'`)}`,
      );
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index Scan using registry_env_db_name_key on registry/);
      expect(plan).not.toMatch(/Seq Scan on registry/);
    } finally {
      client.release();
      await stack.control.db.query(`DELETE FROM registry WHERE env LIKE 'env%'`);
    }
  });
});

describe('a policy', () => {
  test('is shown as it holds: the default, that of `*`, its own', async () => {
    const get = async (env: string) => (await stack.call('GET', `/v1/policies/${env}`)).body;
    expect(await get('prod')).toMatchObject({ env: 'prod', from: 'default', grantable: 'any' });
    expect((await get('prod')).kinds.app).toEqual({
      connection_limit: { default: 200, max: null },
      valid_days: { default: null, max: null },
      name_pattern: null,
      privileges: {
        database: ['CONNECT', 'TEMPORARY'],
        schemas: ['USAGE'],
        tables: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
        sequences: ['USAGE', 'SELECT'],
        routines: ['EXECUTE'],
      },
    });
    await put('*', { preset: 'article' });
    expect(await get('prod')).toMatchObject({ env: 'prod', from: '*', preset: 'article' });
    expect(Object.keys((await get('prod')).kinds)).toEqual(PRODUCTION);
    await put('prod', { preset: 'article', production: false });
    expect(await get('prod')).toMatchObject({ from: 'prod', production: false });
    expect(Object.keys((await get('prod')).kinds)).toEqual(NON_PRODUCTION);
    expect((await stack.call('GET', '/v1/policies')).body.policies.map(({ env }: { env: string }) => env)).toEqual([
      '*',
      'prod',
    ]);
  });

  test('is not shown for an environment that is not there', async () => {
    await put('*', { preset: 'article' });
    const answer = await stack.call('GET', '/v1/policies/nowhere');
    expect([answer.status, answer.body.message]).toEqual([404, 'no environment found with the name "nowhere"']);
    expect((await stack.call('GET', '/v1/policies/*')).body).toMatchObject({ env: '*', preset: 'article' });
  });

  test('of its own fills in what it does not say, and is what requests are judged by', async () => {
    const { status, body } = await put('prod', {
      operations: ['create', 'reset'],
      kinds: {
        app: { connection_limit: { max: 50 }, name_pattern: '[a-z0-9]+_[0-9]+' },
        dba: { valid_days: { max: 14 }, privileges: { tables: ['SELECT'] } },
      },
      grantable: ['SELECT'],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      operations: ['create', 'reset'],
      kinds: {
        app: { connection_limit: { default: 50, max: 50 }, valid_days: { default: null, max: null } },
        dba: { connection_limit: { default: 20, max: null }, valid_days: { default: 14, max: 14 } },
      },
      grantable: ['SELECT'],
    });
    expect(body.kinds.dba.privileges).toMatchObject({ database: ['CONNECT'], tables: ['SELECT'] });
    const policy = (await place('prod'))?.policy;
    if (policy === undefined) throw new Error('no place');
    const ask = { operation: 'create', env: 'prod', kind: 'app', username: 'web01_8080', now: new Date() } as const;
    expect(judge(policy, ask)).toBeUndefined();
    expect(judge(policy, { ...ask, username: 'Robert' })?.rule).toBe('name_pattern');
    expect(judge(policy, { ...ask, connectionLimit: 51 })?.rule).toBe('connection_limit');
    expect(judge(policy, { ...ask, kind: 'readonly' })?.rule).toBe('kinds');
    expect(judge(policy, { operation: 'drop', env: 'prod' })?.rule).toBe('operations');
  });

  test('as it is shown can be put again', async () => {
    const shown = (await put('qa', { kinds: { app: { connection_limit: { max: 9 } }, devlead: {} } })).body;
    const { operations, kinds, grantable } = shown;
    const again = await put('qa', { operations, kinds, grantable });
    expect(again.body).toMatchObject({ operations, kinds, grantable });
  });

  test('is in the audit log with what it was and what it is', async () => {
    await put('dev', { preset: 'published' });
    await put('dev', { preset: 'article' });
    await stack.call('DELETE', '/v1/policies/dev');
    const { rows } = await stack.control.db.query(
      `SELECT kind, action, detail FROM audit_log WHERE resource = 'policy/dev' AND kind = 'outcome' ORDER BY id DESC LIMIT 2`,
    );
    expect(rows).toEqual([
      { kind: 'outcome', action: 'policy.delete', detail: { before: { preset: 'article' } } },
      {
        kind: 'outcome',
        action: 'policy.put',
        detail: { before: { preset: 'published' }, after: { preset: 'article' } },
      },
    ]);
  });

  test('that nobody made cannot be deleted', async () => {
    await put('*', { preset: 'article' });
    const answer = await stack.call('DELETE', '/v1/policies/dev');
    expect([answer.status, answer.body.message]).toEqual([404, 'environment "dev" has no policy']);
  });

  test.each([
    [{}, 'body must have "preset" or "kinds"'],
    [{ preset: 'strict' }, 'value of body.preset must be one of "published", "article"'],
    [{ preset: 'article', kinds: {} }, 'body.kinds is what the preset says'],
    [{ preset: 'published', production: true }, 'body.production belongs to the preset article'],
    [{ kinds: {}, production: true }, 'body.production belongs to a preset'],
    [{ kinds: { root: {} } }, 'body.kinds has no field "root"'],
    [{ kinds: {}, operations: ['format'] }, 'value of body.operations[0] must be one of'],
    [{ kinds: {}, grantable: ['SELECT', 'ALL'] }, 'body.grantable'],
    [{ kinds: { app: { connection_limit: { default: 9, max: 3 } } } }, 'connection_limit.default must not exceed max'],
    [{ kinds: { app: { connection_limit: { default: -1, max: 3 } } } }, 'connection_limit.default must not exceed max'],
    [{ kinds: { app: { connection_limit: { default: -2 } } } }, 'must be greater or equal than -1'],
    [{ kinds: { app: { valid_days: { default: 9, max: 3 } } } }, 'valid_days.default must not exceed max'],
    [
      { kinds: { app: { valid_days: { default: null, max: 3 } } } },
      '"default" is missing from body.kinds.app.valid_days',
    ],
    [{ kinds: { app: { valid_days: { max: 0 } } } }, 'must be greater or equal than 1'],
    [{ kinds: { app: { name_pattern: '(a' } } }, 'body.kinds.app.name_pattern a group is not closed'],
    [
      { kinds: { app: { privileges: { tables: ['DROP'] } } } },
      'value of body.kinds.app.privileges.tables[0] must be one of',
    ],
    [{ kinds: { app: { privileges: { views: [] } } } }, 'body.kinds.app.privileges has no field "views"'],
  ])('is refused where it is wrong, and nothing is stored: %#', async (body, message) => {
    const answer = await put('dev', body);
    expect(answer.status).toBe(400);
    expect(answer.body.message).toContain(message);
    expect((await stack.call('GET', '/v1/policies')).body).toEqual({ policies: [] });
  });

  test.each(['', ' dev', 'e'.repeat(64), 'a\nb'])('is not of an environment such as %j', async (env) => {
    expect([400, 404]).toContain((await put(env, { preset: 'article' })).status);
  });
});

test('only administrators change policies, and a scope hides those of other environments', async () => {
  await put('dev', { preset: 'article' });
  await put('prod', { preset: 'article' });
  const call = await callsAs(stack, { role: 'operator', scope: { environments: ['dev'] } });
  expect((await call('GET', '/v1/policies')).body.policies.map(({ env }: { env: string }) => env)).toEqual(['dev']);
  for (const [method, body] of [['PUT', { preset: 'published' }], ['DELETE']] as const) {
    expect(await call(method, '/v1/policies/dev', body)).toMatchObject({ status: 403, body: { name: 'forbidden' } });
  }
});
