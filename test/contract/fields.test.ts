/**
 * The fields of the published contract, each at its limits, as `POST /v1/databases` takes them. Rules that need more than one
 * field are in validation.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IDENTIFIER_RULE } from '../../domain/identifiers.ts';
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
const withNode = (members: Json) => bodyWith({ nodes: [{ name: 'n1', host_ids: ['host-1'], ...members }] });
const text = (length: number) => 'x'.repeat(length);

describe('Identifier', () => {
  const NO_IDENTIFIERS = ['Store', 'sto re', 'sto_re', 'sto.re', '-store', 'store-', 'sto--re', 'störe'];

  test('database id: 1 to 36 characters, left out it is random', async () => {
    for (const id of ['a', text(36), 'a-1-b', undefined]) await taken({ ...exampleBody(), id });
    await misshapen(
      { ...exampleBody(), id: text(37) },
      'invalid_length',
      'length of body.id must be lesser or equal than 36 but got length 37',
    );
    await misshapen(
      { ...exampleBody(), id: '' },
      'invalid_length',
      'length of body.id must be greater or equal than 1 but got length 0',
    );
  });

  test('database id, tenant_id, service_id and host_ids take no other characters', async () => {
    for (const id of NO_IDENTIFIERS) {
      await refused({ ...exampleBody(), id }, `id: ${IDENTIFIER_RULE}`);
      await refused({ ...exampleBody(), tenant_id: id }, `tenant_id: ${IDENTIFIER_RULE}`);
      await refused(withService({ service_id: id }), `services[0].service_id: ${IDENTIFIER_RULE}`);
      await refused(
        withService({ host_ids: ['host-1', id] }),
        `services[0].host_ids[1]: ${IDENTIFIER_RULE}`,
        `failed to validate database spec: got invalid host ids: ${id}`,
      );
    }
  });

  test.each([
    ['tenant_id', () => ({ ...exampleBody(), tenant_id: text(37) }), 'body.tenant_id'],
    ['service_id', () => withService({ service_id: text(37) }), 'body.spec.services[0].service_id'],
    ['host_ids of a service', () => withService({ host_ids: [text(37)] }), 'body.spec.services[0].host_ids[0]'],
    ['host_ids of a node', () => withNode({ host_ids: [text(37)] }), 'body.spec.nodes[0].host_ids[0]'],
  ])('%s: at most 36 characters', async (_field, body, path) => {
    await misshapen(body(), 'invalid_length', `length of ${path} must be lesser or equal than 36 but got length 37`);
  });
});

describe('Database spec', () => {
  test('spec is required', () => misshapen({ id: 'a' }, 'missing_field', '"spec" is missing from body'));

  test('database_name: required, 1 to 31 characters', async () => {
    await misshapen(
      bodyWith({ database_name: undefined }),
      'missing_field',
      '"database_name" is missing from body.spec',
    );
    await misshapen(
      bodyWith({ database_name: text(32) }),
      'invalid_length',
      'length of body.spec.database_name must be lesser or equal than 31 but got length 32',
    );
    await misshapen(
      bodyWith({ database_name: '' }),
      'invalid_length',
      'length of body.spec.database_name must be greater or equal than 1 but got length 0',
    );
    for (const name of ['a', text(31), 'Größe "1"']) await taken(bodyWith({ database_name: name }));
  });

  test('nodes: required, 1 to 9', async () => {
    const nodes = (count: number) =>
      bodyWith({ nodes: Array.from({ length: count }, (_, i) => ({ name: `n${i}`, host_ids: [`host-${i + 1}`] })) });
    await misshapen(bodyWith({ nodes: undefined }), 'missing_field', '"nodes" is missing from body.spec');
    await misshapen(
      nodes(0),
      'invalid_length',
      'length of body.spec.nodes must be greater or equal than 1 but got length 0',
    );
    await misshapen(
      nodes(10),
      'invalid_length',
      'length of body.spec.nodes must be lesser or equal than 9 but got length 10',
    );
    const unknown = Array.from({ length: 8 }, (_, i) => `host-${i + 2}`).join(', ');
    await refused(nodes(9), `failed to validate database spec: got invalid host ids: ${unknown}`);
  });

  test('database_users: at most 16', async () => {
    await taken(withMoreUsers(15));
    await misshapen(
      withMoreUsers(16),
      'invalid_length',
      'length of body.spec.database_users must be lesser or equal than 16 but got length 17',
    );
  });

  test('services: any number, or none', async () => {
    const many = Array.from({ length: 60 }, (_, i) => service({ service_id: `s${i}`, port: 0 }));
    for (const services of [many, [], null, undefined]) await taken(bodyWith({ services }));
  });

  test('postgres_version: two digits, a dot, one or two digits; the major of the server', async () => {
    const [{ major = 0 } = {}] = await stack.target.query<{ major: number }>(
      "SELECT current_setting('server_version_num')::int / 10000 AS major",
    );
    for (const version of [`${major}.0`, `${major}.99`, undefined])
      await taken(bodyWith({ postgres_version: version }));
    for (const version of ['9.6', `${major}`, `${major}.123`, `v${major}.1`, `${major}.x`]) {
      await misshapen(
        bodyWith({ postgres_version: version }),
        'invalid_pattern',
        `body.spec.postgres_version must match the regexp "^\\\\d{2}\\\\.\\\\d{1,2}$" but got value "${version}"`,
      );
    }
    await misshapen(
      bodyWith({ postgres_version: 18.4 }),
      'invalid_field_type',
      'invalid value for "body.spec.postgres_version", must be a string',
    );
  });

  /** Fields of servers that the published control plane makes itself. */
  const UNSUPPORTED: [field: string, value: unknown][] = [
    ['port', 0],
    ['patroni_port', 8888],
    ['cpus', '1'],
    ['memory', '1GiB'],
    ['postgresql_conf', { max_connections: 10 }],
    ['pg_hba_conf', ['local all all trust']],
    ['pg_ident_conf', ['a b c']],
    ['orchestrator_opts', { swarm: { image: 'x' } }],
    ['backup_config', { repositories: [] }],
    ['restore_config', { source_database_id: 'x' }],
  ];

  test.each<[field: string, value: unknown]>([['spock_version', '5'], ...UNSUPPORTED])(
    '%s: refused by name, because the server exists already',
    async (field, value) => refused(bodyWith({ [field]: value }), new RegExp(`^${field}: not supported: `)),
  );

  test.each<[field: string, value: unknown]>([['source_node', 'n2'], ...UNSUPPORTED])(
    'nodes[].%s: refused by name',
    async (field, value) =>
      refused(withNode({ [field]: value }), new RegExp(`^nodes\\[0\\]\\.${field}: not supported: `)),
  );

  test.each(['post_init', 'post_database_create'])(
    'scripts.%s: at most 256 statements of 1 to 1024 characters',
    async (list) => {
      const scripts = (statements: unknown) => bodyWith({ scripts: { [list]: statements } });
      const path = `body.spec.scripts.${list}`;
      const padded = (length: number) => 'SELECT 1'.padEnd(length, ' ');
      await taken(scripts(Array(256).fill('SELECT 1')));
      await taken(scripts([padded(1024)]));
      await misshapen(
        scripts(Array(257).fill('SELECT 1')),
        'invalid_length',
        `length of ${path} must be lesser or equal than 256 but got length 257`,
      );
      await misshapen(
        scripts(['SELECT 1', padded(1025)]),
        'invalid_length',
        `length of ${path}[1] must be lesser or equal than 1024 but got length 1025`,
      );
      await misshapen(
        scripts(['']),
        'invalid_length',
        `length of ${path}[0] must be greater or equal than 1 but got length 0`,
      );
      await misshapen(scripts('SELECT 1'), 'invalid_field_type', `invalid value for "${path}", must be an array`);
    },
  );
});

