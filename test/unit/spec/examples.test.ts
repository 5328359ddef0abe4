import { expect, test } from 'vitest';
import { bodyWith, exampleBody, problemsOf, service } from './requests.ts';

const JWT_SECRET = 'a-secret-key-of-at-least-32-characters';

test.each([
  ['read-only API', exampleBody()],
  ['JWT-authenticated API', exampleBody({ jwt_secret: JWT_SECRET })],
  ['multiple schemas', exampleBody({ db_schemas: 'public,api', jwt_secret: JWT_SECRET })],
])('the published example is accepted as it is: %s', (_name, body) => {
  expect(problemsOf(body)).toEqual([]);
});

test('a request that uses every supported member is accepted', () => {
  const body = {
    tenant_id: 'engineering',
    ...bodyWith({
      nodes: [
        { name: 'n1', host_ids: ['host-1', 'host-2'], postgres_version: '17.6' },
        { name: 'n2', host_ids: ['host-3'] },
      ],
      database_users: [
        {
          username: 'app',
          password: 'p@ss:w/or"d\\$(HOME)%é',
          db_owner: true,
          attributes: ['login', 'NoInherit'],
          roles: ['web_anon'],
        },
        { username: 'Ünïcode user', roles: ['shared_reader'], attributes: [], adopt: true },
      ],
      services: [
        service({
          cpus: '500m',
          memory: '1GiB',
          version: '12.0.2',
          host_ids: ['bare', 'host-1'],
          database_connection: { target_nodes: ['n2', 'n1'], target_session_attrs: 'any' },
          orchestrator_opts: {
            swarm: { extra_labels: { team: 'shop' }, image: 'registry.example:5000/postgrest/postgrest:v12.0.2' },
          },
          config: {
            db_schemas: 'public, api',
            db_anon_role: 'web_anon',
            db_pool: 30,
            max_rows: 10000,
            jwt_secret: JWT_SECRET,
            jwt_aud: 'https://shop.example/api',
            jwt_role_claim_key: '."https://shop.example/role"[0]',
            server_cors_allowed_origins: 'https://a.example, https://b.example',
          },
        }),
      ],
      scripts: { post_init: ['CREATE ROLE web_anon NOLOGIN'], post_database_create: ['CREATE SCHEMA api'] },
      extensions: ['pg_trgm'],
      postgres_version: '17.0',
    }),
  };
  expect(problemsOf(body)).toEqual([]);
});

test('null members count as absent, as published clients send them', () => {
  expect(
    problemsOf({ ...bodyWith({ scripts: null, postgresql_conf: null, services: null }), tenant_id: null }),
  ).toEqual([]);
});

test('unknown members are ignored', () => {
  expect(
    problemsOf({ ...bodyWith({ colour: 'blue', services: [service({ colour: 'blue' })] }), colour: 'blue' }),
  ).toEqual([]);
});
