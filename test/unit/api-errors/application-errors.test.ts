import { HTTPException } from 'hono/http-exception';
import { describe, expect, test } from 'vitest';
import { API_ERRORS, ApiError, type ApiErrorName, invalidInput } from '../../../api/errors.ts';
import { errorSchema } from '../../../api/schemas/common.ts';
import { Failure } from '../../../domain/failures.ts';
import { createTestApp } from './app.ts';

async function answerTo(failure: unknown) {
  const logged: Record<string, unknown>[] = [];
  const app = createTestApp({
    log: { error: (fields) => logged.push(fields) },
    failure: () => {
      throw failure;
    },
  });
  const response = await app.request('/fail');
  return { response, body: errorSchema.strict().parse(await response.json()), logged };
}

const isErrorName = (name: string): name is ApiErrorName => Object.hasOwn(API_ERRORS, name);

test.each(Object.keys(API_ERRORS).filter(isErrorName))(
  '%s is answered with its status, its name in body and header',
  async (name) => {
    const { response, body } = await answerTo(new ApiError(name, 'a reason'));
    expect(response.status).toBe(API_ERRORS[name]);
    expect(response.headers.get('goa-error')).toBe(name);
    expect(body).toEqual({ name, message: 'a reason' });
  },
);

test('several problems are one line each', async () => {
  const problems = [
    { path: 'services[0].config', message: 'db_pool must be an integer' },
    { path: '', message: "duplicate ports allocated on host 'h'" },
  ];
  const { body } = await answerTo(invalidInput(problems));
  expect(body.message).toBe("services[0].config: db_pool must be an integer\nduplicate ports allocated on host 'h'");
});

test('many thousand problems are answered with a short list', () => {
  const { message } = invalidInput(Array.from({ length: 5000 }, (_, i) => ({ path: `a[${i}]`, message: 'bad' })));
  expect(message.split('\n')).toHaveLength(51);
  expect(message).toMatch(/\nand 4950 more$/);
});

test('what nobody foresaw is logged under the request id and not shown', async () => {
  const err = new Error('connection to 10.1.2.3 as admin failed');
  const { response, body, logged } = await answerTo(err);
  expect(response.status).toBe(500);
  expect(response.headers.get('goa-error')).toBe('server_error');
  expect(body.name).toBe('server_error');
  expect(body.message).not.toContain('10.1.2.3');
  expect(logged).toEqual([expect.objectContaining({ err, method: 'GET', path: '/fail' })]);
  expect(body.message).toContain(String(logged[0]?.requestId));
});

describe('a foreseen failure is shown with its own sentence', () => {
  test('one that passes asks the caller to try again', async () => {
    const { response, body, logged } = await answerTo(
      new Failure('ServerUnavailable', 'the server of host-1 does not answer'),
    );
    expect(response.status).toBe(503);
    expect(response.headers.get('Retry-After')).toBe('5');
    expect(body).toEqual({ name: 'unavailable', message: 'the server of host-1 does not answer' });
    expect(logged).toEqual([]);
  });

  test('a key that this process does not have yet asks the caller to try again, and says whose it is to bring it', async () => {
    const { response, body } = await answerTo(new Failure('KeyUnavailable', 'key "b" is not in the keyring'));
    expect([response.status, body.message]).toEqual([503, 'key "b" is not in the keyring']);
  });

  test('one that is forbidden is 403', async () => {
    const { response } = await answerTo(new Failure('NotAllowed', 'no'));
    expect(response.status).toBe(403);
  });

  test('an internal one is not shown', async () => {
    const { response, body, logged } = await answerTo(new Failure('SecretUnreadable', 'secret 17 was altered'));
    expect(response.status).toBe(500);
    expect(body.message).not.toContain('altered');
    expect(logged).toHaveLength(1);
  });
});

test('errors of hono have the same shape and keep the challenge', async () => {
  const res = new Response('Unauthorized', { headers: { 'WWW-Authenticate': 'Basic realm="x"' } });
  const { response, body } = await answerTo(new HTTPException(401, { res }));
  expect(response.status).toBe(401);
  expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="x"');
  expect(body).toEqual({ name: 'unauthorized', message: 'unauthorized' });
});

test('an unknown path is 404 in the same shape', async () => {
  const response = await createTestApp().request('/v1/nothing');
  expect(response.status).toBe(404);
  expect(response.headers.get('goa-error')).toBe('not_found');
  expect(await response.json()).toEqual({ name: 'not_found', message: 'there is no such endpoint' });
});

test('a method that a path does not take is 405 with the methods that it does', async () => {
  const response = await createTestApp().request('/v1/databases', { method: 'PUT' });
  expect(response.status).toBe(405);
  expect(response.headers.get('Allow')).toBe('POST');
  expect(await response.json()).toMatchObject({ name: 'method_not_allowed' });
});
