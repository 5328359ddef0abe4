import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { create } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectProblems } from './support/answers.ts';
import { changesNothing } from './support/records.ts';

let stack: TestStack;

/** One database with a service and every name that a second one could want. */
beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  const task = await create(stack, seedRequest({ id: 'holder', port: stack.port(0), user: 'holder_app' }));
  expect(task).toMatchObject({ status: 'completed' });
  await stack.target.query('CREATE DATABASE by_hand');
  await stack.target.query('CREATE ROLE role_by_hand');
});
afterAll(() => stack?.stop());

type Spec = ReturnType<typeof seedRequest>['spec'];

/** Posts a request that is right but for what `change` does to it, and makes sure that nothing changed. */
async function refused(change: (request: ReturnType<typeof seedRequest>) => { id: string; spec: object }) {
  const request = seedRequest({ id: 'second', port: stack.port(2), user: 'second_app' });
  return changesNothing(stack, () => stack.call('POST', '/v1/databases', change(request)));
}
const refusedSpec = (change: (spec: Spec) => object) =>
  refused(({ id, spec }) => ({ id, spec: { ...spec, ...change(spec) } }));
const withService = (members: object) => (spec: Spec) => ({
  services: spec.services.map((service) => ({ ...service, ...members })),
});
const withUser = (members: object) => (spec: Spec) => ({
  database_users: [...spec.database_users, { username: 'extra', ...members }],
});

describe('a port', () => {
  async function listening(port: number, address: string): Promise<Server> {
    const server = createServer().listen({ host: address, port });
    await once(server, 'listening');
    return server;
  }

  test.each([
    ['the port itself', 0, '127.0.0.1'],
    ['the admin port after it', 1, '127.0.0.1'],
    ['the port, on every address', 0, '0.0.0.0'],
  ])('that a foreign process listens on is refused, with its number: %s', async (_name, offset, address) => {
    const port = stack.port(2);
    const foreign = await listening(port + offset, address);
    try {
      expectProblems(
        await refusedSpec(() => ({})),
        `services[0].port: port ${port + offset} on host host-1 is in use by another process`,
      );
    } finally {
      foreign.close();
      await once(foreign, 'close');
    }
  });

  test.each([
    ['the same port', 0, 0],
    ['the admin port of the other', 1, 1],
    ['an admin port that is the port of the other', -1, 0],
  ])('of another database is refused, naming that database: %s', async (_name, offset, reported) => {
    const port = stack.port(0);
    expectProblems(
      await refusedSpec(withService({ port: port + offset })),
      `services[0].port: port ${port + reported} on host host-1 is used by a service of database "holder"`,
    );
  });

  test('that several services ask for is refused, naming all of them', async () => {
    const answer = await refusedSpec(({ services }) => ({
      services: [...services, ...services.map((service) => ({ ...service, service_id: 'other' }))],
    }));
    expectProblems(
      answer,
      `duplicate ports allocated on host 'host-1': '${stack.port(2)}' duplicated in: services[0].port, services[1].port`,
    );
  });
});

describe('a name', () => {
  test('of a database that another managed database has is refused', async () => {
    expectProblems(
      await refusedSpec(() => ({ database_name: 'holder' })),
      'database_name: database "holder" exists on server host-1 already',
    );
  });

  test('of a database that somebody made by hand is refused', async () => {
    expectProblems(
      await refusedSpec(() => ({ database_name: 'by_hand' })),
      'database_name: database "by_hand" exists on server host-1 already',
    );
  });

  test.each([
    ['as a user', withUser({ username: 'holder_app' }), 'database_users[1].username'],
    ['as a granted role', withUser({ roles: ['holder_app'] }), 'database_users[1].roles[0]'],
    ['as anonymous role', withService({ config: { db_anon_role: 'holder_app' } }), 'services[0].config'],
  ])('of a role that belongs to another database is refused %s', async (_name, change, path) => {
    const answer = await refusedSpec(change);
    expect(answer.body.message).toMatch(/role "holder_app" belongs to another database$/);
    expect(answer.body.message.startsWith(`${path}: `)).toBe(true);
    expectProblems(answer, /./);
  });

  test.each([
    ['a user', withUser({ username: 'postgres' })],
    ['a user to take over', withUser({ username: 'postgres', adopt: true })],
    ['a granted role', withUser({ roles: ['postgres'] })],
    ['anonymous role', withService({ config: { db_anon_role: 'postgres' } })],
  ])('of a superuser is refused as %s', async (_name, change) => {
    expectProblems(await refusedSpec(change), /role "postgres" is a superuser of the server$/);
  });

  test('of a role that somebody made by hand is refused, unless it is to be adopted', async () => {
    expectProblems(
      await refusedSpec(withUser({ username: 'role_by_hand' })),
      /^database_users\[1\]\.username: role "role_by_hand" exists on server host-1 and was not made for this database/,
    );
  });

  test('of an instance that another database has through the same letters is refused', async () => {
    const port = stack.port(3);
    const request = seedRequest({ id: 'hyphen-ated', port, user: 'hyphen_app' });
    expect(await create(stack, request)).toMatchObject({ status: 'completed' });
    const answer = await refused(({ spec }) => ({
      id: 'hyphen',
      spec: { ...spec, services: spec.services.map((service) => ({ ...service, service_id: 'ated-api' })) },
    }));
    expectProblems(answer, /^services\[0\]\.service_id: the instance ID "hyphen-ated-api-host-1" /);
  });
});