describe('nodes[]', () => {
  test('name: n and digits', async () => {
    for (const name of ['n1', 'n0', 'n123456789']) await taken(withNode({ name }));
    for (const name of ['', 'n', 'x1', 'n1 ', 'N1', 'n1x']) {
      await misshapen(
        withNode({ name }),
        'invalid_pattern',
        `body.spec.nodes[0].name must match the regexp "^n[0-9]{1,9}$" but got value ${JSON.stringify(name)}`,
      );
    }
    await misshapen(withNode({ name: undefined }), 'missing_field', '"name" is missing from body.spec.nodes[0]');
  });

  test('host_ids: required, at least one', async () => {
    await misshapen(
      withNode({ host_ids: undefined }),
      'missing_field',
      '"host_ids" is missing from body.spec.nodes[0]',
    );
    await misshapen(
      withNode({ host_ids: [] }),
      'invalid_length',
      'length of body.spec.nodes[0].host_ids must be greater or equal than 1 but got length 0',
    );
  });
});

describe('database_users[]', () => {
  const user = 'body.spec.database_users[0]';

  test('username: required, at least one character, not pgedge_superuser', async () => {
    await misshapen(bodyWithUser({ username: undefined }), 'missing_field', `"username" is missing from ${user}`);
    await misshapen(
      bodyWithUser({ username: '' }),
      'invalid_length',
      `length of ${user}.username must be greater or equal than 1 but got length 0`,
    );
    await refused(
      withMoreUsers(1, { username: 'pgedge_superuser' }),
      'database_users[1].username: "pgedge_superuser" is reserved',
    );
  });

  test('password: at least one character, optional, and never in an answer', async () => {
    await taken(withMoreUsers(1));
    await taken(withMoreUsers(1, { password: 'x' }));
    await misshapen(
      bodyWithUser({ password: '' }),
      'invalid_length',
      `length of ${user}.password must be greater or equal than 1 but got length 0`,
    );
    await misshapen(
      bodyWithUser({ password: 4711 }),
      'invalid_field_type',
      `invalid value for "${user}.password", must be a string`,
    );
  });

  test('db_owner: true or false', async () => {
    for (const db_owner of [true, false, null]) await taken(bodyWithUser({ db_owner }));
    await misshapen(
      bodyWithUser({ db_owner: 'yes' }),
      'invalid_field_type',
      `invalid value for "${user}.db_owner", must be a boolean`,
    );
  });

  test('attributes: at most 16 of the listed ones, in any case', async () => {
    const names = ['SUPERUSER', 'CREATEDB', 'CREATEROLE', 'INHERIT', 'LOGIN', 'REPLICATION', 'BYPASSRLS'];
    const forms = names.flatMap((name) => [name, `NO${name}`]);
    for (const attribute of forms) await taken(withMoreUsers(1, { attributes: [attribute] }));
    await taken(withMoreUsers(1, { attributes: names.map((name) => name.toLowerCase()) }));
    await taken(bodyWithUser({ attributes: Array(16).fill('LOGIN') }));
    await misshapen(
      bodyWithUser({ attributes: Array(17).fill('LOGIN') }),
      'invalid_length',
      `length of ${user}.attributes must be lesser or equal than 16 but got length 17`,
    );
  });

  test('roles: at most 16', async () => {
    const roles = (count: number) => bodyWithUser({ roles: Array.from({ length: count }, (_, i) => `role_${i}`) });
    await taken(roles(16));
    await misshapen(
      roles(17),
      'invalid_length',
      `length of ${user}.roles must be lesser or equal than 16 but got length 17`,
    );
  });
});

