/** Contract, section 1.2, with what sections 5.2 and 6 say of errors and statuses. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../api/support/answers.ts';
import { changesNothing } from '../api/support/records.ts';
import { bareRequest } from '../api/support/requests.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectSchemaError } from './support/answers.ts';

const UNKNOWN = '019f6a00-0000-7000-8000-000000000001';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  // What is accepted stays pending, and so refused for its state.
  await stack.controlWorker.stop();
  expect((await stack.call('POST', '/v1/databases', bareRequest('pending'))).status).toBe(200);
});
afterAll(() => stack?.stop());

/** Errors of the application, each with a request that leads to it. */
const APPLICATION_ERRORS: [name: string, status: number, method: string, path: string, body?: unknown][] = [
  ['invalid_input', 400, 'GET', '/v1/databases/Upper'],
  ['invalid_input', 400, 'DELETE', '/v1/databases/a--b'],
  ['invalid_input', 400, 'GET', '/v1/databases/Upper/tasks'],
  ['invalid_input', 400, 'GET', '/v1/hosts/Upper'],
  ['invalid_input', 400, 'GET', '/v1/hosts/Upper/tasks'],
  ['invalid_input', 400, 'GET', '/v1/tasks?entity_id=pending'],
  ['invalid_input', 400, 'GET', `/v1/databases/pending/tasks/${UNKNOWN}/cancel`],
  ['invalid_input', 400, 'POST', `/v1/databases/pending/tasks/${UNKNOWN}/cancel`],
  ['not_found', 404, 'GET', '/v1/databases/unheard-of'],
  ['not_found', 404, 'DELETE', '/v1/databases/unheard-of'],
  ['not_found', 404, 'GET', '/v1/hosts/unheard-of'],
  ['not_found', 404, 'GET', `/v1/databases/pending/tasks/${UNKNOWN}`],
  ['not_found', 404, 'GET', `/v1/databases/pending/tasks/${UNKNOWN}/log`],
  ['not_found', 404, 'GET', `/v1/hosts/host-1/tasks/${UNKNOWN}`],
  ['not_found', 404, 'GET', `/v1/hosts/host-1/tasks/${UNKNOWN}/logs`],
  ['not_found', 404, 'GET', '/v1/nothing'],
  [
    'database_already_exists',
    409,
    'POST',
    '/v1/databases',
    bareRequest('pending', { databaseName: 'other', user: 'other' }),
  ],
  ['database_not_modifiable', 409, 'DELETE', '/v1/databases/pending'],
  ['cluster_already_initialized', 409, 'GET', '/v1/cluster/init'],
];

describe('application errors', () => {
  test.each(APPLICATION_ERRORS)(
    '%s is %i with body and header of that name: %s %s',
    async (name, status, method, path, body) => {
      expectError(await changesNothing(stack, () => stack.call(method, path, body)), status, name);
    },
  );

  test('invalid_input: one line for each problem, path and reason', async () => {
    const { id, spec } = bareRequest('many');
    const users = [{ username: 'pg_mine' }, { username: 'pgedge_superuser' }];
    const answer = await stack.call('POST', '/v1/databases', { id, spec: { ...spec, database_users: users } });
    expectError(answer, 400, 'invalid_input');
    const lines: string[] = answer.body.message.split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const line of lines) expect(line).toMatch(/^[a-z_[\]0-9.]+: ./);
  });

  test('invalid_input: a connect_as that a client could not leave out is an error of the application', async () => {
    const { id, spec } = bareRequest('unset');
    const service = {
      service_id: 'api',
      service_type: 'postgrest',
      version: 'latest',
      host_ids: ['host-1'],
      connect_as: '',
    };
    const answer = await stack.call('POST', '/v1/databases', { id, spec: { ...spec, services: [service] } });
    expectError(answer, 400, 'invalid_input', /^services\[0\]\.connect_as: /m);
  });

  test.each([
    ['a connect_as without LOGIN', { attributes: [] }],
    ['a connect_as without a password', { password: undefined }],
  ])('invalid_input: %s is refused before anything is accepted', async (_name, user) => {
    const { id, spec } = bareRequest('no-login');
    const [owner] = spec.database_users;
    const service = {
      service_id: 'api',
      service_type: 'postgrest',
      version: 'latest',
      host_ids: ['host-1'],
      connect_as: owner?.username,
    };
    const body = { id, spec: { ...spec, database_users: [{ ...owner, ...user }], services: [service] } };
    expectError(
      await changesNothing(stack, () => stack.call('POST', '/v1/databases', body)),
      400,
      'invalid_input',
      /connect_as/,
    );
  });

  test('invalid_input: services whose port or admin port collide are refused', async () => {
    const { id, spec } = bareRequest('collide');
    const service = {
      service_type: 'postgrest',
      version: 'latest',
      host_ids: ['host-1'],
      connect_as: spec.database_users[0]?.username,
    };
    for (const second of [stack.port(), stack.port() + 1]) {
      const services = [
        { ...service, service_id: 'one', port: stack.port() },
        { ...service, service_id: 'two', port: second },
      ];
      const answer = await stack.call('POST', '/v1/databases', { id, spec: { ...spec, services } });
      expectError(answer, 400, 'invalid_input', /duplicate ports allocated on host 'host-1'/);
    }
  });
});

