import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { describe, expect, test } from 'vitest';
import { unauthorized } from '../../../api/access/identity.ts';
import { answerMethodNotAllowed, answerNotFound, createErrorHandler } from '../../../api/error-handler.ts';
import { API_ERRORS, ApiError, type ApiErrorName, invalidInput } from '../../../api/errors.ts';
import { familyOf } from '../../../api/families.ts';
import { answerInvalidShape, limitBody, requireJsonBody } from '../../../api/request-validation.ts';
import { Failure } from '../../../domain/failures.ts';

const findRoute = createRoute({
  method: 'get',
  path: '/api/v1/users/find',
  request: { query: z.object({ env: z.string().min(1), database: z.string().min(1), port: z.coerce.number().int() }) },
  responses: { 204: { description: 'Found.' } },
});
const changeRoute = createRoute({
  method: 'post',
  path: '/api/v1/registry',
  middleware: [requireJsonBody()] as const,
  request: { body: { required: true, content: { 'application/json': { schema: z.object({ env: z.string() }) } } } },
  responses: { 204: { description: 'Changed.' } },
});

function appThatFailsWith(failure?: unknown) {
  const app = new OpenAPIHono({ defaultHook: answerInvalidShape });
  app.onError(createErrorHandler({ error: () => {} }));
  app.notFound(answerNotFound);
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerMethodNotAllowed }), limitBody());
  app.openapi(findRoute, (c) => c.body(null, 204));
  app.openapi(changeRoute, (c) => c.body(null, 204));
  app.get('/api/v1/fail', () => {
    throw failure;
  });
  return app;
}

async function answerOf(response: Response | Promise<Response>) {
  const answer = await response;
  const { status, headers } = answer;
  expect(headers.get('goa-error')).toBeNull();
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  return { status, headers, body: await answer.json() };
}

describe('below /api', () => {
  const app = appThatFailsWith();
  const json = { 'Content-Type': 'application/json' };

  test.each(['/api', '/api/v1', '/api/v1/users', '/api/v1/users/find/', '/api/v2/registry'])(
    'an unknown path is answered as published: %s',
    async (path) => {
      const { status, body } = await answerOf(app.request(path));
      expect([status, body]).toEqual([404, { error: 'Endpoint not found', code: 404 }]);
    },
  );

  test('a wrong method is answered as published, and the answer names the right ones', async () => {
    const { status, body, headers } = await answerOf(app.request('/api/v1/users/find', { method: 'DELETE' }));
    expect([status, body]).toEqual([405, { error: 'Method not allowed', code: 405 }]);
    expect(headers.get('allow')).toBe('GET, HEAD');
  });

  test('missing and odd parameters are 400, each by its name', async () => {
    const { status, body } = await answerOf(app.request('/api/v1/users/find?database=&port=x'));
    expect(status).toBe(400);
    expect(body).toEqual({
      error:
        '"env" is missing from query string; length of database must be greater or equal than 1 but got length 0; invalid value for "port", must be a number',
    });
  });

  test.each([
    [415, { method: 'POST', body: 'env=dev' }, 'unsupported media type: the body must be application/json'],
    [400, { method: 'POST', body: '', headers: json }, 'missing required payload'],
    [400, { method: 'POST', body: '{"env":', headers: json }, 'the body is not valid JSON'],
    [400, { method: 'POST', body: '{}', headers: json }, '"env" is missing from body'],
    [
      413,
      { method: 'POST', body: 'x'.repeat(768 * 1024 + 1), headers: { 'Content-Length': String(768 * 1024 + 1) } },
      'the body exceeds 786432 bytes',
    ],
  ])('a body that cannot be read is %s: %#', async (expected, request, message) => {
    const { status, body } = await answerOf(app.request('/api/v1/registry', request));
    expect(status).toBe(expected);
    expect(body).toEqual({ error: expect.stringContaining(message) });
  });

  test.each(Object.entries(API_ERRORS).filter(([name]) => name !== 'unauthorized'))(
    'the application error %s keeps its status and has its text as `error`',
    async (name, expected) => {
      const error = new ApiError(name as ApiErrorName, 'a sentence', { headers: { 'Retry-After': '5' } });
      const { status, body, headers } = await answerOf(appThatFailsWith(error).request('/api/v1/fail'));
      expect([status, body, headers.get('retry-after')]).toEqual([expected, { error: 'a sentence' }, '5']);
    },
  );

  test('who is not known gets the published word, and a challenge that makes clients send the pair', async () => {
    const error = unauthorized('/api/v1/fail', 'this token was revoked');
    const { status, body, headers } = await answerOf(appThatFailsWith(error).request('/api/v1/fail'));
    expect([status, body]).toEqual([401, { error: 'Unauthorized' }]);
    expect(headers.get('www-authenticate')).toMatch(/^Basic realm="pgsteward".*, Bearer realm/);
  });

  test.each([
    [400, invalidInput([{ path: 'username', message: 'is too long' }]), 'username: is too long'],
    [503, new Failure('ServerUnavailable', 'server a does not answer'), 'server a does not answer'],
    [403, new Failure('NotAllowed', 'a rule says so'), 'a rule says so'],
  ])('what code below throws is %s in this shape: %#', async (expected, thrown, message) => {
    const { status, body } = await answerOf(appThatFailsWith(thrown).request('/api/v1/fail'));
    expect([status, body]).toEqual([expected, { error: message }]);
  });

  test('what nobody foresaw is not shown', async () => {
    const { status, body } = await answerOf(appThatFailsWith(new Error('secret')).request('/api/v1/fail'));
    expect(status).toBe(500);
    expect(body).toEqual({ error: expect.stringMatching(/^internal error; the log has it under request id [\w-]+$/) });
  });
});

