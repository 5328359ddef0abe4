import { describe, expect, test } from 'vitest';
import { bodyWith, bodyWithUser, problemsOf } from './requests.ts';

const user = (username: string) => bodyWith({ database_users: [{ username }], services: [] });

describe('a name that means something else to the server or to its tools is refused', () => {
  test.each([
    'public',
    'none',
    'NONE',
    'current_user',
    'session_user',
    'user',
    'all',
    'replication',
    'pg_monitor',
    'PG_x',
    '+group',
    '/pattern',
    '@file',
    'pgedge_superuser',
    'pgedge_application_read_only',
    'pgsteward',
    'pgsteward_admin',
    'pgst_1',
    'two\nlines',
    'nul\0',
    'lone \ud800 surrogate',
    'é'.repeat(32),
    'dba',
    'crm_app',
  ])('username %j', (username) => {
    expect(problemsOf(user(username))).toEqual([expect.stringMatching(/^database_users\[0\]\.username: /)]);
  });

  test.each([
    'postgres',
    'template0',
    'Template1',
    'pgst_x',
    'pgsteward',
    'all',
    'replication',
    'sameuser',
    'a\tb',
    '€'.repeat(22),
  ])('database name %j', (database_name) => {
    expect(problemsOf(bodyWith({ database_name }))).toEqual([expect.stringMatching(/^database_name: /)]);
  });

  test.each(['pg_read_all_data', 'public', 'pgedge_superuser', 'dba', 'crm_app', ''])('granted role %j', (role) => {
    expect(problemsOf(bodyWithUser({ roles: ['web_anon', role] }))).toEqual([
      expect.stringMatching(/^database_users\[0\]\.roles\[1\]: /),
    ]);
  });
});

test('names in other scripts and with quotes are accepted', () => {
  expect(problemsOf(user('o\'Brien "quoted" -- ; größe'))).toEqual([]);
  expect(problemsOf(bodyWith({ database_name: 'größe; "x" €' }))).toEqual([]);
});

test('a role of another database that the operator opened to all may be granted', () => {
  expect(problemsOf(bodyWithUser({ roles: ['shared_reader'] }))).toEqual([]);
});

describe('roles cannot be granted in a circle', () => {
  test('a role to itself', () => {
    expect(problemsOf(bodyWithUser({ roles: ['app'] }))).toEqual([
      'database_users[0].roles[0]: a role cannot be granted to itself',
    ]);
  });

  test('over several users and the anonymous role', () => {
    const users = [
      { username: 'app', password: 'x', attributes: ['LOGIN'], roles: ['b'] },
      { username: 'b', roles: ['c'] },
      { username: 'c', roles: ['app'] },
    ];
    expect(problemsOf(bodyWith({ database_users: users }))).toEqual([
      'database_users[2].roles[0]: roles cannot be granted to each other in a circle',
    ]);
  });
});

describe('what reaches beyond the database needs the admin role', () => {
  test.each(['SUPERUSER', 'createrole', 'CreateDB', 'REPLICATION', 'BYPASSRLS'])('attribute %s', (attribute) => {
    const body = bodyWith({
      database_users: [{ username: 'other', attributes: ['INHERIT', attribute] }],
      services: [],
    });
    expect(problemsOf(body, { callerIsAdmin: false })).toEqual([
      `database_users[0].attributes[1]: ${attribute.toUpperCase()} needs the admin role`,
    ]);
    expect(problemsOf(body)).toEqual([]);
  });

  test('the NO- forms do not', () => {
    const attributes = ['LOGIN', 'NOSUPERUSER', 'NOCREATEROLE', 'NOCREATEDB', 'NOREPLICATION', 'NOBYPASSRLS'];
    expect(problemsOf(bodyWithUser({ attributes }), { callerIsAdmin: false })).toEqual([]);
  });

  test('post_init does', () => {
    const body = bodyWith({ scripts: { post_init: ['CREATE ROLE x'], post_database_create: ['CREATE SCHEMA x'] } });
    expect(problemsOf(body, { callerIsAdmin: false })).toEqual([
      'scripts.post_init: needs the admin role: it runs as the administrator of the server',
    ]);
  });

  test('adopting a role does, unless the operator opened it to all', () => {
    const body = (username: string) => bodyWith({ database_users: [{ username, adopt: true }], services: [] });
    expect(problemsOf(body('legacy'), { callerIsAdmin: false })).toEqual([
      'database_users[0].adopt: taking over an existing role needs the admin role',
    ]);
    expect(problemsOf(body('legacy'))).toEqual([]);
    expect(problemsOf(body('shared_reader'), { callerIsAdmin: false })).toEqual([]);
  });
});

describe('attributes', () => {
  test.each(['VALID UNTIL', "LOGIN PASSWORD 'x'", '', 'NONOLOGIN', 'lOgın', '__proto__'])(
    '%j is refused',
    (attribute) => {
      expect(problemsOf(bodyWithUser({ attributes: ['LOGIN', attribute] }))).toEqual([
        expect.stringMatching(/^database_users\[0\]\.attributes\[1\]: unknown attribute/),
      ]);
    },
  );

  test('an attribute and its opposite are refused', () => {
    expect(problemsOf(bodyWithUser({ attributes: ['LOGIN', 'NOINHERIT', 'inherit'] }))).toEqual([
      'database_users[0].attributes[2]: INHERIT contradicts NOINHERIT',
    ]);
  });
});

test.each(['a\rb', 'a\nb', 'a\0b', 'a\ud800b'])('password %j is refused', (password) => {
  expect(problemsOf(bodyWithUser({ password }))).toEqual([
    expect.stringMatching(/^database_users\[0\]\.password: must/),
  ]);
});

test('extensions outside the allow-list and repeated ones are refused', () => {
  expect(problemsOf(bodyWith({ extensions: ['pg_trgm', 'plpython3u', 'pg_trgm'] }))).toEqual([
    'extensions[1]: extension "plpython3u" is not on the allow-list',
    'extensions[2]: extensions must be unique within a database',
  ]);
});

describe('members that an existing server cannot honour are refused by name', () => {
  const values: [string, unknown][] = [
    ['postgresql_conf', { max_connections: 10 }],
    ['pg_hba_conf', ['local all all trust']],
    ['pg_ident_conf', ['a b c']],
    ['patroni_port', 8888],
    ['port', 0],
    ['cpus', '1'],
    ['memory', '1GiB'],
    ['backup_config', { repositories: [] }],
    ['restore_config', { source_database_id: 'x' }],
    ['orchestrator_opts', { swarm: {} }],
  ];

  test.each([...values, ['spock_version', '5']] as const)('database: %s', (name, value) => {
    expect(problemsOf(bodyWith({ [name]: value }))).toEqual([
      expect.stringMatching(new RegExp(`^${name}: not supported: .+`)),
    ]);
  });

  test.each([...values, ['source_node', 'n2']] as const)('node: %s', (name, value) => {
    const body = bodyWith({ nodes: [{ name: 'n1', host_ids: ['host-1'], [name]: value }] });
    expect(problemsOf(body)).toEqual([expect.stringMatching(new RegExp(`^nodes\\[0\\]\\.${name}: not supported: .+`))]);
  });

  test('empty ones ask for nothing', () => {
    expect(problemsOf(bodyWith({ postgresql_conf: {}, pg_hba_conf: [], spock_version: '' }))).toEqual([]);
  });
});
