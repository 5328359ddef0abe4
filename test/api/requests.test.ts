import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectError } from './support/answers.ts';
import { changesNothing } from './support/records.ts';
import { bareRequest } from './support/requests.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
});
afterAll(() => stack?.stop());

const CHANGES = [
  ['POST', '/v1/databases', bareRequest('never')],
  ['DELETE', '/v1/databases/never', undefined],
] as const;

describe('a request that a web page forged is refused', () => {
  test.each([
    ['another origin', { Origin: 'https://evil.example' }],
    ['another port of this machine', { Origin: 'http://localhost:8080' }],
    ['a page without origin', { Origin: 'null' }],
    ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a sister site', { 'Sec-Fetch-Site': 'same-site' }],
    ['a name that somebody made point here', { Host: 'rebound.example:3000' }],
    ['a name that looks like a loopback address', { Host: '127.0.0.1.evil.example' }],
    ['an address of this machine that is not loopback', { Host: '192.168.1.10:3000' }],
    ['a host that nobody registered', { Host: 'host-2:3000' }],
  ])('from %s', async (_name, headers) => {
    for (const [method, path, body] of CHANGES) {
      expectError(await changesNothing(stack, () => stack.as({}).call(method, path, body, headers)), 403, 'forbidden');
    }
    expectError(await stack.as({}).call('GET', '/v1/databases', undefined, headers), 403, 'forbidden');
  });

  test.each([
    {},
    { Host: 'localhost' },
    { Host: 'LOCALHOST:3000' },
    { Host: '127.0.0.1:3000' },
    { Host: '127.8.8.8' },
    { Host: '[::1]:3000' },
    { Host: '[::1]' },
    { Host: 'host-1:3000' },
    { Host: 'localhost:3000', Origin: 'http://localhost:3000', 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Site': 'none' },
  ])('while one of this machine is answered: %j', async (headers) => {
    expect((await stack.as({}).call('GET', '/v1/databases', undefined, headers)).status).toBe(200);
  });
});

describe('what nobody decided changes nothing', () => {
  test.each([{ 'Sec-Purpose': 'prefetch' }, { 'Sec-Purpose': 'prefetch;prerender' }, { Purpose: 'prefetch' }])(
    'a change with %j is refused',
    async (headers) => {
      for (const [method, path, body] of CHANGES) {
        expectError(await changesNothing(stack, () => stack.call(method, path, body, headers)), 403, 'forbidden');
      }
      expect((await stack.call('GET', '/v1/databases', undefined, headers)).status).toBe(200);
    },
  );

  test.each(['/', '/healthz', '/v1/version', '/v1/databases', '/v1/databases/never/tasks', '/v1/openapi.json'])(
    'HEAD %s is answered like GET, without a body',
    async (path) => {
      const get = await stack.request(path);
      const head = await changesNothing(stack, () => stack.request(path, { method: 'HEAD' }));
      expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
        get.status,
        get.headers.get('content-type'),
        '',
      ]);
    },
  );
});

describe('a request to nowhere', () => {
  test.each(['/v2/databases', '/v1/databases/', '/v1', '/favicon.ico'])('%s is 404', async (path) => {
    expectError(await stack.call('GET', path), 404, 'not_found', 'there is no such endpoint');
  });

  test.each([
    ['PUT', '/v1/databases', 'GET, HEAD, POST'],
    ['DELETE', '/v1/databases', 'GET, HEAD, POST'],
    ['PATCH', '/v1/databases/never', 'GET, HEAD, DELETE, POST'],
    ['POST', '/v1/hosts', 'GET, HEAD'],
    ['DELETE', '/', 'GET, HEAD'],
  ])('%s %s is 405 with the methods that the path takes', async (method, path, allowed) => {
    const answer = await stack.call(method, path);
    expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(allowed.split(', ').sort());
    expectError(answer, 405, 'method_not_allowed', /^this endpoint takes /);
  });
});

describe('every answer', () => {
  test.each([
    ['GET', '/v1/databases'],
    ['GET', '/v1/nothing'],
    ['PUT', '/v1/databases'],
    ['DELETE', '/v1/databases/Never'],
    ['POST', '/v1/databases'],
  ])('to %s %s names its request and is kept by no cache', async (method, path) => {
    const { headers } = await stack.call(method, path);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('keeps the request id of the caller if it looks like one', async () => {
    const answer = async (id: string) =>
      (await stack.call('GET', '/healthz', undefined, { 'X-Request-Id': id })).headers.get('x-request-id');
    expect(await answer('trace-0123.abc')).toBe('trace-0123.abc');
    expect(await answer('short')).not.toBe('short');
    expect(await answer('<script>alert(1)</script>')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
