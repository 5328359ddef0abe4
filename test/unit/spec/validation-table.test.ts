import { expect, test } from 'vitest';
import { IDENTIFIER_RULE } from '../../../domain/identifiers.ts';
import type { SpecContext } from '../../../domain/spec/context.ts';
import { bodyWith, bodyWithUser, exampleBody, type Json, problemsOf, service } from './requests.ts';

/** Rows of the contract's validation table: name, request, exactly these problems, and what else is known. */
type Row = [name: string, body: unknown, problems: string[], context?: Partial<SpecContext>];

const withService = (replaced: Json) => bodyWith({ services: [service(replaced)] });
const withConfig = (config: Json) => exampleBody(config);
const withServices = (...services: Json[]) => bodyWith({ services });
const withNodes = (...nodes: Json[]) => bodyWith({ nodes });

const IDENTIFIERS: Row[] = [
  ['bad database id', { ...exampleBody(), id: 'Store' }, [`id: ${IDENTIFIER_RULE}`]],
  ['bad tenant id', { ...exampleBody(), tenant_id: 'a--b' }, [`tenant_id: ${IDENTIFIER_RULE}`]],
  ['bad service id', withService({ service_id: '-api' }), [`services[0].service_id: ${IDENTIFIER_RULE}`]],
  [
    'bad host id of a service',
    withService({ host_ids: ['host-1', 'Host_2'] }),
    [`services[0].host_ids[1]: ${IDENTIFIER_RULE}`],
    { knownHosts: new Set(['host-1', 'Host_2']) },
  ],
  [
    'bad host id of a node',
    withNodes({ name: 'n1', host_ids: ['a.b'] }),
    [`nodes[0].host_ids[0]: ${IDENTIFIER_RULE}`],
    { knownHosts: new Set(['host-1', 'a.b']), serverMajors: new Map([['a.b', 17]]) },
  ],
  [
    'id lengths > 53',
    withService({ service_id: 'a'.repeat(18) }),
    ['services[0].service_id: database ID and service ID combined must not exceed 53 characters (got 54)'],
    { databaseId: 'd'.repeat(36) },
  ],
  ['id lengths = 53', withService({ service_id: 'a'.repeat(17) }), [], { databaseId: 'd'.repeat(36) }],
];

const REPETITIONS: Row[] = [
  [
    'repeated service_id',
    withServices(service(), service({ port: 3200 })),
    ['services[1]: service IDs must be unique within a database'],
  ],
  [
    'repeated host in a service',
    withService({ host_ids: ['host-1', 'host-1'] }),
    ['services[0].host_ids[1]: host IDs must be unique within a service'],
  ],
  [
    'repeated host in a node',
    withNodes({ name: 'n1', host_ids: ['host-1', 'host-1'] }),
    ['nodes[0].host_ids[1]: host IDs must be unique within a node'],
  ],
  [
    'one host in two nodes',
    withNodes({ name: 'n1', host_ids: ['host-1'] }, { name: 'n2', host_ids: ['host-1'] }),
    ['nodes[1].host_ids[0]: the server of this host already belongs to node "n1"'],
  ],
  [
    'repeated node name',
    withNodes({ name: 'n1', host_ids: ['host-1'] }, { name: 'n1', host_ids: ['host-2'] }),
    ['nodes[1]: node names must be unique within a database'],
  ],
  [
    'repeated username, two owners',
    bodyWith({
      database_users: [
        { username: 'app', password: 'x', db_owner: true, attributes: ['LOGIN'] },
        { username: 'app', db_owner: true },
      ],
    }),
    [
      'database_users[1]: usernames must be unique within a database',
      'database_users[1]: only one user can be db_owner',
    ],
  ],
];

