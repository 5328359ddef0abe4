import { expect, test } from 'vitest';
import { normalizeSpec } from '../../../domain/spec/normalize.ts';
import { parseCpus, parseMemory } from '../../../domain/spec/quantities.ts';
import { createDatabaseSchema } from '../../../domain/spec/schema.ts';
import { bodyWith, exampleBody, service } from './requests.ts';

function normalized(body: unknown) {
  const { spec } = createDatabaseSchema.parse(body);
  return normalizeSpec({ databaseId: 'storefront', spec });
}

test('the published example resolves to the documented defaults', () => {
  expect(normalized(exampleBody())).toEqual({
    databaseName: 'storefront',
    nodes: [{ name: 'n1', hostIds: ['host-1'] }],
    users: [{ username: 'app', owner: true, attributes: ['LOGIN'], roles: [], adopt: false }],
    services: [
      {
        serviceId: 'api',
        version: 'latest',
        hostIds: ['host-1'],
        port: 3100,
        connectAs: 'app',
        settings: {
          schemas: ['public'],
          anonymousRole: 'pgedge_application_read_only',
          pool: 10,
          maxRows: 1000,
          channel: 'pgst_storefront_api',
        },
        targetNodes: [],
        targetSessionAttributes: 'read-write',
        labels: {},
      },
    ],
    scripts: { postInit: [], postDatabaseCreate: [] },
    extensions: [],
    dropRemovedUsers: false,
  });
});

test('no secret is in the resolved form', () => {
  const body = exampleBody({ jwt_secret: 'canary-secret-of-at-least-32-characters' });
  expect(JSON.stringify(normalized(body))).not.toMatch(/canary|changeme/);
});

test('attributes are upper-cased and listed once; a node inherits the version; 0 means no limit', () => {
  const resolved = normalized(
    bodyWith({
      database_users: [{ username: 'app', attributes: ['login', 'LOGIN', 'noinherit'], roles: ['a', 'a'] }],
      nodes: [
        { name: 'n1', host_ids: ['host-1'] },
        { name: 'n2', host_ids: ['host-2'], postgres_version: '17.2' },
      ],
      postgres_version: '17.1',
      services: [service({ cpus: '0', memory: '0', config: { db_schemas: ' a , b ' } })],
    }),
  );
  expect(resolved.users[0]).toMatchObject({ attributes: ['LOGIN', 'NOINHERIT'], roles: ['a'], owner: false });
  expect(resolved.nodes.map(({ postgresVersion }) => postgresVersion)).toEqual(['17.1', '17.2']);
  expect(resolved.services[0]?.settings.schemas).toEqual(['a', 'b']);
  expect(resolved.services[0]).not.toHaveProperty('cpus');
  expect(resolved.services[0]).not.toHaveProperty('memoryBytes');
});

test('the longest ids still give a channel that the server does not cut', () => {
  const { services } = normalizeSpec({
    databaseId: 'd'.repeat(36),
    spec: createDatabaseSchema.parse(bodyWith({ services: [service({ service_id: 's'.repeat(17) })] })).spec,
  });
  expect(services[0]?.settings.channel.length).toBeLessThanOrEqual(63);
});

test.each([
  ['1', 1],
  ['0.5', 0.5],
  ['500m', 0.5],
  ['1m', 0.001],
  ['0', 0],
  ['1.2345', undefined],
  ['1.5m', undefined],
  ['', undefined],
  ['-1', undefined],
])('%j CPUs', (text, cpus) => {
  expect(parseCpus(text)).toBe(cpus);
});

test.each([
  ['512M', 512e6],
  ['512mb', 512e6],
  ['1GiB', 2 ** 30],
  ['1.5 GiB', 1.5 * 2 ** 30],
  ['2Gi', 2 ** 31],
  ['100', 100],
  ['100B', 100],
  ['1i', undefined],
  ['16E', undefined],
  ['lots', undefined],
  ['', undefined],
])('%j of memory', (text, bytes) => {
  expect(parseMemory(text)).toBe(bytes);
});
