import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import { findServers } from '../../api/registry/import/find-servers.ts';
import { importOptionsSchema } from '../../api/schemas/registry-import.ts';
import { startTwins, type Twins } from '../activities/target/support/twins.ts';
import { makePerson } from '../support/accounts.ts';
import { freePort } from '../support/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { publishedRegistry, sqliteFile } from './support/sqlite-file.ts';

type App = ReturnType<typeof createApp>;

let stack: TestStack;
let twins: Twins;
let deadPort: number;
/** The server that is registered already. */
let known: { hostname: string; port: number };
/** The API where PG_ADMIN_USER and PG_ADMIN_PASS are those of the twins. */
let withDefaults: App;
let api: App;
let credentials: Record<string, string>;

beforeAll(async () => {
  [stack, twins, deadPort] = await Promise.all([
    startTestStack({ runtime: 'process', workers: false }),
    startTwins(),
    freePort(),
  ]);
  const [endpoint] = stack.target.address.endpoints;
  if (endpoint === undefined) throw new Error('the target has no endpoint');
  known = { hostname: endpoint.address, port: endpoint.port };
  credentials = (await makePerson(stack, { role: 'admin', name: 'importer' })).credentials;
  api = createApp(stack.api);
  withDefaults = createApp({ ...stack.api, defaultAdmin: admin() });
});
afterAll(() => Promise.all([stack.stop(), twins.stop()]));
afterEach(async () => {
  await stack.control.db.query('DELETE FROM registry');
  await stack.control.db.query(`DELETE FROM servers WHERE name <> 'host-1'`);
  await stack.control.db.query(`DELETE FROM secrets WHERE owner <> 'server/host-1'`);
});

const PATH = '/api/v1/registry/import';
const SQLITE = 'application/vnd.sqlite3';
const admin = () => ({ user: twins.address.adminUser, password: twins.address.adminPassword });
const options = (change: Record<string, unknown> = {}) => ({ admin: admin(), tls: { mode: 'disable' }, ...change });
const left = () => ({ hostname: '127.0.0.1', port: twins.left.port });
const right = () => ({ hostname: '127.0.0.1', port: twins.right.port });

type Body = string | Uint8Array<ArrayBuffer> | FormData;

