import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { insertServer } from '../../store/servers.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { callsAs } from './support/as-caller.ts';

let stack: TestStack;
let hostname: string;
let port: number;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  const [endpoint] = stack.target.address.endpoints;
  if (endpoint === undefined) throw new Error('the target has no endpoint');
  ({ address: hostname, port } = endpoint);
});
afterAll(() => stack.stop());
afterEach(() => stack.control.db.query('DELETE FROM registry'));

const PATH = '/api/v1/registry';
const post = (body: unknown, headers?: Record<string, string>) => stack.call('POST', PATH, body, headers);
const entry = (change: Record<string, unknown> = {}) => ({
  env: 'dev',
  db_name: 'myapp_dev',
  hostname,
  port,
  ...change,
});
const list = async (query = '') => (await stack.call('GET', `${PATH}${query}`)).body;
const names = async (query = '') =>
  (await list(query)).databases.map((one: { env: string; db_name: string }) => `${one.env}/${one.db_name}`);

const auditSince = async (id: number) =>
  (
    await stack.control.db.query<{ kind: string; action: string; resource: string; outcome: string; detail: unknown }>(
      'SELECT kind, actor, source, action, resource, outcome, detail FROM audit_log WHERE id > $1 ORDER BY id',
      [id],
    )
  ).rows;