const HOSTS: Row[] = [
  [
    'unknown hosts of nodes and services, sorted',
    bodyWith({
      nodes: [{ name: 'n1', host_ids: ['zeta', 'host-1'] }],
      services: [service({ host_ids: ['alpha', 'zeta'] })],
    }),
    ['failed to validate database spec: got invalid host ids: alpha, zeta'],
  ],
  [
    'a host without a server in a node',
    withNodes({ name: 'n1', host_ids: ['bare'] }),
    ['nodes[0].host_ids[0]: this host has no PostgreSQL server'],
  ],
  [
    'a major version that the server does not have',
    bodyWith({ postgres_version: '18.4' }),
    ['postgres_version: host host-1 runs PostgreSQL 17, not 18.4; an existing server keeps its version'],
  ],
  [
    'a major version that the server of a node does not have',
    withNodes({ name: 'n1', host_ids: ['host-1'], postgres_version: '16.1' }),
    ['nodes[0].postgres_version: host host-1 runs PostgreSQL 17, not 16.1; an existing server keeps its version'],
  ],
];

const CONNECT_AS: Row[] = [
  ['connect_as empty', withService({ connect_as: '' }), ['services[0].connect_as: connect_as is required']],
  [
    'connect_as unknown',
    withService({ connect_as: 'ghost' }),
    ['services[0].connect_as: connect_as "ghost" does not match any database_users entry'],
  ],
  [
    'connect_as user without LOGIN',
    bodyWithUser({ attributes: ['INHERIT'] }),
    ['services[0].connect_as: user "app" cannot log in: add LOGIN to its attributes'],
  ],
  [
    'connect_as user without a password',
    bodyWithUser({ password: undefined }),
    ['services[0].connect_as: user "app" has no password: the service could not log in'],
  ],
  [
    'connect_as user whose password is kept',
    bodyWithUser({ password: undefined }),
    [],
    { usersWithPassword: new Set(['app']) },
  ],
  [
    'connect_as user that is a superuser',
    bodyWithUser({ attributes: ['LOGIN', 'SUPERUSER'] }),
    ['services[0].connect_as: user "app" is a superuser: a service must not log in as one'],
  ],
];