/** The import of one process of the API. */
async function sendTo(app: App, body: Body, headers: Record<string, string>) {
  const response = await app.request(`http://localhost:3000${PATH}`, {
    method: 'POST',
    headers: { ...credentials, ...headers },
    body,
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  return { status: response.status, body: (await response.json()) as any };
}
const post = (type: string, body: Body, headers: Record<string, string> = {}) =>
  sendTo(api, body, { 'content-type': type, ...headers });
const postJson = (body: unknown, headers?: Record<string, string>) =>
  post('application/json', typeof body === 'string' ? body : JSON.stringify(body), headers);

/** As `curl -F file=@… -F options=…` sends it. */
function postForm(file: Uint8Array<ArrayBuffer> | string, name: string, given?: unknown) {
  const form = new FormData();
  form.append('file', new File([file], name));
  if (given !== undefined) form.append('options', typeof given === 'string' ? given : JSON.stringify(given));
  return sendTo(api, form, {});
}

const list = async () => (await stack.call('GET', '/api/v1/registry?include=server')).body.databases;
const entry = (change: Record<string, unknown> = {}) => ({ env: 'dev', db_name: 'shop', ...known, ...change });
const countOf = async (table: string) =>
  (await stack.control.db.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)).rows[0]?.count;

describe('the pg_registry.db of a published pg-user-api', () => {
  const file = () =>
    publishedRegistry({
      entries: [
        ['prod', 'app_main', '127.0.0.1', twins.left.port, 1, 'Production main database', '2025-01-02 03:04:05'],
        ['prod', 'app_reports', '127.0.0.1', twins.right.port, 1, 'Read replica', '2025-01-02 03:04:05'],
        ['dev', 'app_dev', known.hostname, known.port, 1, null, '2025-01-02 03:04:05'],
        ['dev', 'app_archive', known.hostname, known.port, 0, 'Archived', '2025-01-02 03:04:05'],
        ['qa', 'app_gone', '127.0.0.1', deadPort, 1, null, '2025-01-02 03:04:05'],
      ],
      audit: [
        ['prod', 'app_main', 'web01_8080', 'create_app_user', 'user created', '2025-02-01 10:00:00'],
        ['prod', 'app_main', 'web01_8080', 'reset_password', 'password reset', '2025-02-02 10:00:00'],
        ['old', 'nowhere', 'x\0y', 'create_dba_user', 'dba user created', '2025-02-03 10:00:00'],
        [null, null, null, null, null, '2025-02-04 10:00:00'],
      ],
    });

  test('becomes entries on registered servers; those of a server that does not answer are told and left out', async () => {
    const { status, body } = await postForm(await file(), 'pg_registry.db', options());
    expect(status).toBe(200);
    expect(body).toMatchObject({ created: 4, unchanged: 0, kept: 0, failed: 1 });
    const name = `127-0-0-1-${twins.left.port}`;
    expect(body.servers).toEqual(
      expect.arrayContaining([
        { ...known, result: 'known', server: 'host-1' },
        { ...left(), result: 'registered', server: name },
        // A standby is of the server of its primary, wherever it stands in the file.
        { ...right(), result: 'known', server: name },
        { hostname: '127.0.0.1', port: deadPort, result: 'failed', reason: expect.stringMatching(/refused|answer/) },
      ]),
    );
    expect(body.entries.map(({ result, server }: { result: string; server?: string }) => [result, server])).toEqual([
      ['created', name],
      ['created', name],
      ['created', 'host-1'],
      ['created', 'host-1'],
      ['failed', undefined],
    ]);
    expect(await list()).toMatchObject([
      { env: 'dev', db_name: 'app_archive', active: 0, notes: 'Archived', created_at: '2025-01-02 03:04:05' },
      { env: 'dev', db_name: 'app_dev', active: 1, notes: null, server: 'host-1' },
      { env: 'prod', db_name: 'app_main', hostname: '127.0.0.1', port: twins.left.port, server: name },
      { env: 'prod', db_name: 'app_reports', port: twins.right.port, server: name },
    ]);
    const probed = await stack.call('POST', `/v1/servers/${name}/probe`);
    expect(probed.body).toMatchObject({ endpoints: [{ role: 'primary' }], admin: { user: admin().user } });
  });

  test('brings its audit log along, once, with the original time, and nobody is said to have asked', async () => {
    const first = await postForm(await file(), 'pg_registry.db', options());
    expect([first.body.created, first.body.audit.complete]).toEqual([4, true]);
    expect(first.body.audit.imported + first.body.audit.known).toBe(4);
    const { rows } = await stack.control.db.query(
      `SELECT kind, actor, source, resource, outcome, detail FROM audit_log WHERE action = 'imported' ORDER BY id`,
    );
    expect(rows).toHaveLength(4);
    expect(rows[0]).toEqual({
      kind: 'outcome',
      actor: 'unknown',
      source: null,
      resource: `server/127-0-0-1-${twins.left.port}/role/web01_8080`,
      outcome: 'completed',
      detail: {
        env: 'prod',
        database: 'app_main',
        username: 'web01_8080',
        operation: 'create_app_user',
        status: 'user created',
        performed_at: '2025-02-01 10:00:00',
        source_id: 1,
        imported_by: 'importer',
      },
    });
    expect(rows[2]).toMatchObject({ resource: 'registry', detail: { username: 'x\u{fffd}y' } });
    expect(rows[3]).toMatchObject({ resource: 'registry', detail: { username: null } });
  });

  test('changes nothing when it is imported again', async () => {
    await postForm(await file(), 'pg_registry.db', options());
    const state = async () => [await list(), (await stack.call('GET', '/v1/servers')).body, await countOf('secrets')];
    const before = await state();
    const imported = `SELECT count(*)::int AS count FROM audit_log WHERE action IN ('imported', 'registry.create', 'server.register')`;
    const auditBefore = (await stack.control.db.query(imported)).rows;
    const again = await postForm(await file(), 'pg_registry.db', options());
    expect(again.body).toMatchObject({
      created: 0,
      unchanged: 4,
      kept: 0,
      failed: 1,
      audit: { imported: 0, known: 4, complete: true },
    });
    expect(await state()).toEqual(before);
    expect((await stack.control.db.query(imported)).rows).toEqual(auditBefore);
  });

  test('is taken as it is, with the default pair; TLS is verified then, so an unproven server is not logged in to', async () => {
    const answer = await sendTo(withDefaults, await file(), { 'content-type': SQLITE });
    expect(answer.body).toMatchObject({ created: 2, failed: 3 });
    const [refused] = answer.body.entries;
    expect(refused).toMatchObject({ result: 'failed', reason: expect.stringMatching(/TLS|SSL/) });
  });

  test('comes over a socket as well, small or large, by itself or in a form', async () => {
    const server = createAdaptorServer({ fetch: api.fetch });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => [
        'dev',
        `db${at}`,
        known.hostname,
        known.port,
        1,
        null,
        '2025-01-02 03:04:05',
      ]);
    try {
      for (const count of [1, 2000]) {
        const bytes = await publishedRegistry({ entries: many(count) });
        const form = new FormData();
        form.append('file', new File([bytes], 'pg_registry.db'));
        const plain = { method: 'POST', headers: { ...credentials, 'content-type': SQLITE }, body: bytes };
        const answers = [
          await fetch(url, plain),
          await fetch(url, { ...plain, body: new Blob([bytes]).stream(), duplex: 'half' } as RequestInit),
          await fetch(url, { method: 'POST', headers: credentials, body: form }),
        ];
        const counts = await Promise.all(answers.map((answer) => answer.json() as Promise<Record<string, number>>));
        const created = count === 1 ? 1 : 1999;
        expect(counts.map((one) => [one.created, one.unchanged])).toEqual([
          [created, count - created],
          [0, count],
          [0, count],
        ]);
      }
    } finally {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    }
  });

  test('needs no audit log and no entries', async () => {
    const empty = await post(SQLITE, await publishedRegistry({ entries: [] }));
    expect(empty).toEqual({
      status: 200,
      body: { created: 0, unchanged: 0, kept: 0, failed: 0, entries: [], servers: [] },
    });
  });

  test('names its servers, and the password is neither in the answer nor in the log nor in the audit log', async () => {
    const { body } = await postForm(await file(), 'pg_registry.db', options());
    const wrong = await postForm(await file(), 'x.db', options({ admin: { user: 'nobody', password: 'canary-4711' } }));
    expect(wrong.body.entries[0]).toMatchObject({ result: 'unchanged' });
    const { rows } = await stack.control.db.query('SELECT row_to_json(a)::text AS row FROM audit_log a');
    const seen = [JSON.stringify([body, wrong.body, rows]), await stack.log()].join('\n');
    expect(seen).not.toContain(admin().password);
    expect(seen).not.toContain('canary-4711');
  });
});

