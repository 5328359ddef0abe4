/**
 * The validation table of the published contract, as `POST /v1/databases` applies it. Rows that other files show through the
 * same endpoint:
 *
 * | Row | Where |
 * | --- | --- |
 * | bad identifier; malformed version; wrong type, empty, out of range; connect_as absent | fields.test.ts |
 * | unknown host; port conflict; port used by another database or process | ../api/refusals.test.ts |
 * | several problems at once | ../api/refusals.test.ts |
 * | missing granted role | ../e2e/tenants.test.ts |
 * | changed tenant_id or database_name | ../unit/spec/validation-table.test.ts, as rules of an update |
 * | services on a systemd cluster | there is none here: hosts run containers or processes |
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../api/support/answers.ts';
import { changesNothing } from '../api/support/records.ts';
import { create } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { bodyWith, bodyWithUser, exampleBody, type Json, service } from '../unit/spec/requests.ts';
import { createsOf, withMoreUsers } from './support/creates.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

const { misshapen, refused, taken } = createsOf(() => stack);
const withService = (members: Json) => bodyWith({ services: [service(members)] });
const withConfig = (config: Json) => withService({ config });
const withTargets = (...target_nodes: string[]) => withService({ database_connection: { target_nodes } });
const withSwarm = (options: Json) => withService({ orchestrator_opts: { swarm: options } });

describe('refused before anything is stored', () => {
  test('id lengths > 53', async () => {
    const body = (length: number) => ({ ...withService({ service_id: 's'.repeat(length) }), id: 'd'.repeat(36) });
    await taken(body(17));
    await refused(
      body(18),
      'services[0].service_id: database ID and service ID combined must not exceed 53 characters (got 54)',
    );
  });

  test('repeated service_id', () =>
    refused(
      bodyWith({ services: [service(), service({ port: 3200 })] }),
      'services[1]: service IDs must be unique within a database',
    ));

  test('unsupported type', async () => {
    await misshapen(
      withService({ service_type: 'api' }),
      'invalid_enum_value',
      'value of body.spec.services[0].service_type must be one of "mcp", "postgrest", "rag" but got value "api"',
    );
    for (const type of ['mcp', 'rag']) {
      await refused(
        withService({ service_type: type, config: { any: 'thing' } }),
        `services[0].service_type: service type "${type}" is not supported here; this control plane runs "postgrest"`,
      );
    }
  });

  test('repeated host in a service', () =>
    refused(
      withService({ host_ids: ['host-1', 'host-1'] }),
      'services[0].host_ids[1]: host IDs must be unique within a service',
    ));

  test('repeated host in a node', () =>
    refused(
      bodyWith({ nodes: [{ name: 'n1', host_ids: ['host-1', 'host-1'] }] }),
      'nodes[0].host_ids[1]: host IDs must be unique within a node',
    ));

  test('connect_as empty', () =>
    refused(withService({ connect_as: '' }), 'services[0].connect_as: connect_as is required'));

  test('connect_as unknown', () =>
    refused(
      withService({ connect_as: 'ghost' }),
      'services[0].connect_as: connect_as "ghost" does not match any database_users entry',
    ));

  test('connect_as of a user that could not log in', async () => {
    await refused(
      bodyWithUser({ attributes: ['INHERIT'] }),
      'services[0].connect_as: user "app" cannot log in: add LOGIN to its attributes',
    );
    await refused(
      bodyWithUser({ password: undefined }),
      'services[0].connect_as: user "app" has no password: the service could not log in',
    );
  });

  test('unknown config key', () =>
    refused(withConfig({ db_poool: 5 }), 'services[0].config: unknown config key "db_poool"'));

  test('unknown config keys, sorted and as one error', () =>
    refused(
      withConfig({ zeta: 1, db_uri: 'postgres://', alpha: null }),
      'services[0].config: unknown config keys: "alpha", "db_uri", "zeta"',
    ));

  test('ports that are 0 or absent are in no conflict', () =>
    taken(
      bodyWith({
        services: [
          service({ port: 0 }),
          service({ service_id: 'b', port: 0 }),
          service({ service_id: 'c', port: undefined }),
          service({ service_id: 'd', port: undefined }),
        ],
      }),
    ));

  test('target_nodes', async () => {
    const path = 'services[0].database_connection.target_nodes';
    await refused(withTargets(''), `${path}[0]: node name must not be empty`);
    await refused(withTargets('n1', 'n9'), `${path}[1]: node "n9" does not exist in the database spec`);
    await refused(withTargets('n1', 'n1'), `${path}[1]: duplicate node name "n1"`);
  });

  test('extra_volumes', () =>
    refused(
      withSwarm({ extra_volumes: [{ host_path: '/', destination_path: '/host' }] }),
      'services[0].orchestrator_opts.swarm.extra_volumes: extra_volumes is not supported for services',
    ));

  test('driver_opts', () =>
    refused(
      withSwarm({ extra_networks: [{ id: 'net', driver_opts: { a: 'b' } }] }),
      'services[0].orchestrator_opts.swarm.extra_networks: extra_networks is not supported here: services listen on the address of their host',
    ));

  test('`pgedge.` labels on services', async () => {
    for (const label of ['pgedge.component', 'PgEdge.x', 'pgsteward.instance']) {
      await refused(
        withSwarm({ extra_labels: { team: 'shop', [label]: 'x' } }),
        `services[0].orchestrator_opts.swarm.extra_labels: label "${label}" is reserved: it starts with "pgedge." or "pgsteward."`,
      );
    }
  });

  test('repeated username', () =>
    refused(withMoreUsers(1, { username: 'app' }), 'database_users[1]: usernames must be unique within a database'));

  test('two owners', () =>
    refused(withMoreUsers(1, { db_owner: true }), 'database_users[1]: only one user can be db_owner'));

  test('repeated node name', () =>
    refused(
      bodyWith({
        nodes: [
          { name: 'n1', host_ids: ['host-1'] },
          { name: 'n1', host_ids: ['host-2'] },
        ],
      }),
      'nodes[1]: node names must be unique within a database',
      'failed to validate database spec: got invalid host ids: host-2',
    ));

  test('bad attribute', async () => {
    for (const attribute of ['ROOT', "LOGIN PASSWORD 'x'", '', 'NONOLOGIN']) {
      await refused(
        bodyWithUser({ attributes: ['LOGIN', attribute] }),
        /^database_users\[0\]\.attributes\[1\]: unknown attribute: use SUPERUSER, /,
      );
    }
  });

  test('`db_anon_role` = connect_as user', () =>
    refused(
      withConfig({ db_anon_role: 'app' }),
      'services[0].config: db_anon_role must not be the connect_as user: a role cannot be granted to itself',
    ));

  test('the published example itself has none of these mistakes', () => taken(exampleBody()));
});

describe('accepted, and the task fails', () => {
  /** A create that is accepted, and what came of it. */
  async function failed(id: string, changes: { version?: string; config?: Json }) {
    const { spec, ...request } = seedRequest({ id, port: 0, user: `${id.replaceAll('-', '_')}_app` });
    const services = spec.services.map((one) => ({ ...one, ...changes }));
    const task = await create(stack, { ...request, spec: { ...spec, services } } as typeof request);
    const { body } = await stack.call('GET', `/v1/databases/${id}`);
    expect([task.status, body.state]).toEqual(['failed', 'failed']);
    expect(body.service_instances).toMatchObject([{ state: 'failed', error: expect.any(String) }]);
    return task.error ?? '';
  }

  test('well-formed but unknown version', async () => {
    const error = await failed('unknown-version', { version: '99.99.99' });
    expect(error).toContain('unsupported version "99.99.99" for service type "postgrest"');
    expect(error).toContain('14.5');
  });

  test('known version that the host cannot run', async () => {
    const error = await failed('other-version', { version: '14.5' });
    expect(error).toContain('PostgREST 14.5 needs the docker runtime: this host has the binary of 12.0.2 only');
  });

  test('setting that the version does not have', async () => {
    const error = await failed('no-filters', { config: { jwt_role_claim_key: '.roles[?(@ == "writer")]' } });
    expect(error).toContain('jwt_role_claim_key: this release of PostgREST has no way to write filters');
  });

  test('missing schema and anonymous role, both kinds together', async () => {
    const error = await failed('preflight', { config: { db_schemas: 'nowhere, public', db_anon_role: 'nobody_made' } });
    expect(error).toContain(
      'services[0].config.db_schemas: schema "nowhere" does not exist in database "preflight"; create it before deploying PostgREST',
    );
    expect(error).toContain('services[0].config.db_anon_role: role "nobody_made" does not exist');
  });

  test('retry of create with the same id is 409, also after the first attempt failed', async () => {
    const retried = seedRequest({ id: 'unknown-version', port: 0, user: 'another_app' });
    const answer = await changesNothing(stack, () => stack.call('POST', '/v1/databases', retried));
    expectError(answer, 409, 'database_already_exists');
  });
});
