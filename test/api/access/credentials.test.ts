import { createHash } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enforceRules } from '../../../api/access/enforce.ts';
import { createApp } from '../../../api/app.ts';
import { type ApiVariables, callerOf } from '../../../api/caller.ts';
import { nameRequest } from '../../../api/caller-middleware.ts';
import { createErrorHandler } from '../../../api/error-handler.ts';
import type { ClaimGrants } from '../../../domain/authority/claims.ts';
import { createIssuer } from '../../../platform/auth/issuer.ts';
import { makeToken } from '../../../platform/secrets/token.ts';
import { findAccountByName, updateAccount } from '../../../store/accounts.ts';
import { findToken, revokeToken } from '../../../store/tokens.ts';
import { openAccess } from '../../../worker/access.ts';
import { makePerson } from '../../support/accounts.ts';
import { until } from '../../support/follow.ts';
import { freePort } from '../../support/ports.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';
import { AUDIENCE, type LocalIssuer, startIssuer } from './support/issuer.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
});
afterAll(() => stack?.stop());

const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });
let addresses = 0;
/** One that has not failed yet. */
function freshAddress(): string {
  addresses += 1;
  return `10.1.${addresses >> 8}.${addresses & 255}`;
}
const me = (credentials: Record<string, string>, address = freshAddress()) =>
  stack.as(credentials, { address }).call('GET', '/v1/me');

describe('a token', () => {
  test('is accepted as bearer and as X-API-Key, and tells who calls with what', async () => {
    const { account, token } = await makePerson(stack, { role: 'operator', scope: { databases: ['shop'] } });
    const forms = [bearer(token.text), { authorization: `bearer  ${token.text} ` }, { 'X-API-Key': token.text }];
    for (const headers of forms) {
      expect((await me(headers)).body).toEqual({
        account: account.name,
        way: 'token',
        role: 'operator',
        scope: { databases: ['shop'] },
        token_id: token.id,
      });
    }
  });

  test.each<[string, () => Record<string, string>]>([
    ['that nobody made', () => bearer(makeToken().text)],
    ['that is cut off', () => bearer(stack.admin.Authorization?.slice(7, -1) ?? '')],
    ['of another form', () => bearer('letmein')],
    ['that looks like a JWT', () => bearer('a.b.c')],
    ['that is missing', () => ({ Authorization: 'Bearer' })],
    ['of another scheme', () => ({ Authorization: `Token ${makeToken().text}` })],
    ['twice', () => ({ ...stack.admin, 'X-API-Key': stack.admin.Authorization?.slice(7) ?? '' })],
    ['in HTTP Basic, outside of /api/v1', () => ({ Authorization: `Basic ${btoa('ci:secret')}` })],
    ['in HTTP Basic without a colon', () => ({ Authorization: `Basic ${btoa('secret')}` })],
  ])('%s is refused, also where none would be needed', async (_what, headers) => {
    for (const path of ['/v1/servers', '/v1/databases', '/v1/me']) {
      const {
        status,
        body,
        headers: answered,
      } = await stack.as(headers(), { address: freshAddress() }).call('GET', path);
      expect([status, body.name]).toEqual([401, 'unauthorized']);
      expect(answered.get('www-authenticate')).toBe('Bearer realm="pgsteward", error="invalid_token"');
    }
  });

  test('is not looked at where anyone may call', async () => {
    expect((await stack.as(bearer('letmein')).call('GET', '/v1/version')).status).toBe(200);
  });

  test('ends with the next request when it is revoked, when it expires, and when its account is disabled', async () => {
    const { db } = stack.control;
    const people = await Promise.all([1, 2, 3].map(() => makePerson(stack, { role: 'auditor' })));
    const [revoked, expired, disabled] = people;
    if (revoked === undefined || expired === undefined || disabled === undefined) throw new Error('three were made');
    for (const { credentials } of people) expect((await me(credentials)).status).toBe(200);
    await revokeToken(db, revoked.token.id);
    await db.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [expired.token.id]);
    await updateAccount(db, { id: disabled.account.id, change: { disabled: true } });
    const answers = await Promise.all(people.map(({ credentials }) => me(credentials)));
    expect(answers.map(({ status, body }) => [status, body.message])).toEqual([
      [401, 'the token has been revoked'],
      [401, 'the token has expired'],
      [401, 'the account is disabled'],
    ]);
  });

  test('may have less than its account, and has no more when the account gets less', async () => {
    const { account, credentials } = await makePerson(stack, {
      role: 'admin',
      scope: { databases: ['a', 'b'], servers: ['s'] },
      token: { role: 'operator', scope: { databases: ['b', 'c'] } },
    });
    expect((await me(credentials)).body).toMatchObject({ role: 'operator', scope: { databases: ['b'] } });
    await updateAccount(stack.control.db, { id: account.id, change: { role: 'auditor', scope: null } });
    expect((await me(credentials)).body).toMatchObject({ role: 'member', scope: { databases: ['b', 'c'] } });
  });

  test('leaves a trace of its use, to the minute, and of its secret nowhere', async () => {
    const { db } = stack.control;
    const { token, credentials } = await makePerson(stack, { role: 'member' });
    const lastUse = async () => (await findToken(db, token.id))?.lastUsedAt ?? undefined;
    expect(await lastUse()).toBeUndefined();
    await Promise.all([1, 2, 3, 4].map(() => me(credentials)));
    const noted = await until(lastUse);
    await db.query(`UPDATE tokens SET last_used_at = now() - interval '30 seconds' WHERE id = $1`, [token.id]);
    const recent = await lastUse();
    await me(credentials);
    expect([await lastUse(), noted.getTime() > (recent?.getTime() ?? 0)]).toEqual([recent, true]);
    await db.query(`UPDATE tokens SET last_used_at = now() - interval '61 seconds' WHERE id = $1`, [token.id]);
    await me(credentials);
    await until(async () => ((await lastUse())?.getTime() ?? 0) > (recent?.getTime() ?? 0) || undefined);
    const { rows } = await db.query(
      `SELECT to_jsonb(t)::text FROM tokens t UNION ALL SELECT to_jsonb(a)::text FROM audit_log a`,
    );
    const secret = token.text.slice(10);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(await stack.log()).not.toContain(secret);
    const { rows: hashes } = await db.query<{ hash: Buffer }>('SELECT hash FROM tokens WHERE id = $1', [token.id]);
    expect(hashes[0]?.hash).toEqual(createHash('sha256').update(token.text).digest());
  });

  test('is believed whatever page and name it is sent from: no browser adds one by itself', async () => {
    const { credentials } = await makePerson(stack, { role: 'auditor' });
    const from = { Origin: 'https://console.example', Host: 'steward.example', 'Sec-Fetch-Site': 'cross-site' };
    expect((await stack.as({ ...credentials, ...from }).call('GET', '/v1/databases')).status).toBe(200);
  });
});