describe('what may be a server', () => {
  const one = (change: Record<string, unknown> = {}, given: Record<string, unknown> = options()) =>
    postJson({ ...given, entries: [entry({ ...left(), ...change })] });

  test('one whose login is refused is told, and nothing is registered', async () => {
    const { body } = await one({}, options({ admin: { user: admin().user, password: 'wrong' } }));
    expect(body.entries[0]).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(/password authentication failed/),
    });
    expect((await stack.call('GET', '/v1/servers')).body.servers).toHaveLength(1);
  });

  test('without credentials none is asked', async () => {
    const { body } = await one({}, { tls: { mode: 'disable' } });
    expect(body.entries[0].reason).toMatch(
      /there are no credentials to register it with: send "admin", or set PG_ADMIN_USER/,
    );
  });

  test('the metadata server is refused (R3)', async () => {
    const { host, port, user, password } = stack.metadata;
    const { body } = await one({ hostname: host, port }, options({ admin: { user, password } }));
    expect(body.entries[0]).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(/metadata server of this installation/),
    });
  });

  test('another address of a registered cluster is that server', async () => {
    await one();
    const { body } = await one({ db_name: 'other', hostname: 'localhost' });
    expect(body.servers).toEqual([
      { hostname: 'localhost', port: twins.left.port, result: 'known', server: `127-0-0-1-${twins.left.port}` },
    ]);
    expect(body.created).toBe(1);
  });

  test('one that an entry names is taken without being asked', async () => {
    const { body } = await postJson({
      entries: [entry({ hostname: 'alias', server: 'host-1' }), entry({ env: 'qa', server: 'none' })],
    });
    expect(body.entries).toMatchObject([
      { result: 'created', hostname: 'alias', server: 'host-1' },
      { result: 'failed', reason: 'no server is registered with the name "none"' },
    ]);
    expect(body.servers).toEqual([]);
  });

  test('one that several imports meet at once is registered once', async () => {
    const apps = Array.from({ length: 5 }, () => createApp(stack.api));
    const answers = await Promise.all(
      apps.map((app, at) =>
        sendTo(
          app,
          JSON.stringify({ ...options(), entries: [entry({ ...left(), env: `e${at}` }), entry({ ...left() })] }),
          {
            'content-type': 'application/json',
          },
        ),
      ),
    );
    expect(answers.map(({ body }) => body.failed)).toEqual([0, 0, 0, 0, 0]);
    expect(answers.filter(({ body }) => body.servers[0].result === 'registered')).toHaveLength(1);
    expect(await list()).toHaveLength(6);
    expect((await stack.call('GET', '/v1/servers')).body.servers).toHaveLength(2);
  });
});