describe('a host', () => {
  test('that is unknown is refused, all of them in order', async () => {
    const answer = await refusedSpec(({ services }) => ({
      nodes: [{ name: 'n1', host_ids: ['host-9'] }],
      services: services.map((service) => ({ ...service, host_ids: ['host-7', 'host-1'] })),
    }));
    expectProblems(answer, 'failed to validate database spec: got invalid host ids: host-7, host-9');
  });

  test('that runs another major version is refused', async () => {
    expectProblems(
      await refusedSpec(() => ({ postgres_version: '13.2' })),
      /^postgres_version: host host-1 runs PostgreSQL \d+, not 13\.2; an existing server keeps its version$/,
    );
  });
});

test('more connections than the server has are refused, with the figures', async () => {
  const [{ max = 0 } = {}] = await stack.target.query<{ max: number }>(
    `SELECT current_setting('max_connections')::int AS max`,
  );
  const count = Math.ceil(max / 31);
  const answer = await refusedSpec(({ services }) => ({
    services: Array.from({ length: count }, (_, i) => i).flatMap((i) =>
      services.map(({ port: _, ...service }) => ({ ...service, service_id: `s${i}`, config: { db_pool: 30 } })),
    ),
  }));
  const line = new RegExp(
    String.raw`^services: these services may open ${31 * count} connections \(db_pool \+ 1 each\), services of other databases \d+, and server host-1 has \d+ for services \(max_connections ${max}\)`,
  );
  expectProblems(answer, line);
});

test('everything that is wrong with a specification is reported at once, each with its path', async () => {
  const answer = await refusedSpec(({ database_users, services }) => ({
    database_name: 'template1',
    nodes: [
      { name: 'n1', host_ids: ['host-1', 'host-1'] },
      { name: 'n1', host_ids: ['Host_2'] },
    ],
    database_users: [...database_users, ...database_users, { username: 'x', attributes: ['ROOT'] }],
    services: [...services, ...services].map((service) => ({
      ...service,
      port: 0,
      connect_as: 'ghost',
      config: { db_pool: 31, nonsense: 1 },
    })),
    port: 5432,
  }));
  expectProblems(
    answer,
    'database_name: "template1" belongs to the server itself',
    /^port: not supported: /,
    'nodes[0].host_ids[1]: host IDs must be unique within a node',
    'nodes[1]: node names must be unique within a database',
    /^nodes\[1\]\.host_ids\[0\]: must be 1 to 36 lower-case letters/,
    'database_users[1]: usernames must be unique within a database',
    'database_users[1]: only one user can be db_owner',
    /^database_users\[2\]\.attributes\[0\]: unknown attribute/,
    'services[1]: service IDs must be unique within a database',
    'services[0].connect_as: connect_as "ghost" does not match any database_users entry',
    'services[1].connect_as: connect_as "ghost" does not match any database_users entry',
    'services[0].config: unknown config key "nonsense"',
    'services[0].config: db_pool must be between 1 and 30',
    'services[1].config: unknown config key "nonsense"',
    'services[1].config: db_pool must be between 1 and 30',
    'failed to validate database spec: got invalid host ids: Host_2',
  );
});

test('everything that is in use is reported at once, each with its path', async () => {
  const port = stack.port(0);
  const answer = await refusedSpec(({ database_users, services }) => ({
    database_name: 'by_hand',
    database_users: [...database_users, { username: 'role_by_hand' }],
    services: services.map((service) => ({ ...service, port })),
  }));
  expectProblems(
    answer,
    /^database_name: database "by_hand" exists/,
    /^database_users\[1\]\.username: role "role_by_hand" exists/,
    /^services\[0\]\.port: port \d+ on host host-1 is used by a service of database "holder"$/,
  );
});

describe('a body that is no request changes nothing', () => {
  const json = { 'content-type': 'application/json' };

  test.each([
    ['malformed JSON', '{"id": "second",', json, 400, 'decode_payload'],
    ['nothing', '', json, 400, 'missing_payload'],
    ['a form', 'id=second', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported_media_type'],
    ['a megabyte', JSON.stringify({ id: 'x'.repeat(2 ** 20) }), json, 413, 'payload_too_large'],
    ['an id that is too long', JSON.stringify({ id: 'x'.repeat(37), spec: {} }), json, 400, 'invalid_length'],
    ['no specification', '{"id": "second"}', json, 400, 'missing_field'],
  ])('%s', async (_name, body, headers, status, name) => {
    const answer = await changesNothing(stack, () => stack.call('POST', '/v1/databases', body, headers));
    expect([answer.status, answer.body.name]).toEqual([status, name]);
  });
});
