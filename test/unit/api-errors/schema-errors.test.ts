import { describe, expect, test } from 'vitest';
import { schemaErrorSchema } from '../../../api/schemas/common.ts';
import { bodyWith, exampleBody, service } from '../spec/requests.ts';
import { createTestApp } from './app.ts';

const app = createTestApp();
const JSON_TYPE = { 'Content-Type': 'application/json' };

function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = JSON_TYPE) {
  return app.request('/v1/databases', { method: 'POST', headers, body });
}

async function errorOf(response: Response | Promise<Response>) {
  const answer = await response;
  expect(answer.headers.get('goa-error')).toBeNull();
  const body = schemaErrorSchema.strict().parse(await answer.json());
  expect(body.id).toMatch(/^[\w-]{8}$/);
  expect(body).toMatchObject({ temporary: false, timeout: false, fault: false });
  return { status: answer.status, name: body.name, message: body.message };
}

const withService = (replaced: Record<string, unknown>) => bodyWith({ services: [service(replaced)] });

test('a well-shaped body reaches the handler', async () => {
  const response = await post(JSON.stringify(exampleBody()), { 'Content-Type': 'application/json; charset=utf-8' });
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ name: 'storefront' });
});

describe('each error of shape has the name and the words of the framework, with the full path', () => {
  test.each([
    ['missing_field', withService({ connect_as: undefined }), '"connect_as" is missing from body.spec.services[0]'],
    ['missing_field', withService({ connect_as: null }), '"connect_as" is missing from body.spec.services[0]'],
    ['missing_field', { id: 'a' }, '"spec" is missing from body'],
    [
      'invalid_field_type',
      withService({ port: '80' }),
      'invalid value for "body.spec.services[0].port", must be a number',
    ],
    [
      'invalid_field_type',
      withService({ port: 80.5 }),
      'invalid value for "body.spec.services[0].port", must be an integer',
    ],
    ['invalid_field_type', bodyWith({ nodes: {} }), 'invalid value for "body.spec.nodes", must be an array'],
    [
      'invalid_field_type',
      withService({ config: [] }),
      'invalid value for "body.spec.services[0].config", must be an object',
    ],
    [
      'invalid_enum_value',
      withService({ service_type: 'web' }),
      'value of body.spec.services[0].service_type must be one of "mcp", "postgrest", "rag" but got value "web"',
    ],
    [
      'invalid_pattern',
      withService({ version: 'v1.0' }),
      'body.spec.services[0].version must match the regexp "^(\\\\d+\\\\.\\\\d+(\\\\.\\\\d+)?|latest)$" but got value "v1.0"',
    ],
    [
      'invalid_range',
      withService({ port: 65536 }),
      'body.spec.services[0].port must be lesser or equal than 65535 but got value 65536',
    ],
    [
      'invalid_range',
      withService({ port: -1 }),
      'body.spec.services[0].port must be greater or equal than 0 but got value -1',
    ],
    [
      'invalid_length',
      bodyWith({ nodes: [] }),
      'length of body.spec.nodes must be greater or equal than 1 but got length 0',
    ],
    [
      'invalid_length',
      { ...exampleBody(), id: 'a'.repeat(37) },
      'length of body.id must be lesser or equal than 36 but got length 37',
    ],
    [
      'invalid_length',
      bodyWith({ database_users: [{ username: 'app', password: '' }] }),
      'length of body.spec.database_users[0].password must be greater or equal than 1 but got length 0',
    ],
  ])('%s', async (name, body, message) => {
    expect(await errorOf(post(JSON.stringify(body)))).toEqual({ status: 400, name, message });
  });
});

test('several problems are joined, and the first one names the error', async () => {
  const body = bodyWith({ database_name: '', services: [service({ port: 'x', version: undefined })] });
  expect(await errorOf(post(JSON.stringify(body)))).toEqual({
    status: 400,
    name: 'invalid_length',
    message:
      'length of body.spec.database_name must be greater or equal than 1 but got length 0; ' +
      '"version" is missing from body.spec.services[0]; ' +
      'invalid value for "body.spec.services[0].port", must be a number',
  });
});

test('an answer stays short, however long the wrong values are', async () => {
  const services = Array.from({ length: 500 }, () => service({ version: 'x'.repeat(1000) }));
  const { message } = await errorOf(post(JSON.stringify(bodyWith({ services }))));
  expect(message.length).toBeLessThan(20_000);
});

describe('a body made to exhaust the server is 400', () => {
  test.each([
    ['depth', `${'['.repeat(300_000)}${']'.repeat(300_000)}`, 'invalid_field_type'],
    ['depth of objects', `${'{"spec":'.repeat(60_000)}1${'}'.repeat(60_000)}`, 'missing_field'],
    [
      'number of mistakes',
      JSON.stringify(bodyWith({ services: Array.from({ length: 200_000 }, () => ({})) })),
      'invalid_length',
    ],
  ])('%s', async (_name, body, name) => {
    expect(await errorOf(post(body))).toMatchObject({ status: 400, name });
  });
});

describe('a body that cannot be read', () => {
  test.each([
    ['nothing', '', 'missing_payload'],
    ['null', 'null', 'missing_payload'],
    ['no JSON', '{"id": ', 'decode_payload'],
    ['a password in no JSON', '{"password": "c4nary" c4nary', 'decode_payload'],
    ['no UTF-8', new Uint8Array([0x22, 0xe9, 0x22]), 'decode_payload'],
  ])('%s', async (_name, body, name) => {
    const error = await errorOf(post(body));
    expect(error).toMatchObject({ status: 400, name });
    expect(error.message).not.toContain('c4nary');
  });

  test.each([
    ['no media type', {}],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['text', { 'Content-Type': 'text/plain' }],
    ['something that only looks like JSON', { 'Content-Type': 'application/jsonx' }],
  ])('media type: %s', async (_name, headers) => {
    const body = new TextEncoder().encode(JSON.stringify(exampleBody()));
    expect(await errorOf(post(body, headers))).toMatchObject({ status: 415, name: 'unsupported_media_type' });
  });
});

describe('parameters', () => {
  const task = '/tasks/019f6a00-0000-7000-8000-000000000001';

  test('a path identifier of the wrong form is refused by the application', async () => {
    const response = await app.request(`/v1/databases/Store${task}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('goa-error')).toBe('invalid_input');
    expect(await response.json()).toEqual({
      name: 'invalid_input',
      message: expect.stringMatching(/^database_id: must be 1 to 36/),
    });
  });

  test('a path identifier that is too long is an error of shape', async () => {
    expect(await errorOf(app.request(`/v1/databases/${'A'.repeat(37)}${task}`))).toEqual({
      status: 400,
      name: 'invalid_length',
      message: 'length of database_id must be lesser or equal than 36 but got length 37',
    });
  });

  test('a task id that is no UUID', async () => {
    expect(await errorOf(app.request('/v1/databases/a/tasks/7'))).toEqual({
      status: 400,
      name: 'invalid_format',
      message: 'task_id must be formatted as a uuid but got value "7"',
    });
  });

  test.each([
    ['limit=x', 'invalid_field_type', 'invalid value for "limit", must be a number'],
    ['limit=500', 'invalid_range', 'limit must be lesser or equal than 100 but got value 500'],
    ['sort_order=up', 'invalid_enum_value', 'value of sort_order must be one of "asc", "desc" but got value "up"'],
  ])('?%s', async (query, name, message) => {
    expect(await errorOf(app.request(`/v1/databases/a${task}?${query}`))).toEqual({ status: 400, name, message });
  });
});