describe('wrong credentials', () => {
  test('from one address are listened to for a while only, and others are not concerned', async () => {
    const address = '10.2.0.1';
    const { credentials } = await makePerson(stack, { role: 'member' });
    for (let i = 0; i < 30; i += 1) expect((await me(bearer(makeToken().text), address)).status).toBe(401);
    for (const given of [bearer(makeToken().text), credentials]) {
      const { status, body, headers } = await me(given, address);
      expect([status, body.name]).toEqual([429, 'too_many_requests']);
      const wait = Number(headers.get('retry-after'));
      expect(wait > 0 && wait <= 60).toBe(true);
    }
    expect((await me(credentials, '10.2.0.2')).status).toBe(200);
    // Without credentials nothing is tried.
    expect((await stack.as({}, { address }).call('GET', '/v1/databases')).status).toBe(200);
  });

  test('from one network of IPv6 addresses count together', async () => {
    for (let i = 0; i < 30; i += 1) await me(bearer(makeToken().text), `2001:db8::7:${i.toString(16)}`);
    expect((await me(bearer(makeToken().text), '2001:db8:0:0:ffff::1')).status).toBe(429);
    expect((await me(bearer(makeToken().text), '2001:db8:0:1::1')).status).toBe(401);
  });
});

describe('HTTP Basic', () => {
  const PASSWORD = 'c4nary-basic-password';
  let ask: (
    headers: Record<string, string>,
    address?: string,
  ) => Promise<{ status: number; body: unknown; headers: Headers }>;

  beforeAll(async () => {
    const access = await openAccess(
      { auth: { mode: 'open-loopback', basic: { user: 'ci', password: { kind: 'text', text: PASSWORD } } } },
      stack.control.db,
    );
    const rules = { 'GET /api/v1/who': { roles: ['operator'], subject: 'nothing' } } as const;
    const app = new OpenAPIHono<ApiVariables>();
    app.use(nameRequest(), enforceRules({ ...stack.api, access }, rules));
    app.onError(createErrorHandler(stack.api.log));
    app.get('/api/v1/who', (c) => c.json({ account: callerOf(c).account, way: callerOf(c).way ?? '' }));
    ask = async (headers, address = freshAddress()) => {
      const socket = { incoming: { socket: { remoteAddress: address } } };
      const response = await app.request('http://steward.example:5000/api/v1/who', { headers }, socket);
      return { status: response.status, body: await response.json(), headers: response.headers };
    };
  });

  const pair = (user: string, password: string) => ({ Authorization: `Basic ${btoa(`${user}:${password}`)}` });

  test('is the account of the pair, an operator until an administrator says otherwise', async () => {
    expect(await ask(pair('ci', PASSWORD))).toMatchObject({ status: 200, body: { account: 'basic:ci', way: 'basic' } });
    const account = await findAccountByName(stack.control.db, 'basic:ci');
    expect(account).toMatchObject({ role: 'operator', scope: null, origin: 'built_in' });
    const change = (disabled: boolean) => stack.call('PATCH', `/v1/accounts/${account?.id}`, { disabled });
    expect((await change(true)).status).toBe(200);
    expect((await ask(pair('ci', PASSWORD))).status).toBe(401);
    expect((await change(false)).status).toBe(200);
    expect((await ask(pair('ci', PASSWORD))).status).toBe(200);
  });

  test.each([
    ['another password', pair('ci', 'wrong')],
    ['another user', pair('cj', PASSWORD)],
    ['no password', pair('ci', '')],
    ['nothing', {}],
  ])('with %s is refused with a challenge that browsers know', async (_what, headers) => {
    const answer = await ask(headers);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="pgsteward"/);
    expect(await stack.log()).not.toContain(PASSWORD);
  });

  test.each([
    { Origin: 'https://evil.example' },
    { Referer: 'http://evil.example/picture' },
    { 'Sec-Fetch-Site': 'cross-site' },
  ])('that a browser adds for a page of another origin is refused: %j', async (from) => {
    expect((await ask({ ...pair('ci', PASSWORD), Host: 'steward.example:5000', ...from })).status).toBe(403);
  });

  test('from its own page is answered', async () => {
    const own = {
      Host: 'steward.example:5000',
      Origin: 'http://steward.example:5000',
      'Sec-Fetch-Site': 'same-origin',
    };
    expect((await ask({ ...pair('ci', PASSWORD), ...own })).status).toBe(200);
  });

  test('cannot be guessed from many addresses, and nobody who knows it is locked out meanwhile', async () => {
    const used = '10.3.0.1';
    expect((await ask(pair('ci', PASSWORD), used)).status).toBe(200);
    for (let i = 0; i < 10; i += 1) await ask(pair('ci', `guess-${i}`));
    const guessed = await ask(pair('ci', 'guess'));
    expect([guessed.status, Number(guessed.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect((await ask(pair('ci', PASSWORD))).status).toBe(429);
    expect((await ask(pair('ci', PASSWORD), used)).status).toBe(200);
    expect((await ask(pair('other', 'guess'))).status).toBe(401);
  });
});

describe('a JWT', () => {
  const GRANTS: ClaimGrants = {
    dba: { role: 'admin' },
    shop: { role: 'operator', scope: { databases: ['shop'] } },
    blog: { role: 'operator', scope: { databases: ['blog'] } },
    watchers: { role: 'auditor' },
  };
  let issuer: LocalIssuer;
  let ask: (jwt: string) => Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;

  const askWith = (url: string) => {
    const access = {
      open: false,
      issuer: { issuer: createIssuer({ issuer: url, audience: AUDIENCE }), claim: 'realm.groups', grants: GRANTS },
    };
    const app = createApp({ ...stack.api, access });
    return async (jwt: string) => {
      const socket = { incoming: { socket: { remoteAddress: freshAddress() } } };
      const response = await app.request('http://localhost:3000/v1/me', { headers: bearer(jwt) }, socket);
      return {
        status: response.status,
        body: (await response.json()) as Record<string, unknown>,
        headers: response.headers,
      };
    };
  };
  const inGroups = (...groups: string[]) => ({ realm: { groups } });

  beforeAll(async () => {
    issuer = await startIssuer();
    ask = askWith(issuer.url);
  });
  afterAll(() => issuer.stop());

  test('gives what its groups give: the strongest role, with the scopes of all that give it', async () => {
    const caller = async (...groups: string[]) => (await ask(await issuer.sign(inGroups(...groups)))).body;
    expect(await caller('shop')).toEqual({
      account: 'oidc:alice',
      way: 'jwt',
      role: 'operator',
      scope: { databases: ['shop'] },
    });
    expect(await caller('watchers', 'blog', 'unheard-of', 'shop')).toMatchObject({
      role: 'operator',
      scope: { databases: ['blog', 'shop'] },
    });
    expect(await caller('dba', 'shop')).toEqual({ account: 'oidc:alice', way: 'jwt', role: 'admin' });
    expect(await findAccountByName(stack.control.db, 'oidc:alice')).toMatchObject({ role: 'admin', origin: 'issuer' });
    const { rows } = await stack.control.db.query(
      `SELECT action FROM audit_log WHERE actor = 'oidc:alice' AND kind = 'outcome' ORDER BY id`,
    );
    expect(rows.map(({ action }) => action)).toEqual(['account.create', 'account.change', 'account.change']);
  });

  test.each<[string, () => Promise<string>, RegExp]>([
    ['that has expired', () => issuer.sign(inGroups('dba'), { expires: '-1m' }), /has expired/],
    ['without an end', () => issuer.sign(inGroups('dba'), { expires: null }), /"exp"/],
    ['for somebody else', () => issuer.sign({ ...inGroups('dba'), aud: 'other' }), /"aud"/],
    ['of another issuer', () => issuer.sign({ ...inGroups('dba'), iss: 'https://evil.example' }), /configured issuer/],
    ['of nobody', () => issuer.sign({ ...inGroups('dba'), sub: '' }), /nobody/],
    ['with a name that is none', () => issuer.sign({ ...inGroups('dba'), sub: 'a\0b' }), /no name/],
    ['that is not valid yet', () => issuer.sign({ ...inGroups('dba'), nbf: Date.now() / 1000 + 600 }), /"nbf"/],
    ['that somebody else signed', () => issuer.sign(inGroups('dba'), { foreignKey: true }), /not signed/],
    [
      'that nobody signed',
      async () =>
        `${new UnsecuredJWT({ iss: issuer.url, aud: AUDIENCE, sub: 'eve', ...inGroups('dba') }).setExpirationTime('5m').encode()}x`,
      /not signed/,
    ],
    [
      'that is signed with the public key as a secret',
      () =>
        new SignJWT({ iss: issuer.url, aud: AUDIENCE, sub: 'eve', ...inGroups('dba') })
          .setProtectedHeader({ alg: 'HS256', kid: 'one' })
          .setExpirationTime('5m')
          .sign(new TextEncoder().encode(JSON.stringify(issuer.publicJwk))),
      /not signed/,
    ],
  ])('%s is refused', async (_what, jwt, words) => {
    const { status, body } = await ask(await jwt());
    expect([status, body.message]).toEqual([401, expect.stringMatching(words)]);
  });

  test('whose groups give nothing is refused by what is missing', async () => {
    for (const claims of [inGroups('unheard-of'), inGroups('constructor'), { realm: 'dba' }, {}]) {
      const { status, body } = await ask(await issuer.sign(claims));
      expect([status, body.message]).toEqual([403, 'no value of the claim "realm.groups" gives a role here']);
    }
  });

  test('of somebody whose account is disabled is refused, and what it says does not enable it', async () => {
    const jwt = await issuer.sign({ ...inGroups('shop'), sub: 'bob' });
    expect((await ask(jwt)).status).toBe(200);
    const account = await findAccountByName(stack.control.db, 'oidc:bob');
    const path = `/v1/accounts/${account?.id}`;
    expect((await stack.call('PATCH', path, { role: 'admin' })).status).toBe(403);
    expect((await stack.call('DELETE', path)).status).toBe(200);
    expect((await ask(jwt)).status).toBe(401);
    expect((await ask(await issuer.sign({ ...inGroups('dba'), sub: 'bob' }))).status).toBe(401);
  });

  test('is asked for again later when its issuer does not answer', async () => {
    const silent = `http://127.0.0.1:${await freePort()}/realm`;
    const { status, headers } = await askWith(silent)(await issuer.sign({ iss: silent, ...inGroups('dba') }));
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
  });
});
