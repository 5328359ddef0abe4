import { expect, test } from 'vitest';
import { createDatabaseSchema } from '../../../domain/spec/schema.ts';
import { isSecretKey, separateSecrets } from '../../../domain/spec/secrets.ts';
import { exampleBody } from './requests.ts';

const PASSWORD = 'canary-password';
const JWT_SECRET = 'canary-secret-of-at-least-32-characters';

function separated(spec: Record<string, unknown>) {
  return separateSecrets(createDatabaseSchema.parse({ spec }).spec);
}

test('the public form of a specification holds no secret and is otherwise what was submitted', () => {
  const { spec } = exampleBody({ db_schemas: 'public', jwt_secret: JWT_SECRET });
  spec.database_users = [
    { username: 'app', password: PASSWORD, attributes: ['LOGIN'] },
    { username: '__proto__', db_owner: true },
  ];
  const { publicSpec, secrets } = separated(spec);

  expect(secrets.userPasswords).toEqual(new Map([['app', PASSWORD]]));
  expect(secrets.jwtSecrets).toEqual(new Map([['api', JWT_SECRET]]));
  expect(JSON.stringify(publicSpec)).not.toContain('canary');
  expect(publicSpec).toEqual({
    database_name: 'storefront',
    nodes: [{ name: 'n1', host_ids: ['host-1'] }],
    database_users: [
      { username: 'app', db_owner: false, attributes: ['LOGIN'] },
      { username: '__proto__', db_owner: true },
    ],
    services: [
      {
        service_id: 'api',
        service_type: 'postgrest',
        version: 'latest',
        host_ids: ['host-1'],
        port: 3100,
        connect_as: 'app',
        config: { db_schemas: 'public' },
      },
    ],
  });
});

test('secret keys are taken out of nested values too', () => {
  const config = {
    a: { api_key: 'canary' },
    list: [{ AUTH_TOKEN: 'canary', kept: 1 }],
    init_users: ['canary'],
    plain: null,
  };
  const { publicSpec } = separated(exampleBody(config).spec);
  expect(publicSpec.services?.[0]?.config).toEqual({ a: {}, list: [{ kept: 1 }], plain: null });
});

test.each([
  ['token', true],
  ['refresh_TOKEN', true],
  ['tokens_per_minute', false],
  ['jwt_secret', true],
  ['openai_api_key', true],
  ['ApiKey', true],
  ['db_anon_role', false],
])('%s is a secret key: %s', (name, secret) => {
  expect(isSecretKey(name)).toBe(secret);
});