test('servers that never answer do not hold an import up beyond its time, and are told', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '0.0.0.0');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  // More than are asked at a time: every address of the loopback network leads to the listener.
  const addresses = Array.from({ length: 40 }, (_, at) => ({ hostname: `127.0.0.${at + 1}`, port }));
  try {
    const startedAt = performance.now();
    const results = await findServers(
      stack.api,
      { account: 'ci', isAdmin: true, role: 'admin', requestId: 'test-request' },
      { addresses, options: importOptionsSchema.parse(options()), deadline: AbortSignal.timeout(1000) },
    );
    // A time-out of one of them would be 5 s, and there are three rounds.
    expect(performance.now() - startedAt).toBeLessThan(4000);
    expect([...results.values()].map(({ result }) => result)).toEqual(addresses.map(() => 'failed'));
    expect([...results.values()].at(-1)?.reason).toBe(
      'the server was not asked within the time of one import; import again',
    );
  } finally {
    silent.close();
    for (const socket of sockets) socket.destroy();
  }
});

describe('entries', () => {
  test('of the published list of another installation are taken as they are', async () => {
    const published = {
      count: 1,
      databases: [{ id: 7, active: 0, notes: 'n', created_at: '2024-05-06 07:08:09', ...entry() }],
    };
    expect((await postJson(published)).body.created).toBe(1);
    const { id: _, server: __, ...shown } = (await list())[0];
    const { id: ___, ...same } = published.databases[0] as Record<string, unknown>;
    expect(shown).toEqual(same);
  });

  test('of a CSV file are taken by the names in its first line', async () => {
    const { hostname, port } = known;
    const csv = `\u{feff}Env,hostname, db_name ,notes,port,active\r\ndev,${hostname},a,"Main, ""first""",${port},yes\r\n\r\nqa,${hostname},b,,${port},0\r\n`;
    expect((await post('text/csv; charset=utf-8', csv)).body).toMatchObject({ created: 2, failed: 0 });
    expect(await list()).toMatchObject([
      { env: 'dev', db_name: 'a', notes: 'Main, "first"', active: 1 },
      { env: 'qa', db_name: 'b', notes: null, active: 0 },
    ]);
  });

  test('that are wrong are told by what is wrong, and harm no other', async () => {
    const { status, body } = await postJson({
      entries: [
        entry(),
        entry({ env: '*' }),
        entry({ env: 'qa', port: 70_000 }),
        entry({ env: 'qa', hostname: undefined, port: 'x' }),
        entry({ env: 'qa', color: 'red' }),
        entry({ env: 'qa', created_at: 'yesterday' }),
        entry({ notes: 'again' }),
        7,
        null,
        entry({ env: 'uat' }),
      ],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ created: 2, failed: 8 });
    expect(body.entries.map(({ reason }: { reason?: string }) => reason)).toEqual([
      undefined,
      'env must not be "*", which stands for every environment',
      'port must be lesser or equal than 65535 but got value 70000',
      expect.stringContaining('"hostname" is missing from the entry'),
      expect.stringContaining('has no field "color"'),
      'created_at must be a time such as 2026-03-01 09:30:00',
      'is in the file twice: only the first one counts',
      expect.stringContaining('must be an object'),
      expect.any(String),
      undefined,
    ]);
    expect(body.entries[2]).toMatchObject({ env: 'qa', db_name: 'shop' });
  });

  test('that are there and differ are left as they are, and told', async () => {
    await postJson({ entries: [entry({ notes: 'mine' })] });
    const { body } = await postJson({ entries: [entry({ notes: 'theirs', active: false })] });
    expect(body.entries[0]).toMatchObject({
      result: 'kept',
      reason: 'is registered with another active, notes; change it with PATCH',
    });
    expect(await list()).toMatchObject([{ notes: 'mine', active: 1 }]);
  });

  test('are each in the audit log, between the two rows of the import', async () => {
    const { rows: last } = await stack.control.db.query('SELECT max(id) AS id FROM audit_log');
    await postJson({ entries: [entry(), entry({ env: 'qa' })] });
    const { rows } = await stack.control.db.query(
      `SELECT kind || ' ' || action AS row, resource, detail FROM audit_log WHERE id > $1 ORDER BY id`,
      [last[0].id],
    );
    expect(rows.map(({ row }) => row)).toEqual([
      'intent registry.import',
      'outcome registry.create',
      'outcome registry.create',
      'outcome registry.import',
    ]);
    expect(rows[1]).toMatchObject({
      resource: expect.stringMatching(/^registry\/\d+$/),
      detail: { after: { env: 'dev' } },
    });
    expect(rows[3]?.detail).toMatchObject({ format: 'json', entries: 2, created: 2, failed: 0 });
  });

  test('by the ten thousand are taken in one request, and again without a change', async () => {
    const { hostname, port } = known;
    const lines = Array.from({ length: 10_000 }, (_, at) => `env${at % 20},db${at},${hostname},${port}`);
    const csv = `env,db_name,hostname,port\n${lines.join('\n')}`;
    expect((await post('text/csv', csv)).body).toMatchObject({ created: 10_000, failed: 0 });
    expect((await post('text/csv', csv)).body).toMatchObject({ created: 0, unchanged: 10_000 });
  });
});