const lastAudit = async () =>
  (await stack.control.db.query<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM audit_log')).rows[0]?.id ?? 0;

/** Registers a second server without a network: the registry looks at what is registered only. */
async function registerElsewhere(name: string, endpoint: { address: string; port: number }) {
  await insertServer(stack.control.db, {
    name,
    systemIdentifier: `7${name.length}${endpoint.port}`,
    endpoints: [endpoint],
    maintenanceDb: 'postgres',
    tls: { mode: 'verify-full' },
    adminUser: 'postgres',
    adminSecretId: `server/${name}/admin`,
    versionNum: 180_000,
    maxConnections: 100,
    reservedConnections: 3,
    labels: {},
    settings: { allowPlainTextPasswords: false },
  });
}
const forget = (...serverNames: string[]) =>
  stack.control.db.query('DELETE FROM servers WHERE name = ANY ($1)', [serverNames]);

describe('the published list', () => {
  test('has exactly the published members, numbers for port and active, and the order of env and name', async () => {
    await post(entry({ env: 'prod', db_name: 'b', notes: 'Main database' }));
    await post(entry({ env: 'dev', db_name: 'b', active: false }));
    await post(entry({ env: 'dev', db_name: 'a_1' }));
    await post(entry({ env: 'dev', db_name: 'B' }));
    await post(entry({ env: 'Dev', db_name: 'z', active: 1 }));
    const body = await list();
    expect(Object.keys(body)).toEqual(['count', 'databases']);
    expect(body.count).toBe(5);
    expect(await names()).toEqual(['Dev/z', 'dev/B', 'dev/a_1', 'dev/b', 'prod/b']);
    expect(body.databases[4]).toEqual({
      id: expect.any(Number),
      env: 'prod',
      db_name: 'b',
      hostname,
      port,
      active: 1,
      notes: 'Main database',
      created_at: expect.stringMatching(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/),
    });
    expect(body.databases[3]).toMatchObject({ active: 0, notes: null });
  });

  test('is empty where nothing is registered', async () => {
    expect(await list()).toEqual({ count: 0, databases: [] });
  });

  test('comes in pages, by environment and with servers where that is asked for', async () => {
    for (const env of ['dev', 'qa']) for (const name of ['a', 'b', 'c']) await post(entry({ env, db_name: name }));
    const first = await list('?limit=2');
    expect(await names('?limit=2')).toEqual(['dev/a', 'dev/b']);
    expect(await names(`?limit=3&after_id=${first.databases[1].id}`)).toEqual(['dev/c', 'qa/a', 'qa/b']);
    expect(await names('?env=qa')).toEqual(['qa/a', 'qa/b', 'qa/c']);
    expect((await list('?include=server&limit=1')).databases[0].server).toBe('host-1');
    const missing = await stack.call('GET', `${PATH}?after_id=2147483647`);
    expect([missing.status, missing.body]).toEqual([
      400,
      { error: 'after_id: No registry entry found with id 2147483647' },
    ]);
  });

  test('shows a scoped caller its own environments only, also page by page', async () => {
    for (const env of ['dev', 'prod', 'qa']) await post(entry({ env }));
    const prodId = (await list('?env=prod')).databases[0].id;
    const call = await callsAs(stack, { role: 'operator', scope: { environments: ['dev', 'qa'] } });
    const environments = async (query: string) =>
      (await call('GET', `${PATH}${query}`)).body.databases.map(({ env }: { env: string }) => env);
    expect(await environments('')).toEqual(['dev', 'qa']);
    expect(await environments('?env=prod')).toEqual([]);
    expect((await call('GET', `${PATH}?after_id=${prodId}`)).status).toBe(400);
    const none = await callsAs(stack, { role: 'operator', scope: { servers: ['host-1'] } });
    expect((await none('GET', PATH)).body).toEqual({ count: 0, databases: [] });
  });
});

describe('a new entry', () => {
  test('is on the registered server with that endpoint, and is in the audit log with what it is', async () => {
    const before = await lastAudit();
    const created = await post(entry({ notes: 'n' }));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ env: 'dev', db_name: 'myapp_dev', active: 1, server: 'host-1' });
    const resource = `registry/${created.body.id}`;
    const detail = {
      after: { env: 'dev', dbName: 'myapp_dev', hostname, port, active: true, notes: 'n', serverName: 'host-1' },
    };
    expect(await auditSince(before)).toEqual([
      expect.objectContaining({ kind: 'intent', action: 'registry.create', resource, detail }),
      expect.objectContaining({ kind: 'outcome', action: 'registry.create', resource, outcome: 'completed', detail }),
    ]);
  });

  test('may have the name of a database of another environment, and not of its own', async () => {
    expect((await post(entry())).status).toBe(201);
    expect((await post(entry({ env: 'qa' }))).status).toBe(201);
    const again = await post(entry());
    expect([again.status, again.body]).toEqual([
      409,
      { error: "env='dev' database='myapp_dev' is registered already" },
    ]);
  });

  test('of one name that 20 callers ask for at once is made once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(entry())));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
  });

  test('is answered the same under the same Idempotency-Key', async () => {
    const key = { 'Idempotency-Key': 'entry-1' };
    const first = await post(entry(), key);
    expect(await post(entry(), key)).toMatchObject({ status: 201, body: first.body });
    expect((await post(entry({ port: 1 }), key)).status).toBe(409);
  });

  test('is refused on a server that nobody registered, and the answer says how to register it', async () => {
    const refused = await post(entry({ hostname: 'pg-dev-01.example.com', port: 5432 }));
    expect(refused.status).toBe(400);
    expect(refused.body.error).toMatch(
      /^no registered server has the endpoint pg-dev-01.example.com:5432; register it with POST \/v1\/servers/,
    );
    expect(await list()).toMatchObject({ count: 0 });
  });

  test('may name its server, under another address than the registered one', async () => {
    const created = await post(entry({ hostname: 'alias.example.com', port: 5432, server: 'host-1' }));
    expect(created.body).toMatchObject({ hostname: 'alias.example.com', server: 'host-1' });
    expect((await post(entry({ env: 'qa', server: 'nowhere' }))).body).toEqual({
      error: 'server: no server is registered with the name "nowhere"',
    });
  });

  test('needs the name of the server where two have that endpoint', async () => {
    await registerElsewhere('twin-a', { address: 'twin', port: 5432 });
    await registerElsewhere('twin-bb', { address: 'twin', port: 5432 });
    const refused = await post(entry({ hostname: 'twin', port: 5432 }));
    expect(refused.body.error).toBe('server: twin:5432 is an endpoint of twin-a, twin-bb: name one of them');
    expect((await post(entry({ hostname: 'twin', port: 5432, server: 'twin-bb' }))).status).toBe(201);
    await stack.control.db.query('DELETE FROM registry');
    await forget('twin-a', 'twin-bb');
  });

  test.each([
    [{ env: undefined }, '"env" is missing from body'],
    [{ env: '' }, 'body.env must not be empty'],
    [{ env: '*' }, 'body.env must not be "*", which stands for every environment'],
    [{ env: ' dev' }, 'body.env must not begin or end with white space'],
    [{ env: 'e'.repeat(64) }, 'body.env must not exceed 63 bytes'],
    [{ db_name: 'ä'.repeat(32) }, 'body.db_name must not exceed 63 bytes'],
    [{ db_name: 'a\nb' }, 'body.db_name must not contain control characters'],
    [{ db_name: 7 }, 'invalid value for "body.db_name", must be a string'],
    [{ hostname: '/var/run/postgresql' }, 'body.hostname must match the regexp'],
    [{ hostname: 'a b' }, 'body.hostname must match the regexp'],
    [{ port: 0 }, 'body.port must be greater or equal than 1'],
    [{ port: 65_536 }, 'body.port must be lesser or equal than 65535'],
    [{ port: '5432' }, 'invalid value for "body.port", must be a number'],
    [{ active: 2 }, 'invalid value for "body.active"'],
    [{ notes: 'x'.repeat(4097) }, 'length of body.notes must be lesser or equal than 4096'],
    [{ notes: 'a\0b' }, 'body.notes must not contain the character NUL'],
    [{ server: 'Not An Id' }, 'body.server must be 1 to 36 lower-case letters'],
    [{ owner: 'me' }, 'body has no field "owner"'],
    [{ env: '', port: 0 }, 'body.env must not be empty; body.port must be greater or equal than 1'],
  ])('is refused with every problem by its name, and the refusal is recorded: %#', async (change, message) => {
    const before = await lastAudit();
    const refused = await post(entry(change));
    expect(refused.status).toBe(400);
    expect(refused.body).toEqual({ error: expect.stringContaining(message) });
    expect(await list()).toMatchObject({ count: 0 });
    expect(await auditSince(before)).toEqual([
      expect.objectContaining({
        kind: 'refusal',
        actor: 'admin',
        action: 'registry.create',
        outcome: 'refused',
        detail: expect.objectContaining({ status: 400 }),
      }),
    ]);
  });

  test.each([["'; DROP TABLE registry; --"], ['"; SELECT pg_sleep(1)'], ['%s%n'], ['$env{}'], ["dev' OR '1'='1"]])(
    'is stored as it is written, whatever it looks like: %s',
    async (text) => {
      const created = await post(entry({ env: text, db_name: text, notes: text }));
      expect(created.status).toBe(201);
      expect((await list(`?env=${encodeURIComponent(text)}`)).databases).toMatchObject([
        { env: text, db_name: text, notes: text },
      ]);
    },
  );
});