describe('schema errors', () => {
  const { id, spec } = bareRequest('shaped');
  const changed = (members: object) => ({ id, spec: { ...spec, ...members } });

  test.each<[name: string, method: string, path: string, body?: unknown]>([
    ['missing_field', 'POST', '/v1/databases', { id }],
    ['invalid_field_type', 'POST', '/v1/databases', changed({ database_name: 5 })],
    ['invalid_field_type', 'DELETE', '/v1/databases/pending?force=perhaps'],
    ['invalid_enum_value', 'GET', '/v1/tasks?scope=planet'],
    ['invalid_pattern', 'POST', '/v1/databases', changed({ postgres_version: 'newest' })],
    ['invalid_length', 'POST', '/v1/databases', changed({ database_name: 'x'.repeat(32) })],
    ['invalid_length', 'GET', `/v1/databases/${'x'.repeat(37)}`],
    ['invalid_range', 'GET', '/v1/tasks?limit=0'],
    ['invalid_range', 'GET', `/v1/databases/pending/tasks/${UNKNOWN}?wait=26`],
    ['invalid_format', 'GET', '/v1/databases/pending/tasks/latest'],
    ['decode_payload', 'POST', '/v1/databases', '{'],
    ['missing_payload', 'POST', '/v1/databases', ''],
  ])('%s: 400 without the header, with id and flags: %s %s', async (name, method, path, body) => {
    const json = { 'content-type': 'application/json' };
    expectSchemaError(await changesNothing(stack, () => stack.call(method, path, body, body === '' ? json : {})), name);
  });

  test('several problems are joined with "; ", and the name is that of the first', async () => {
    const answer = await stack.call('POST', '/v1/databases', changed({ database_name: 5, nodes: [] }));
    expectSchemaError(answer, 'invalid_field_type');
    expect(answer.body.message.split('; ')).toHaveLength(2);
  });

  test('unsupported_media_type: a body of another type is 415', async () => {
    const answer = await stack.call('POST', '/v1/databases', 'id=1', { 'content-type': 'text/plain' });
    expect([answer.status, answer.body.name]).toEqual([415, 'unsupported_media_type']);
  });
});

describe('statuses', () => {
  /**
   * Clients take any other status for an invalid response. 403, 413 and 415 answer what they never send, 401 and 429 come where
   * they are asked for credentials, and 503 when there is nothing that could answer.
   */
  const KNOWN = new Set(['200', '400', '401', '403', '404', '409', '413', '415', '429', '500', '503']);
  const PUBLISHED = /^\/v1\/(databases|tasks|hosts|cluster|version)(\/|$)/;
  /** Of our own, below a published one. */
  const OWN = /\/(jwt-rotation|join-tokens)(\/|$)/;

  test('published routes answer with 200 and the errors of the contract alone', async () => {
    const { body } = await stack.call('GET', '/v1/openapi.json');
    const published = Object.entries<Record<string, { responses: object }>>(body.paths).filter(
      ([path]) => PUBLISHED.test(path) && !OWN.test(path),
    );
    expect(published.length).toBeGreaterThanOrEqual(15);
    for (const [path, operations] of published) {
      for (const { responses } of Object.values(operations)) {
        expect({ path, unknown: Object.keys(responses).filter((status) => !KNOWN.has(status)) }).toEqual({
          path,
          unknown: [],
        });
      }
    }
  });
});