describe('services[]', () => {
  const path = 'body.spec.services[0]';

  test.each(['service_id', 'service_type', 'version', 'host_ids', 'connect_as'])('%s: required', async (field) => {
    await misshapen(withService({ [field]: undefined }), 'missing_field', `"${field}" is missing from ${path}`);
    await misshapen(withService({ [field]: null }), 'missing_field', `"${field}" is missing from ${path}`);
  });

  test('service_type: one of the listed ones', () =>
    misshapen(
      withService({ service_type: 'web' }),
      'invalid_enum_value',
      `value of ${path}.service_type must be one of "mcp", "postgrest", "rag" but got value "web"`,
    ));

  test('version: latest, major.minor or major.minor.patch, known or not', async () => {
    for (const version of ['latest', '14.5', '12.0.2', '99.99', '99.99.99']) await taken(withService({ version }));
    for (const version of ['', '14', 'v1.0', '1.2.3.4', 'LATEST', '14.5 ', '14.x']) {
      await misshapen(
        withService({ version }),
        'invalid_pattern',
        `${path}.version must match the regexp "^(\\\\d+\\\\.\\\\d+(\\\\.\\\\d+)?|latest)$" but got value ${JSON.stringify(version)}`,
      );
    }
  });

  test('host_ids: at least one', () =>
    misshapen(
      withService({ host_ids: [] }),
      'invalid_length',
      `length of ${path}.host_ids must be greater or equal than 1 but got length 0`,
    ));

  test('port: 0 to 65534, or none', async () => {
    for (const port of [undefined, null, 0, 1, 65534, 3100.0]) await taken(withService({ port }));
    await misshapen(
      withService({ port: -1 }),
      'invalid_range',
      `${path}.port must be greater or equal than 0 but got value -1`,
    );
    await misshapen(
      withService({ port: 65536 }),
      'invalid_range',
      `${path}.port must be lesser or equal than 65535 but got value 65536`,
    );
    await misshapen(
      withService({ port: '3100' }),
      'invalid_field_type',
      `invalid value for "${path}.port", must be a number`,
    );
    await refused(
      withService({ port: 65535 }),
      'services[0].port: must not exceed 65534: the admin gateway listens on port + 1',
    );
  });

  test('config: an object, or none', async () => {
    for (const config of [undefined, null, {}]) await taken(withService({ config }));
    for (const config of [[], 'db_pool=1', 5]) {
      await misshapen(
        withService({ config }),
        'invalid_field_type',
        `invalid value for "${path}.config", must be an object`,
      );
    }
  });

  test('cpus: whole, with up to three decimals, or in thousandths', async () => {
    for (const cpus of ['1', '0.5', '500m', '0.125', '0', '0.001']) await taken(withService({ cpus }));
    for (const cpus of ['', 'one', '-1', '1.2345', '0.0005', '1.5m', '.5']) {
      await misshapen(
        withService({ cpus }),
        'invalid_pattern',
        `${path}.cpus must match the regexp "^[0-9]+(\\\\.[0-9]{1,3}|m)?$" but got value ${JSON.stringify(cpus)}`,
      );
    }
  });

  test('memory: SI or IEC, at most 16 characters', async () => {
    for (const memory of ['512M', '512MB', '1GiB', '1.5 GiB', '0', `${'0'.repeat(11)}1024M`]) {
      await taken(withService({ memory }));
    }
    await misshapen(
      withService({ memory: `${'0'.repeat(16)}1` }),
      'invalid_length',
      `length of ${path}.memory must be lesser or equal than 16 but got length 17`,
    );
    await refused(
      withService({ memory: 'much' }),
      'services[0].memory: must be an amount of memory, such as "512M" or "1GiB"',
    );
    await refused(withService({ memory: '5MiB' }), 'services[0].memory: must be at least 6MiB');
  });

  test('database_connection.target_session_attrs: one of the listed ones', async () => {
    const attributes = ['primary', 'prefer-standby', 'standby', 'read-write', 'any'];
    for (const target_session_attrs of attributes) {
      await taken(withService({ database_connection: { target_session_attrs } }));
    }
    await misshapen(
      withService({ database_connection: { target_session_attrs: 'read-only' } }),
      'invalid_enum_value',
      `value of ${path}.database_connection.target_session_attrs must be one of ${attributes.map((a) => `"${a}"`).join(', ')} but got value "read-only"`,
    );
  });

  test('database_connection.target_nodes: existing nodes', () =>
    taken(withService({ database_connection: { target_nodes: ['n1'] } })));

  test('orchestrator_opts.swarm: labels and an image', async () => {
    await taken(withService({ orchestrator_opts: {} }));
    await taken(
      withService({
        orchestrator_opts: {
          swarm: { extra_labels: { team: 'shop' }, image: 'registry.example:5000/postgrest:v14.5' },
        },
      }),
    );
    await misshapen(
      withService({ orchestrator_opts: { swarm: { image: '' } } }),
      'invalid_length',
      `length of ${path}.orchestrator_opts.swarm.image must be greater or equal than 1 but got length 0`,
    );
    await refused(
      withService({ orchestrator_opts: { swarm: { image: '--privileged' } } }),
      'services[0].orchestrator_opts.swarm.image: must be an image reference',
    );
  });
});

