import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from '../support/follow.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { rest, signToken } from './support/rest.ts';

const AUDIENCE = 'https://shop.example/api';
const SHOP = 'https://shop.example';

/** Each is the password of a user, and the start of the JWT secret of the service that logs in as this user. */
const PASSWORDS: [what: string, password: string][] = [
  ['every delimiter', 'p@ss:w/or"d\\$(HOME)%é'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: exactly this text is what must not be interpolated
  ['interpolations', '$$$(PATH)${X}'],
  ['quotes and outer spaces', ` spaces "and" 'quotes' `],
  ['an at sign in front', '@first'],
  ['emoji and other scripts', '密码🔑ñ'],
  ['letters that SASLprep replaces', 'Ⅸ-ﬁ-ª'],
];

describe.each(testRuntimes())('settings of a service with the %s runtime', (runtime) => {
  let stack: TestStack;
  const secretOf = (index: number) => `${PASSWORDS[index]?.[1]}${'"\\$(HOME)…@'.repeat(4)}`;
  const users = PASSWORDS.map(([, password], index) => ({ username: `user ${index}`, password }));
  const port = (index: number) => stack.port(index);
  const CORS = PASSWORDS.length;
  const AUD = CORS + 1;

  beforeAll(async () => {
    stack = await startTestStack({ runtime });
    const service = (index: number, user: string, config: Record<string, unknown>) => ({
      service_id: `api-${index}`,
      service_type: 'postgrest',
      version: 'latest',
      host_ids: ['host-1'],
      port: port(index),
      connect_as: user,
      config: { db_pool: 1, ...config },
    });
    const request = {
      id: 'settings',
      spec: {
        database_name: 'settings',
        nodes: [{ name: 'n1', host_ids: ['host-1'] }],
        database_users: [
          { username: 'owner', password: 'changeme', db_owner: true, attributes: ['LOGIN'] },
          ...users.map((user) => ({ ...user, attributes: ['LOGIN'], roles: ['owner'] })),
        ],
        scripts: {
          post_database_create: [
            'CREATE TABLE products AS SELECT 1 AS id',
            "CREATE FUNCTION who_am_i() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text'",
          ],
        },
        services: [
          ...users.map((user, index) => service(index, user.username, { jwt_secret: secretOf(index) })),
          service(CORS, 'user 0', { server_cors_allowed_origins: `${SHOP},https://other.example` }),
          service(AUD, 'user 0', { jwt_secret: secretOf(0), jwt_aud: AUDIENCE }),
        ],
      },
    };
    const task = await create(stack, request);
    expect(task.error).toBeUndefined();
  });
  afterAll(() => stack?.stop());

  describe.each(PASSWORDS.map(([what], index) => ({ what, index })))('a password with $what', ({ index }) => {
    it('logs in directly', async () => {
      const { username, password } = users[index] ?? { username: '', password: '' };
      const login = { database: 'settings', user: username, password };
      expect(await stack.target.query('SELECT current_user AS name', login)).toEqual([{ name: username }]);
      await expect(stack.target.query('SELECT 1', { ...login, password: `${password}x` })).rejects.toThrow(
        'password authentication failed',
      );
    });

    it('logs in through PostgREST', async () => {
      expect(await rest(port(index), '/products')).toMatchObject({ status: 200, body: [{ id: 1 }] });
    });

    it('is as good as the beginning of a JWT secret', async () => {
      const whoAmI = (secret: string) =>
        rest(port(index), '/rpc/who_am_i', { token: signToken({ role: 'owner' }, secret) });
      expect(await whoAmI(secretOf(index))).toMatchObject({ status: 200, body: 'owner' });
      expect(await whoAmI(`${secretOf(index)}x`)).toMatchObject({ status: 401 });
    });
  });

  describe('CORS', () => {
    const ask = (service: number, origin: string) =>
      rest(port(service), '/products', { headers: { origin } }).then(({ headers }) =>
        headers.get('access-control-allow-origin'),
      );
    /** What a browser asks before it sends a request with a body or a token; it needs all three to go on. */
    const preflight = async (service: number, origin: string) => {
      const { headers } = await rest(port(service), '/products', {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });
      return ['origin', 'methods', 'headers'].filter((what) => headers.has(`access-control-allow-${what}`));
    };

    it('is not granted where no origins are configured', async () => {
      const { status, headers } = await rest(port(0), '/products', { headers: { origin: SHOP } });
      expect(status).toBe(200);
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
      // PostgREST 12 answers every OPTIONS request with `Allow-Origin: *`; without the others it permits nothing.
      expect(await preflight(0, SHOP)).not.toEqual(expect.arrayContaining(['methods']));
      expect(await preflight(0, SHOP)).not.toEqual(expect.arrayContaining(['headers']));
    });

    it('is not granted by a preflight for any kind of path where no origins are configured', async () => {
      for (const path of ['/', '/products', '/rpc/who_am_i', '/nothing']) {
        const { headers } = await rest(port(0), path, {
          method: 'OPTIONS',
          headers: { origin: SHOP, 'access-control-request-method': 'DELETE' },
        });
        const granted = ['methods', 'headers', 'credentials'].filter((what) =>
          headers.has(`access-control-allow-${what}`),
        );
        expect([path, granted]).toEqual([path, []]);
      }
    });

    it('is granted to the configured origins and no other', async () => {
      expect(await ask(CORS, SHOP)).toBe(SHOP);
      expect(await ask(CORS, 'https://other.example')).toBe('https://other.example');
      expect(await preflight(CORS, SHOP)).toEqual(['origin', 'methods', 'headers']);
      expect(await ask(CORS, 'https://evil.example')).toBeNull();
      expect(await preflight(CORS, 'https://evil.example')).not.toEqual(expect.arrayContaining(['methods']));
    });
  });

  describe('jwt_aud', () => {
    const withClaims = (claims: Record<string, unknown>, headers: Record<string, string> = {}) =>
      rest(port(AUD), '/rpc/who_am_i', { token: signToken({ role: 'owner', ...claims }, secretOf(0)), headers });

    it('accepts tokens for its audience', async () => {
      expect(await withClaims({ aud: AUDIENCE })).toMatchObject({ status: 200, body: 'owner' });
      expect(await withClaims({ aud: ['https://else.example', AUDIENCE] })).toMatchObject({ status: 200 });
    });

    it('refuses tokens for another audience', async () => {
      expect(await withClaims({ aud: 'https://else.example' })).toMatchObject({ status: 401 });
      expect(await withClaims({ aud: [] })).toMatchObject({ status: 401 });
    });

    it('refuses tokens without audience', async () => {
      expect(await withClaims({})).toMatchObject({ status: 401 });
      expect(await withClaims({ aud: null })).toMatchObject({ status: 401 });
      expect(await withClaims({ role: undefined })).toMatchObject({ status: 401 });
    });

    it('refuses tokens without audience in whatever way they are sent', async () => {
      const token = signToken({ role: 'owner' }, secretOf(0));
      const spellings = [`bearer ${token}`, `BEARER ${token}`, `Bearer  ${token}`, `Bearer\t${token}`];
      const singles = await Promise.all(
        spellings.map((authorization) => rest(port(AUD), '/rpc/who_am_i', { headers: { authorization } })),
      );
      // Another header of the same name: PostgREST reads one of them, and shows the database the other.
      const doubles = await Promise.all(
        [
          ['authorization', `Bearer ${token}`, 'authorization', 'Basic eDp5'],
          ['authorization', 'Basic eDp5', 'authorization', `Bearer ${token}`],
        ].map((headers) => rawStatus(port(AUD), '/rpc/who_am_i', headers)),
      );
      const owners = singles.filter((answer) => answer.body === 'owner').map((answer) => answer.status);
      expect(owners).toEqual([]);
      expect(doubles.filter(({ body }) => body.includes('owner'))).toEqual([]);
    });

    it('refuses an empty list of audiences by itself, which later releases of PostgREST let pass', async () => {
      const check = (claims: object) =>
        stack.target.query(
          `WITH request AS MATERIALIZED (
             SELECT set_config('request.jwt.claims', '${JSON.stringify(claims)}', false),
               set_config('request.headers', '{}', false)
           ) SELECT pgsteward.require_audience() FROM request`,
          { database: 'settings' },
        );
      await expect(check({ role: 'owner', aud: AUDIENCE })).resolves.toHaveLength(1);
      for (const aud of [[], null]) {
        await expect(check({ role: 'owner', aud })).rejects.toThrow('JWT without audience');
      }
    });

    it('leaves anonymous requests alone', async () => {
      expect(await rest(port(AUD), '/products')).toMatchObject({ status: 200, body: [{ id: 1 }] });
      const basic = await rest(port(AUD), '/products', { headers: { authorization: 'Basic eDp5' } });
      expect(basic).toMatchObject({ status: 200 });
    });
  });
});

/** `fetch` joins headers of one name; this sends them apart. */
async function rawStatus(port: number, path: string, headers: string[]): Promise<{ status: number; body: string }> {
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    headers: ['connection', 'close', ...headers],
    agent: false,
  });
  request.end();
  const [response]: [IncomingMessage] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