test.each(['/', '/v1/databases', '/apis', '/api-docs', '/v1/api/v1'])('%s is of the first family', (path) => {
  expect(familyOf(path)).toBe(familyOf('/v1'));
  expect(familyOf(path)).not.toBe(familyOf('/api/v1'));
});

describe('below /clusters and its like', () => {
  const app = new OpenAPIHono({ defaultHook: answerInvalidShape });
  let thrown: unknown;
  app.onError(createErrorHandler({ error: () => {} }));
  app.notFound(answerNotFound);
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerMethodNotAllowed }), limitBody());
  app.get('/clusters/fail', () => {
    throw thrown;
  });
  app.post('/clusters/body', requireJsonBody(), (c) => c.json({}));
  const refusalOf = async (failure: unknown) => {
    thrown = failure;
    return answerOf(app.request('/clusters/fail'));
  };
  const shape = (message: unknown, transient: boolean) => ({
    code: null,
    is_transient: transient,
    message,
    request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });

  test.each(Object.entries(API_ERRORS))(
    'the application error %s keeps its status and has its text',
    async (name, expected) => {
      const { status, body } = await refusalOf(new ApiError(name as ApiErrorName, 'a sentence'));
      expect([status, body]).toEqual([expected, shape('a sentence', [429, 500, 503].includes(expected))]);
    },
  );

  test('what nobody foresaw is not shown, and may pass', async () => {
    const { status, body } = await refusalOf(new Error('secret'));
    expect([status, body]).toEqual([500, shape(expect.stringMatching(/^internal error; the log has it/), true)]);
  });

  test.each([
    [404, '/teams/x/y/z', {}],
    [404, '/access-tokens', {}],
    [405, '/clusters/fail', { method: 'DELETE' }],
    [415, '/clusters/body', { method: 'POST', body: 'x', headers: { 'Content-Type': 'text/plain' } }],
    [400, '/clusters/body', { method: 'POST', body: '{', headers: { 'Content-Type': 'application/json' } }],
  ])('%i has the same shape: %s', async (expected, path, init) => {
    const { status, body } = await answerOf(app.request(path, init));
    expect([status, body]).toEqual([expected, shape(expect.any(String), false)]);
  });

  test.each(['/v1/clusters', '/v1/teams', '/accounts', '/clustersx'])('%s is of another family', (path) => {
    expect(familyOf(path)).not.toBe(familyOf('/clusters'));
  });
});