describe('a request', () => {
  test('is answered the same under the same Idempotency-Key', async () => {
    const key = { 'Idempotency-Key': 'import-1' };
    const first = await postJson({ entries: [entry()] }, key);
    expect(await postJson({ entries: [entry()] }, key)).toEqual(first);
    expect(first.body.created).toBe(1);
    expect((await postJson({ entries: [] }, key)).status).toBe(409);
  });

  test.each([
    ['text/plain', 'x', 415, 'an import is one of application/json, text/csv, application/vnd.sqlite3'],
    ['application/json', '', 400, 'the file is empty'],
    ['application/json', '{"entries":', 400, 'the body is not valid JSON'],
    ['application/json', '[]', 400, 'invalid value for "body", must be an object'],
    ['application/json', '{}', 400, 'body must have "entries" or "databases"'],
    ['application/json', '{"entries":[],"databases":[]}', 400, 'body must have "entries" or "databases"'],
    ['application/json', '{"entries":{}}', 400, 'invalid value for "body.entries", must be an array'],
    ['application/json', '{"entries":[],"tls":{"mode":"maybe"}}', 400, 'value of body.tls.mode must be one of'],
    [
      'application/json',
      '{"entries":[],"tls":{"mode":"require","ca_certificate":"x"}}',
      400,
      'is no certificate in PEM form',
    ],
    ['application/json', '{"entries":[],"admin":{"user":"a"}}', 400, '"password" is missing from body.admin'],
    [
      'application/json',
      '{"entries":[],"admin":{"user":"a","password":7}}',
      400,
      'invalid value for "body.admin.password"',
    ],
    [
      'application/json',
      `{"entries":[${'1,'.repeat(20_000)}1]}`,
      400,
      'length of body.entries must be lesser or equal than 20000',
    ],
    ['text/csv', 'env,db_name\ndev,shop', 400, 'the CSV file has no column hostname in its first line'],
    ['text/csv', 'env,db_name,hostname,prot\na,b,c,1', 400, 'the CSV file has columns that mean nothing here: "prot"'],
    ['text/csv', 'env,env,db_name,hostname\na,b,c,1', 400, 'the CSV file has a column twice'],
    ['text/csv', 'env,db_name,hostname\ndev,shop', 400, 'on line 2'],
    ['text/csv', 'env,db_name,hostname\ndev,"shop,h', 400, 'the CSV file cannot be read'],
    ['text/csv', `env,db_name,hostname\n${'a,b,c\n'.repeat(20_001)}`, 400, 'has more than 20000 entries'],
    [SQLITE, 'env,db_name', 400, 'the file is no SQLite database'],
    [SQLITE, 'SQLite format 3\0', 400, 'the file cannot be read'],
    ['multipart/form-data', 'x', 400, 'the form cannot be decoded'],
  ])('that is wrong is refused with the reason: %s %#', async (type, body, status, message) => {
    const answer = await post(type, body);
    expect([answer.status, answer.body]).toEqual([status, { error: expect.stringContaining(message) }]);
    expect(await list()).toEqual([]);
  });

  test('that is not UTF-8 is refused', async () => {
    const bytes = new Uint8Array([0x65, 0xff, 0xfe]);
    expect((await post('text/csv', bytes)).body).toEqual({ error: 'the CSV file is not UTF-8' });
    expect((await post('application/json', bytes)).body).toEqual({ error: 'the body is not valid UTF-8' });
  });

  test.each([
    ['without a registry', [['CREATE TABLE t (a)']], 'has no table db_registry'],
    [
      'with another registry',
      [['CREATE TABLE db_registry (env, db_name, hostname)']],
      'without port, active, notes, created_at',
    ],
    [
      'whose registry is a view that never ends',
      [
        [
          `CREATE VIEW db_registry (env, db_name, hostname, port, active, notes, created_at) AS
           WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i, i, i, i, i, i, i FROM r`,
        ],
      ],
      'db_registry is not a plain table',
    ],
    [
      'whose columns are computed',
      [
        [
          `CREATE TABLE db_registry (env, db_name, hostname, port, active, notes AS (hex(zeroblob(100000000))), created_at)`,
        ],
      ],
      'without notes',
    ],
  ] as [string, [string][], string][])('with an SQLite file %s is refused', async (_, statements, message) => {
    const answer = await post(SQLITE, await sqliteFile(...statements));
    expect([answer.status, answer.body]).toEqual([400, { error: expect.stringContaining(message) }]);
  });

  test('with a damaged SQLite file, wherever the damage is, is refused or read, and never fails', async () => {
    const rows = Array.from({ length: 300 }, (_, at) => [
      'dev',
      `db${at}`,
      known.hostname,
      known.port,
      1,
      'x'.repeat(50),
      null,
    ]);
    const sound = await publishedRegistry({ entries: rows.map((row) => [...row.slice(0, 6), '2025-01-01 00:00:00']) });
    for (let at = 100; at < sound.length; at += Math.ceil(sound.length / 12)) {
      const damaged = sound.slice();
      damaged.fill(0xff, at, at + 200);
      const answer = await post(SQLITE, damaged);
      expect([200, 400]).toContain(answer.status);
      await stack.control.db.query('DELETE FROM registry');
    }
    const cut = await post(SQLITE, sound.slice(0, sound.length / 2));
    expect(cut).toMatchObject({ status: 400, body: { error: expect.stringMatching(/^the file cannot be read: /) } });
  });

  test('with an SQLite file in WAL mode is refused, and the answer says what to do', async () => {
    const bytes = await publishedRegistry({ entries: [] });
    bytes.fill(2, 18, 20);
    expect((await post(SQLITE, bytes)).body.error).toMatch(/^the file is in WAL mode.*PRAGMA journal_mode=DELETE/);
  });

  test.each([
    ['options that are not JSON', '{', 'the body is not valid JSON'],
    ['odd options', { tls: { mode: 'x' } }, 'value of options.tls.mode must be one of'],
    ['options of a body', { entries: [] }, 'options has no field "entries"'],
  ])('with %s in its form is refused', async (_, given, message) => {
    const answer = await postForm('env,db_name,hostname\n', 'a.csv', given);
    expect([answer.status, answer.body]).toEqual([400, { error: expect.stringContaining(message) }]);
  });

  test('in a form without a file, or with a file of no known kind, is refused', async () => {
    const form = new FormData();
    form.append('options', '{}');
    expect((await sendTo(api, form, {})).body).toEqual({ error: '"file" is missing from the form' });
    expect((await postForm('x', 'a.xlsx')).status).toBe(415);
  });

  test('above the bound of its kind is refused with 413', async () => {
    const text = await post('text/csv', 'x'.repeat(8 * 1024 * 1024 + 1));
    expect([text.status, text.body]).toEqual([413, { error: 'csv exceeds 8388608 bytes' }]);
    const huge = await post(SQLITE, 'x', { 'content-length': String(64 * 1024 * 1024 + 1) });
    expect([huge.status, huge.body]).toEqual([413, { error: 'the body exceeds 67108864 bytes' }]);
    const elsewhere = await stack.call('POST', '/api/v1/registry', { notes: 'x'.repeat(800_000) });
    expect(elsewhere.status).toBe(413);
  });

  test('that comes while another import is under way in the process is asked to come again', async () => {
    const imports = () => postJson({ ...options(), entries: [entry(left())] });
    const [first, second] = await Promise.all([imports(), imports()]);
    expect([first.status, second.status].sort()).toEqual([200, 503]);
    expect((await imports()).status).toBe(200);
  });
});