describe('an entry', () => {
  const created = async (change: Record<string, unknown> = {}) => (await post(entry(change))).body;
  const patch = (id: number, body: unknown) => stack.call('PATCH', `${PATH}/${id}`, body);

  test('is changed in what is named, and nothing else; the audit log has it before and after', async () => {
    const { id, server: _, ...shown } = await created({ notes: 'old' });
    const before = await lastAudit();
    expect((await patch(id, { active: 0, notes: null })).body).toEqual({
      ...shown,
      id,
      active: 0,
      notes: null,
      server: 'host-1',
    });
    expect((await auditSince(before)).at(-1)).toMatchObject({
      kind: 'outcome',
      action: 'registry.change',
      detail: { before: { active: true, notes: 'old' }, after: { active: false, notes: null } },
    });
  });

  test('that moves to another address is on the server that is registered there', async () => {
    await registerElsewhere('other', { address: 'pg-2', port: 5432 });
    const { id } = await created();
    expect((await patch(id, { hostname: 'pg-2', port: 5432 })).body).toMatchObject({ server: 'other' });
    expect((await patch(id, { hostname: 'pg-3' })).body.error).toMatch(
      /^no registered server has the endpoint pg-3:5432/,
    );
    expect((await list('?include=server')).databases).toMatchObject([{ hostname: 'pg-2', server: 'other' }]);
    await stack.control.db.query('DELETE FROM registry');
    await forget('other');
  });

  test('stays on the server that it names when something else changes', async () => {
    const { id } = await created({ hostname: 'alias', server: 'host-1' });
    expect((await patch(id, { notes: 'x' })).body).toMatchObject({ hostname: 'alias', server: 'host-1' });
  });

  test('cannot take the place of another one', async () => {
    await created();
    const { id } = await created({ env: 'qa' });
    const refused = await patch(id, { env: 'dev' });
    expect([refused.status, refused.body]).toEqual([
      409,
      { error: "env='dev' database='myapp_dev' is registered already" },
    ]);
  });

  test('is removed, and answered as it was', async () => {
    const shown = await created();
    const before = await lastAudit();
    const removed = await stack.call('DELETE', `${PATH}/${shown.id}`);
    expect([removed.status, removed.body]).toEqual([200, shown]);
    expect(await list()).toMatchObject({ count: 0 });
    expect((await auditSince(before)).map(({ kind, action }) => `${kind} ${action}`)).toEqual([
      'intent registry.delete',
      'outcome registry.delete',
    ]);
    const again = await stack.call('DELETE', `${PATH}/${shown.id}`);
    expect([again.status, again.body]).toEqual([404, { error: `No registry entry found with id ${shown.id}` }]);
  });

  test.each(['0', '-1', '1.5', '2147483648', 'x', '1;2'])('has no id such as %s', async (id) => {
    for (const method of ['PATCH', 'DELETE']) {
      const answer = await stack.call(
        method,
        `${PATH}/${encodeURIComponent(id)}`,
        method === 'PATCH' ? { port: 1 } : undefined,
      );
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({ error: expect.stringMatching(/\bid\b/) });
    }
  });

  test('needs something to change', async () => {
    const { id } = await created();
    expect((await patch(id, {})).body).toEqual({ error: 'body changes nothing: name at least one member' });
  });

  test('keeps its server registered', async () => {
    await created();
    const refused = await stack.call('DELETE', '/v1/servers/host-1');
    expect(refused.body.message).toContain('1 registry entry');
  });
});

