/** Requests as the published clients write them, over real sockets: `cb` over TLS, the Terraform provider over plain HTTP. */
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../api/app.ts';
import { clusters as family } from '../../api/families.ts';
import { eidOf } from '../../domain/clusters/eid.ts';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../platform/local/certificates.ts';
import { type RunningApi, startApi } from '../../worker/api-server.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { type Member, makeCluster, makeMember, makeTeam } from './support/estate.ts';
import { likeCb, likeTerraform, type Send, type WireAnswer } from './support/wire.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NOWHERE = eidOf('00000000-0000-4000-8000-000000000001');

let stack: TestStack;
let api: RunningApi;
let cb: Send;
let terraform: Send;
/** Of one team with the stack's own server; `member` is a mere member there. */
let ada: Member;
let member: Member;
/** Of another team, with a cluster of its own. */
let stranger: Member;
let team: Awaited<ReturnType<typeof makeTeam>>;
let cluster: Awaited<ReturnType<typeof makeCluster>>;
let foreignTeam: typeof team;
let foreign: typeof cluster;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  const { home } = stack.config;
  const authority = await ensureCertificateAuthority(join(home, 'tls'));
  const { certificatePem: cert, keyPem: key } = await ensureServerCertificate({
    ca: authority,
    dir: join(home, 'tls'),
    names: ['localhost'],
    addresses: [],
  });
  api = await startApi({
    config: {
      ...stack.config,
      listen: { address: '127.0.0.1', port: 0 },
      clustersListen: { address: '127.0.0.1', port: 0 },
    },
    control: stack.control,
    temporal: stack.temporal,
    eagerStart: false,
    clustersTls: { cert, key },
    log: stack.api.log,
  });
  cb = likeCb(api.clustersUrl ?? '', authority.certificatePem);
  terraform = likeTerraform(api.url);
  ada = await makeMember(stack, { role: 'member', name: 'ada' });
  await stack.control.db.query(`UPDATE accounts SET email = 'ada@example.com' WHERE name = 'ada'`);
  member = await makeMember(stack, { role: 'member' });
  stranger = await makeMember(stack, { role: 'member' });
  team = await makeTeam(stack, [
    [ada, 'admin'],
    [member, 'member'],
  ]);
  cluster = await makeCluster(stack, { teamId: team.id, name: 'storefront', serverName: 'host-1' });
  foreignTeam = await makeTeam(stack, [[stranger, 'admin']]);
  foreign = await makeCluster(stack, {
    teamId: foreignTeam.id,
    change: { tls: { mode: 'require' }, endpoints: [{ address: '127.0.0.1', port: 1 }] },
  });
});
afterAll(async () => {
  await api?.stop();
  await stack?.stop();
});

/** An error as clients of the family read it. */
function expectRefusal({ status, headers, body }: WireAnswer, expected: { status: number; message: RegExp }): void {
  expect([status, body]).toEqual([
    expected.status,
    {
      code: null,
      is_transient: [429, 500, 503].includes(expected.status),
      message: expect.stringMatching(expected.message),
      request_id: expect.stringMatching(UUID),
    },
  ]);
  expect(headers['x-request-id']).toBe(body.request_id);
  expect(headers['content-type']).toMatch(/^application\/json/);
}