const CONFIG: Row[] = [
  ['unknown config key', withConfig({ x: 1 }), ['services[0].config: unknown config key "x"']],
  ['unknown config keys, sorted', withConfig({ b: 1, a: 2 }), ['services[0].config: unknown config keys: "a", "b"']],
  ['string of the wrong type', withConfig({ db_schemas: 5 }), ['services[0].config: db_schemas must be a string']],
  ['null', withConfig({ jwt_secret: null }), ['services[0].config: jwt_secret must be a string']],
  ['empty string', withConfig({ jwt_aud: '' }), ['services[0].config: jwt_aud must not be empty']],
  ['integer of the wrong type', withConfig({ db_pool: '5' }), ['services[0].config: db_pool must be an integer']],
  ['fraction', withConfig({ db_pool: 5.5 }), ['services[0].config: db_pool must be an integer']],
  ['5.0 is an integer', withConfig(JSON.parse('{"db_pool": 5.0}')), []],
  ['db_pool out of range', withConfig({ db_pool: 31 }), ['services[0].config: db_pool must be between 1 and 30']],
  ['max_rows out of range', withConfig({ max_rows: 0 }), ['services[0].config: max_rows must be between 1 and 10000']],
  [
    'jwt_secret of 31 bytes',
    withConfig({ jwt_secret: 's'.repeat(31) }),
    ['services[0].config: jwt_secret must be at least 32 characters'],
  ],
  ['jwt_secret of 32 bytes in 16 characters', withConfig({ jwt_secret: 'é'.repeat(16) }), []],
  [
    'db_anon_role = connect_as user',
    withConfig({ db_anon_role: 'app' }),
    ['services[0].config: db_anon_role must not be the connect_as user: a role cannot be granted to itself'],
  ],
  [
    'reserved db_anon_role',
    withConfig({ db_anon_role: 'pg_monitor' }),
    ['services[0].config: db_anon_role: names that start with pg_ are reserved by PostgreSQL'],
  ],
  [
    'db_anon_role that is a superuser',
    withConfig({ db_anon_role: 'dba' }),
    ['services[0].config: db_anon_role: role "dba" is a superuser of the server'],
  ],
  [
    'db_anon_role of another database',
    withConfig({ db_anon_role: 'crm_app' }),
    ['services[0].config: db_anon_role: role "crm_app" belongs to another database'],
  ],
  ['db_anon_role on the allow-list', withConfig({ db_anon_role: 'shared_reader' }), []],
  [
    'empty entry of db_schemas',
    withConfig({ db_schemas: 'a,,b' }),
    ['services[0].config: db_schemas must be a comma-separated list without empty entries'],
  ],
  [
    'entry of db_schemas over 63 bytes',
    withConfig({ db_schemas: 'é'.repeat(32) }),
    ['services[0].config: db_schemas must list names of schemas; one of them must not exceed 63 bytes'],
  ],
  [
    'system schema',
    withConfig({ db_schemas: 'public,pg_catalog' }),
    ['services[0].config: db_schemas must not expose schemas of the system'],
  ],
  [
    'schema listed twice',
    withConfig({ db_schemas: 'a,b, a' }),
    ['services[0].config: db_schemas must not list a schema twice'],
  ],
  [
    'line break in a value',
    withConfig({ server_cors_allowed_origins: 'https://a\nx = "y"' }),
    ['services[0].config: server_cors_allowed_origins must not contain control characters'],
  ],
  [
    'line break in the JWT secret',
    withConfig({ jwt_secret: `${'s'.repeat(32)}\r\n` }),
    ['services[0].config: jwt_secret must not contain control characters'],
  ],
  [
    'audience that PostgREST would exit on',
    withConfig({ jwt_aud: 'my-app: prod' }),
    ['services[0].config: jwt_aud must be a URI when it contains a colon'],
  ],
  [
    'claim key that PostgREST would exit on',
    withConfig({ jwt_role_claim_key: 'role' }),
    ['services[0].config: jwt_role_claim_key must be a path such as .role or ."https://example.com/role"'],
  ],
];

const SERVICES: Row[] = [
  [
    'unsupported type',
    withService({ service_type: 'mcp', config: { any: 'thing' } }),
    ['services[0].service_type: service type "mcp" is not supported here; this control plane runs "postgrest"'],
  ],
  ['well-formed but unknown version is accepted', withService({ version: '99.99.99' }), []],
  [
    'target node that is empty',
    withService({ database_connection: { target_nodes: [''] } }),
    ['services[0].database_connection.target_nodes[0]: node name must not be empty'],
  ],
  [
    'target node that is not in the spec',
    withService({ database_connection: { target_nodes: ['n9'] } }),
    ['services[0].database_connection.target_nodes[0]: node "n9" does not exist in the database spec'],
  ],
  [
    'target node listed twice',
    withService({ database_connection: { target_nodes: ['n1', 'n1'] } }),
    ['services[0].database_connection.target_nodes[1]: duplicate node name "n1"'],
  ],
  [
    'memory that is no amount',
    withService({ memory: 'much' }),
    ['services[0].memory: must be an amount of memory, such as "512M" or "1GiB"'],
  ],
  [
    'memory below what the engine accepts',
    withService({ memory: '1M' }),
    ['services[0].memory: must be at least 6MiB'],
  ],
];