describe('who may change the registry', () => {
  test('only administrators', async () => {
    const { id } = (await post(entry())).body;
    const call = await callsAs(stack, { role: 'operator' });
    for (const [method, path, body] of [
      ['POST', PATH, entry({ env: 'qa' })],
      ['PATCH', `${PATH}/${id}`, { active: 0 }],
      ['DELETE', `${PATH}/${id}`],
    ] as const) {
      expect(await call(method, path, body)).toMatchObject({
        status: 403,
        body: { error: expect.stringMatching(/is for the roles? admin/) },
      });
    }
    expect((await list()).databases).toMatchObject([{ id, active: 1 }]);
  });

  test('an administrator of some environments and servers reaches no others, and learns of none', async () => {
    const { id } = (await post(entry({ env: 'prod' }))).body;
    const scope = { environments: ['dev'], servers: ['other'] };
    const call = await callsAs(stack, { role: 'admin', scope });
    expect((await call('PATCH', `${PATH}/${id}`, { active: 0 })).status).toBe(404);
    expect((await call('DELETE', `${PATH}/${id}`)).status).toBe(404);
    expect((await call('POST', PATH, entry({ env: 'prod', db_name: 'x' }))).status).toBe(403);
    expect((await call('POST', PATH, entry())).body.error).toMatch(/^no registered server has the endpoint/);
    expect((await call('POST', PATH, entry({ server: 'host-1' }))).body.error).toBe(
      'server: no server is registered with the name "host-1"',
    );
  });
});

test('unknown paths and methods of the registry are answered as published', async () => {
  expect((await stack.call('GET', '/api/v1/registry/')).body).toEqual({ error: 'Endpoint not found', code: 404 });
  const put = await stack.call('PUT', PATH, {});
  expect([put.status, put.body]).toEqual([405, { error: 'Method not allowed', code: 405 }]);
});