describe('cb', () => {
  test('is told who it is', async () => {
    const { status, body } = await cb('GET', '/account', { key: ada.key });
    expect([status, body]).toEqual([
      200,
      { id: ada.eid, name: 'ada', email: 'ada@example.com', default_team_id: team.eid },
    ]);
  });

  test('gets texts where an account has no e-mail address, because it ends without', async () => {
    const { body } = await cb('GET', '/account', { key: member.key });
    expect(body).toMatchObject({ id: member.eid, email: '' });
  });

  test('finds a cluster by its name: teams in order of their names, then the clusters of each', async () => {
    const teams = await cb('GET', '/teams?order_field=name', { key: ada.key });
    expect(teams.body).toEqual({
      teams: [
        {
          id: team.eid,
          name: team.name,
          is_personal: false,
          is_default: true,
          role: 'admin',
          default_role_flavor: 'read',
          billing_email: null,
          enforce_sso: null,
        },
      ],
      next_cursor: null,
    });
    const clusters = await cb('GET', `/clusters?team_id=${team.eid}&order_field=name`, { key: ada.key });
    expect(clusters.body).toEqual({
      clusters: [expect.objectContaining({ id: cluster.eid, name: 'storefront' })],
      has_more: false,
      next_cursor: null,
    });
  });

  test('gets every member of a cluster that it ends without, sizes as whole numbers', async () => {
    const { status, body, text } = await cb('GET', `/clusters/${cluster.eid}`, { key: member.key });
    const [endpoint] = stack.target.address.endpoints;
    expect(status).toBe(200);
    expect(body).toEqual({
      id: cluster.eid,
      name: 'storefront',
      team_id: team.eid,
      host: endpoint?.address,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      updated_at: expect.stringMatching(/Z$/),
      is_ha: false,
      major_version: 18,
      cpu: 0,
      memory: 0,
      storage: 0,
      plan_id: 'registered',
      provider_id: 'pgsteward',
      region_id: 'registered',
      tailscale_active: false,
      state: 'ready',
      cluster_id: null,
      network_id: null,
      maintenance_window_start: null,
      replicas: null,
    });
    for (const name of ['cpu', 'memory', 'storage', 'major_version']) {
      expect(text).toMatch(new RegExp(`"${name}":\\d+[,}]`));
    }
  });

  test('asks for one team, as it does before it shows roles', async () => {
    const { status, body } = await cb('GET', `/teams/${team.eid}`, { key: member.key });
    expect([status, body]).toMatchObject([200, { id: team.eid, name: team.name, role: 'member' }]);
  });

  test('gets the authority that the server is verified against, as psql is started with', async () => {
    const { status, headers, text } = await cb('GET', `/teams/${team.eid}.pem`, { key: member.key });
    expect([status, headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/plain/)]);
    const { endpoints, adminUser: user, adminPassword: password } = stack.target.address;
    const client = new pg.Client({
      host: endpoints[0]?.address,
      port: endpoints[0]?.port,
      user,
      password,
      database: 'postgres',
      ssl: { ca: text, rejectUnauthorized: true },
    });
    await client.connect();
    await client.end();
  });

  test('gets the authorities of all servers of a team, each once', async () => {
    const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----`;
    const own = await makeTeam(stack, [[ada, 'member']]);
    for (const [name, caCertificate] of [
      ['a one', pem('A')],
      ['b two', pem('B')],
      ['c three', pem('A')],
    ] as const) {
      await makeCluster(stack, { teamId: own.id, name, change: { tls: { mode: 'verify-ca', caCertificate } } });
    }
    const { text } = await cb('GET', `/teams/${own.eid}.pem`, { key: ada.key });
    expect(text).toBe(`${pem('A')}\n${pem('B')}\n`);
  });

  test('is told where no authority is known', async () => {
    expectRefusal(await cb('GET', `/teams/${foreignTeam.eid}.pem`, { key: stranger.key }), {
      status: 404,
      message: /no server .* with a certificate/,
    });
  });

  test('sees whether the server answers', async () => {
    const status = (eid: string, { key }: Member) => cb('GET', `/clusters/${eid}/status`, { key });
    expect((await status(cluster.eid, member)).body).toEqual({ state: 'ready', oldest_backup_at: null });
    expect((await status(foreign.eid, stranger)).body).toEqual({ state: 'unavailable', oldest_backup_at: null });
  });

  test('exchanges its key by a form, with the grant in the singular', async () => {
    const { status, body } = await cb('POST', '/access-tokens', {
      body: new URLSearchParams({ grant_type: 'client_credential', client_secret: ada.key }).toString(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect([status, body]).toEqual([200, accessToken(ada)]);
  });

  test('is answered on its own listener only about clusters', async () => {
    for (const path of ['/', '/v1/databases', '/api/v1/registry', '/providers']) {
      expectRefusal(await cb('GET', path, { key: ada.key }), { status: 404, message: /no such endpoint/ });
    }
  });
});

describe('the Terraform provider', () => {
  test('reads the teams as lists and nothing else', async () => {
    const { body } = await terraform('GET', '/teams', { key: ada.key });
    expect(Object.values(body).filter((value) => value !== null && !Array.isArray(value))).toEqual([]);
  });

  test('reads account, clusters and status', async () => {
    const account = await terraform('GET', '/account', { key: ada.key });
    expect(account.body.default_team_id).toBe(team.eid);
    const clusters = await terraform('GET', `/clusters?team_id=${team.eid}`, { key: ada.key });
    expect(clusters.body.clusters).toHaveLength(1);
    const status = await terraform('GET', `/clusters/${cluster.eid}/status`, { key: ada.key });
    expect(status.body.state).toBe('ready');
  });

  test('swaps its key by HTTP Basic without a body, uses the token and ends it', async () => {
    const basic = Buffer.from(`any-application-id:${ada.key}`).toString('base64');
    const swapped = await terraform('POST', '/access-tokens', { headers: { Authorization: `Basic ${basic}` } });
    expect([swapped.status, swapped.body]).toEqual([200, accessToken(ada)]);
    const { id, access_token: key } = swapped.body;
    expect((await terraform('GET', '/account', { key })).body.id).toBe(ada.eid);
    const ended = await terraform('DELETE', `/access-tokens/${id}`, { key });
    expect([ended.status, ended.body]).toEqual([
      200,
      { id, account_id: ada.eid, token_type: 'bearer', expires_at: swapped.body.expires_at },
    ]);
    expectRefusal(await terraform('GET', '/account', { key }), { status: 401, message: /revoked/ });
  });
});

function accessToken({ eid }: Member) {
  return {
    id: expect.stringMatching(/^[a-z2-7]{25}[aeimquy4]$/),
    account_id: eid,
    access_token: expect.stringMatching(/^cbat_[\w-]{43}$/),
    token_type: 'bearer',
    expires_in: expect.toSatisfy((seconds) => Number.isInteger(seconds) && seconds > 3590 && seconds <= 3600),
    expires_at: expect.stringMatching(/Z$/),
  };
}

describe('bodies', () => {
  test.each([
    ['without a media type', {}],
    ['called text', { 'Content-Type': 'text/plain' }],
    ['called JSON', { 'Content-Type': 'application/json; charset=utf-8' }],
    ['called a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
  ])('of JSON are read %s', async (_, headers) => {
    const body = JSON.stringify({ client_secret: ada.key });
    expect((await cb('POST', '/access-tokens', { body, headers })).status).toBe(200);
  });

  test.each([
    ['{"client_secret"', /not valid JSON/],
    ['{}', /"client_secret" is missing from body/],
    ['{"client_secret":7}', /client_secret/],
    ['[]', /client_secret/],
    ['{"client_secret":"cbkey_x","grant_type":"password"}', /grant_type/],
    ['', /"client_secret" is missing from body/],
  ])('such as %s are refused, without repeating them', async (body, message) => {
    expectRefusal(await cb('POST', '/access-tokens', { body }), { status: 400, message });
  });

  test('that are too large are refused', async () => {
    const body = 'x'.repeat(800_000);
    expectRefusal(await cb('POST', '/access-tokens', { body }), { status: 413, message: /exceeds/ });
  });
});

describe('every error has the shape of the family', () => {
  test.each([
    ['GET', '/teams/nonsense/more', 404, /no such endpoint/],
    ['GET', '/account/', 404, /no such endpoint/],
    ['DELETE', '/account', 405, /takes GET, HEAD/],
    ['PATCH', '/clusters', 405, /takes GET, HEAD/],
    ['GET', '/clusters/0vf73a77ozfsvcttryebfrnlem', 400, /EID/],
    ['GET', '/clusters/rvf73a77ozfsvcttryebfrnlen', 400, /EID/],
    ['GET', '/clusters/storefront/status', 400, /EID/],
    ['GET', '/teams/%00', 400, /EID/],
    ['GET', '/clusters?team_id=x', 400, /EID/],
    ['GET', '/teams?limit=0', 400, /limit/],
    ['GET', '/teams?limit=201', 400, /limit/],
    ['GET', '/teams?limit=many', 400, /limit/],
    ['GET', '/clusters?order=up', 400, /order/],
    ['GET', '/clusters?order_field=host', 400, /order_field/],
    ['GET', '/clusters?cursor=storefront', 400, /cursor/],
    ['DELETE', '/access-tokens/1', 400, /EID/],
    ['DELETE', `/access-tokens/${NOWHERE}`, 404, /no such access token/],
  ] as const)('%s %s: %i', async (method, path, status, message) => {
    expectRefusal(await cb(method, path, { key: ada.key }), { status, message });
  });

  test('also for callers that are not known', async () => {
    expectRefusal(await cb('GET', '/account'), { status: 401, message: /credentials are needed/ });
    expectRefusal(await cb('GET', '/account', { key: 'nonsense' }), { status: 401, message: /known forms/ });
    expectRefusal(await cb('GET', '/teams', { key: `cbkey_${'x'.repeat(43)}` }), { status: 401, message: /unknown/ });
  });

  test('and no route of the family answers 204', async () => {
    const { paths } = (await stack.call('GET', '/v1/openapi.json')).body;
    const own = Object.entries<Record<string, { responses: object }>>(paths).filter(([path]) =>
      family.prefixes.some((prefix) => path.startsWith(prefix)),
    );
    expect(own.length).toBeGreaterThanOrEqual(8);
    const statuses = own.flatMap(([, methods]) => Object.values(methods).flatMap((one) => Object.keys(one.responses)));
    expect(statuses).not.toContain('204');
  });
});

describe('request ids', () => {
  test('of callers come back in the header and in errors', async () => {
    const id = 'f47ac10b-58cc-4372-a567-0e02b2c3d479';
    const headers = { 'X-Request-Id': id };
    expect((await cb('GET', '/account', { key: ada.key, headers })).headers['x-request-id']).toBe(id);
    expect((await cb('GET', '/account', { headers })).body.request_id).toBe(id);
  });

  test('are made where there is none, or none that is a UUID', async () => {
    const ids = await Promise.all(
      [{}, { 'X-Request-Id': 'order-4711-retry' }].map(async (headers) => {
        const answer = await cb('GET', '/account', { key: ada.key, headers });
        return answer.headers['x-request-id'];
      }),
    );
    expect(ids).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID)]);
    expect(ids[0]).not.toBe(ids[1]);
  });

  test('of other names are ignored', async () => {
    const headers = { 'X-Crunchy-Foo-Bar': 'x', 'X-Parent-Request-Id': 'no uuid' };
    expect((await cb('GET', '/account', { key: ada.key, headers })).status).toBe(200);
  });
});

describe('what belongs to another team', () => {
  test('answers like what is not there', async () => {
    for (const path of ['/clusters/ID', '/clusters/ID/status']) {
      const theirs = await cb('GET', path.replace('ID', foreign.eid), { key: ada.key });
      const missing = await cb('GET', path.replace('ID', NOWHERE), { key: ada.key });
      expectRefusal(theirs, { status: 404, message: /no such cluster/ });
      expect(theirs.body.message).toBe(missing.body.message);
    }
    for (const suffix of ['', '.pem']) {
      const theirs = await cb('GET', `/teams/${foreignTeam.eid}${suffix}`, { key: ada.key });
      const missing = await cb('GET', `/teams/${NOWHERE}${suffix}`, { key: ada.key });
      expectRefusal(theirs, { status: 404, message: /no such team/ });
      expect(theirs.body.message).toBe(missing.body.message);
    }
  });

  test('is in no list', async () => {
    const { body } = await cb('GET', '/clusters', { key: stranger.key });
    expect(body.clusters.map(({ id }: { id: string }) => id)).toEqual([foreign.eid]);
    const asked = await cb('GET', `/clusters?team_id=${foreignTeam.eid}`, { key: ada.key });
    const nowhere = await cb('GET', `/clusters?team_id=${NOWHERE}`, { key: ada.key });
    expect([asked.status, asked.body]).toEqual([200, nowhere.body]);
  });

  test('is out of reach for administrators of everything, too: no role of an account implies one in a team', async () => {
    const admin = await makeMember(stack, { role: 'admin' });
    expect((await cb('GET', `/clusters/${cluster.eid}`, { key: admin.key })).status).toBe(404);
    expect((await cb('GET', '/teams', { key: admin.key })).body.teams).toEqual([]);
    expect((await cb('GET', '/account', { key: admin.key })).body.default_team_id).toBeNull();
  });

  test('and so is what lies outside of the scope of a key', async () => {
    const confined = await makeMember(stack, { role: 'member', key: { scope: { servers: ['host-1'] } } });
    const both = await makeTeam(stack, [[confined, 'admin']]);
    const other = await makeCluster(stack, { teamId: both.id });
    await stack.control.db.query('INSERT INTO team_members VALUES ($1, $2, $3)', [
      team.id,
      confined.account.id,
      'member',
    ]);
    expect((await cb('GET', `/clusters/${other.eid}`, { key: confined.key })).status).toBe(404);
    const { body } = await cb('GET', '/clusters', { key: confined.key });
    expect(body.clusters.map(({ id }: { id: string }) => id)).toEqual([cluster.eid]);
  });
});

describe('keys', () => {
  const exchange = (secret: string, headers: Record<string, string> = {}) =>
    cb('POST', '/access-tokens', { body: JSON.stringify({ client_secret: secret }), headers });

  test('of every format are accepted as bearer, here and below /v1', async () => {
    expect((await cb('GET', '/account', { key: ada.token.text })).body.id).toBe(ada.eid);
    expect((await stack.as({ Authorization: `Bearer ${ada.key}` }).call('GET', '/v1/me')).body.account).toBe('ada');
  });

  test('are made below /v1, in the form that clients demand', async () => {
    const { call } = stack.as(ada.credentials);
    const made = await call('POST', '/v1/tokens', { name: 'terraform', format: 'cbkey' });
    expect([made.status, made.body.secret]).toEqual([201, expect.stringMatching(/^cbkey_[\w-]{43}$/)]);
    expect(made.body.token.prefix).toMatch(/^cbkey_.{5}$/);
    expect((await cb('GET', '/account', { key: made.body.secret })).body.id).toBe(ada.eid);
    expect((await call('POST', '/v1/tokens', { name: 'x', format: 'cbat' })).status).toBe(400);
  });

  test('are the only thing that is exchanged', async () => {
    const { body } = await exchange(ada.key);
    for (const secret of [ada.token.text, body.access_token, 'nonsense']) {
      expectRefusal(await exchange(secret), { status: 401, message: /no API key/ });
    }
    expectRefusal(await exchange(`cbkey_${'y'.repeat(43)}`), { status: 401, message: /unknown/ });
  });

  test('end with the tokens that were given for them', async () => {
    const { text: key, id } = await newKey(ada);
    const { body } = await exchange(key);
    expect((await stack.as(ada.credentials).call('DELETE', `/v1/tokens/${id}`)).status).toBe(200);
    expect((await cb('GET', '/account', { key: body.access_token })).status).toBe(401);
    expectRefusal(await exchange(key), { status: 401, message: /revoked/ });
  });

  test('give tokens that have no more rights and no longer life than themselves', async () => {
    const ends = new Date(Date.now() + 60_000);
    const narrow = await makeMember(stack, {
      role: 'admin',
      key: { role: 'auditor', scope: { servers: ['host-1'] }, expiresAt: ends },
    });
    const { body } = await exchange(narrow.key);
    expect(body.expires_in).toBeLessThanOrEqual(60);
    const me = await stack.as({ Authorization: `Bearer ${body.access_token}` }).call('GET', '/v1/me');
    expect(me.body).toMatchObject({ role: 'auditor', scope: { servers: ['host-1'] } });
  });

  test('of others end nothing of mine, and what was ended is gone', async () => {
    const { body } = await exchange(ada.key);
    const end = (key: string) => cb('DELETE', `/access-tokens/${body.id}`, { key });
    expectRefusal(await end(stranger.key), { status: 404, message: /no such access token/ });
    expect((await end(ada.key)).status).toBe(200);
    expectRefusal(await end(ada.key), { status: 410, message: /ended before/ });
    const own = await cb('DELETE', `/access-tokens/${eidOf(ada.keyId)}`, { key: ada.key });
    expectRefusal(own, { status: 404, message: /no such access token/ });
  });

  test('get the same token for the same Idempotency-Key, and the answer says so', async () => {
    const headers = { 'Idempotency-Key': '8c6f7c39-2f4b-4f0e-9b77-1a4f7a6f0c11' };
    const first = await exchange(ada.key, headers);
    const again = await exchange(ada.key, headers);
    expect(again.body.access_token).toBe(first.body.access_token);
    expect([first, again].map((answer) => answer.headers['idempotency-replay'])).toEqual([undefined, 'true']);
    const { text: other } = await newKey(ada);
    expectRefusal(await exchange(other, headers), { status: 409, message: /Idempotency-Key/ });
    const others = await exchange(stranger.key, headers);
    expect([others.status, others.body.account_id]).toEqual([200, stranger.eid]);
    const { rows } = await stack.control.db.query(
      `SELECT actor FROM audit_log WHERE kind = 'reveal' AND action = 'token.secret' AND token_id = $1`,
      [ada.keyId],
    );
    expect(rows).toEqual([{ actor: 'ada' }]);
  });

  test('are on record when they are used for a token, and when that is ended', async () => {
    const { text: key, id: keyId } = await newKey(member);
    const { body } = await exchange(key);
    await cb('DELETE', `/access-tokens/${body.id}`, { key });
    const { rows } = await stack.control.db.query(
      `SELECT action, actor FROM audit_log WHERE token_id = $1 AND kind = 'outcome' ORDER BY id`,
      [keyId],
    );
    const actor = member.account.name;
    expect(rows).toEqual([
      { action: 'token.create', actor },
      { action: 'token.revoke', actor },
    ]);
    expect(JSON.stringify((await stack.control.db.query('SELECT * FROM audit_log')).rows)).not.toContain(
      body.access_token.slice(11),
    );
  });

  async function newKey(of: Member): Promise<{ text: string; id: string }> {
    const { body } = await stack.as(of.credentials).call('POST', '/v1/tokens', { name: 'other', format: 'cbkey' });
    return { text: body.secret, id: body.token.id };
  }
});

describe('too many requests', () => {
  test('of one token are answered 429 with the seconds to wait, those of others and of other families are not', async () => {
    const app = createApp({ ...stack.api, clusters: { requestsPerMinute: 2 } });
    const ask = (path: string, { key }: Member) =>
      app.request(`http://localhost:3000${path}`, { headers: { Authorization: `Bearer ${key}` } });
    const statuses = [];
    for (const path of ['/account', '/teams', '/clusters', '/v1/me']) statuses.push((await ask(path, ada)).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
    const refused = await ask('/account', ada);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ is_transient: true, message: expect.stringContaining('2 requests') });
    expect((await ask('/account', stranger)).status).toBe(200);
  });

  test('with wrong keys from one address are answered 429', async () => {
    const app = createApp({ ...stack.api, log: pino({ level: 'silent' }) });
    const guess = () =>
      app.request('http://localhost:3000/access-tokens', {
        method: 'POST',
        body: JSON.stringify({ client_secret: `cbkey_${'z'.repeat(43)}` }),
      });
    const statuses = [];
    for (let attempt = 0; attempt < 31; attempt += 1) statuses.push((await guess()).status);
    expect(statuses.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 401));
    expect(statuses[30]).toBe(429);
    expect(Number((await guess()).headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