const ORCHESTRATOR: Row[] = [
  [
    'extra_volumes',
    withSwarm({ extra_volumes: [{ host_path: '/' }] }),
    [`${swarm('extra_volumes')}: extra_volumes is not supported for services`],
  ],
  [
    'extra_networks with driver_opts',
    withSwarm({ extra_networks: [{ id: 'x', driver_opts: { a: 'b' } }] }),
    [`${swarm('extra_networks')}: extra_networks is not supported here: services listen on the address of their host`],
  ],
  [
    'reserved label of the contract',
    withSwarm({ extra_labels: { 'pgedge.x': '1' } }),
    [`${swarm('extra_labels')}: label "pgedge.x" is reserved: it starts with "pgedge." or "pgsteward."`],
  ],
  [
    'reserved label of ours',
    withSwarm({ extra_labels: { 'pgsteward.x': '1' } }),
    [`${swarm('extra_labels')}: label "pgsteward.x" is reserved: it starts with "pgedge." or "pgsteward."`],
  ],
  [
    'image without the admin role',
    withSwarm({ image: 'x/y:1' }),
    [`${swarm('image')}: choosing an image needs the admin role`],
    { callerIsAdmin: false },
  ],
  [
    'image that is no reference',
    withSwarm({ image: '--privileged' }),
    [`${swarm('image')}: must be an image reference`],
  ],
  ['options without swarm', withService({ orchestrator_opts: {} }), []],
];

const PORTS: Row[] = [
  [
    'two services on one port',
    withServices(service(), service({ service_id: 'b' })),
    ["duplicate ports allocated on host 'host-1': '3100' duplicated in: services[0].port, services[1].port"],
  ],
  [
    'a service on the admin port of another',
    withServices(service(), service({ service_id: 'b', port: 3101 })),
    ["duplicate ports allocated on host 'host-1': '3101' duplicated in: services[0].port + 1, services[1].port"],
  ],
  ['the same port on different hosts', withServices(service(), service({ service_id: 'b', host_ids: ['host-2'] })), []],
  [
    'ports that are absent or to be chosen',
    withServices(
      service({ port: 0 }),
      service({ service_id: 'b', port: 0 }),
      service({ service_id: 'c', port: undefined }),
      service({ service_id: 'd', port: undefined }),
    ),
    [],
  ],
  [
    'a port without a next one',
    withService({ port: 65535 }),
    ['services[0].port: must not exceed 65534: the admin gateway listens on port + 1'],
  ],
];

const UNCHANGEABLE: Row[] = [
  [
    'changed database_name',
    exampleBody(),
    ['invalid database update: database name cannot be changed'],
    { previous: { databaseName: 'other' } },
  ],
  [
    'changed tenant_id',
    { ...exampleBody(), tenant_id: 'b' },
    ['invalid database update: tenant ID cannot be changed'],
    { previous: { databaseName: 'storefront', tenantId: 'a' } },
  ],
  [
    'tenant_id left out',
    exampleBody(),
    ['invalid database update: tenant ID cannot be changed'],
    { previous: { databaseName: 'storefront', tenantId: 'a' } },
  ],
];

function withSwarm(options: Json) {
  return withService({ orchestrator_opts: { swarm: options } });
}

function swarm(member: string): string {
  return `services[0].orchestrator_opts.swarm.${member}`;
}

test.each([
  ...IDENTIFIERS,
  ...REPETITIONS,
  ...HOSTS,
  ...CONNECT_AS,
  ...CONFIG,
  ...SERVICES,
  ...ORCHESTRATOR,
  ...PORTS,
  ...UNCHANGEABLE,
])('%s', (_name, body, problems, context = {}) => {
  expect(problemsOf(body, context)).toEqual(problems);
});

test('problems of different members are reported together', () => {
  const body = bodyWith({
    database_name: 'postgres',
    nodes: [{ name: 'n1', host_ids: ['nowhere'] }],
    services: [service({ connect_as: 'ghost', config: { db_pool: 0 } })],
  });
  expect(problemsOf(body)).toEqual([
    'database_name: "postgres" belongs to the server itself',
    'services[0].connect_as: connect_as "ghost" does not match any database_users entry',
    'services[0].config: db_pool must be between 1 and 30',
    'failed to validate database spec: got invalid host ids: nowhere',
  ]);
});

test('hosts are not judged before they are known', () => {
  const body = bodyWith({ nodes: [{ name: 'n1', host_ids: ['nowhere'] }] });
  expect(problemsOf(body, { knownHosts: undefined, serverMajors: undefined })).toEqual([]);
});