describe('config for postgrest', () => {
  const at = 'services[0].config';

  test('db_schemas: a comma list of names', async () => {
    for (const db_schemas of ['public', 'public, api', 'Größe']) await taken(withConfig({ db_schemas }));
    await refused(
      withConfig({ db_schemas: 'a,,b' }),
      `${at}: db_schemas must be a comma-separated list without empty entries`,
    );
  });

  test('db_anon_role: a role that the database may use; left out it is pgedge_application_read_only', async () => {
    for (const db_anon_role of ['web_anon', 'pgedge_application_read_only']) await taken(withConfig({ db_anon_role }));
    await refused(
      withConfig({ db_anon_role: 'pg_read_all_data' }),
      `${at}: db_anon_role: names that start with pg_ are reserved by PostgreSQL`,
    );
  });

  test.each([
    ['db_pool', 1, 30],
    ['max_rows', 1, 10_000],
  ])('%s: an integer from %i to %i', async (key, min, max) => {
    for (const value of [min, max]) await taken(withConfig({ [key]: value }));
    for (const value of [min - 1, max + 1, -1]) {
      await refused(withConfig({ [key]: value }), `${at}: ${key} must be between ${min} and ${max}`);
    }
    for (const value of [1.5, '5', true, null, [5], {}]) {
      await refused(withConfig({ [key]: value }), `${at}: ${key} must be an integer`);
    }
  });

  test('db_pool: 5.0 is an integer', () => {
    const body = JSON.stringify({ ...withConfig({ db_pool: 12345 }), tenant_id: 'a--b' }).replace('12345', '5.0');
    expect(body).toContain('"db_pool":5.0');
    return refused(body, `tenant_id: ${IDENTIFIER_RULE}`);
  });

  test('jwt_secret: at least 32 bytes', async () => {
    for (const jwt_secret of [text(32), 'é'.repeat(16)]) await taken(withConfig({ jwt_secret }));
    for (const jwt_secret of [text(31), 'short']) {
      await refused(withConfig({ jwt_secret }), `${at}: jwt_secret must be at least 32 characters`);
    }
  });

  test('jwt_role_claim_key: a path in the syntax of any release', async () => {
    for (const path of [
      '.role',
      '$.role',
      '."https://shop.example/role"',
      '$["https://shop.example/role"]',
      '.roles[0]',
    ]) {
      await taken(withConfig({ jwt_role_claim_key: path }));
    }
    for (const path of ['role', '.realm-role', '$', '$role']) {
      await refused(
        withConfig({ jwt_role_claim_key: path }),
        `${at}: jwt_role_claim_key must be a path such as .role or ."https://example.com/role"`,
      );
    }
  });

  test.each([
    'db_schemas',
    'db_anon_role',
    'jwt_secret',
    'jwt_aud',
    'jwt_role_claim_key',
    'server_cors_allowed_origins',
  ])('%s: a string, and not an empty one', async (key) => {
    await refused(withConfig({ [key]: '' }), `${at}: ${key} must not be empty`);
    for (const value of [5, true, null, ['a'], {}]) {
      await refused(withConfig({ [key]: value }), `${at}: ${key} must be a string`);
    }
  });
});

describe('Round-trip', () => {
  test('cpus and memory keep the text that was sent, db_owner is always there, and secrets never are', async () => {
    const { database_users: users, ...spec } = withService({
      port: 0,
      cpus: '0.5',
      memory: '1GiB',
      config: { jwt_secret: 'c4nary-secret-of-more-than-32-bytes', max_rows: 5 },
    }).spec;
    const more = [...(users as Json[]), { username: 'other', password: 'c4nary-password' }];
    const answer = await stack.call('POST', '/v1/databases', { id: 'kept', spec: { ...spec, database_users: more } });
    expect(answer.status).toBe(200);
    const { body } = await stack.call('GET', '/v1/databases/kept');
    for (const shown of [answer.body.database, body]) {
      expect(shown.spec.services).toMatchObject([{ cpus: '0.5', memory: '1GiB', port: 0, config: { max_rows: 5 } }]);
      expect(shown.spec.services[0].config).toEqual({ max_rows: 5 });
      expect(shown.spec.database_users).toEqual([
        { username: 'app', db_owner: true, attributes: ['LOGIN'] },
        { username: 'other', db_owner: false },
      ]);
    }
    expect(JSON.stringify([answer.body, body])).not.toMatch(/c4nary|changeme/);
  });
});
