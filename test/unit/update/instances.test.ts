import { describe, expect, test } from 'vitest';
import { normalizeSpec } from '../../../domain/spec/normalize.ts';
import { createDatabaseSchema } from '../../../domain/spec/schema.ts';
import { type ChangeInstance, decideInstances, type InstanceChange } from '../../../domain/update/instances.ts';
import { bodyWith, type Json, service } from '../spec/requests.ts';

const running: ChangeInstance = {
  instanceId: 'storefront-api-host-1',
  serviceId: 'api',
  hostId: 'host-1',
  port: 3100,
  published: true,
  version: '12.0.2',
};

function specWith(...services: Json[]) {
  const { spec } = createDatabaseSchema.parse(bodyWith({ services }));
  return normalizeSpec({ databaseId: 'storefront', spec });
}

/** What an update from the published example to `services` does to its instance, and to the others given. */
function decide(
  next: Json[],
  more: {
    previous?: Json[];
    instances?: ChangeInstance[];
    passwords?: string[];
    jwtSecrets?: string[];
    force?: boolean;
  } = {},
): InstanceChange[] {
  return decideInstances({
    previous: { spec: specWith(...(more.previous ?? [service()])), instances: [running] },
    next: { spec: specWith(...next), instances: more.instances ?? [running] },
    passwords: new Set(more.passwords),
    jwtSecrets: new Set(more.jwtSecrets),
    force: more.force ?? false,
  });
}

const only = (changes: InstanceChange[]) => ({ action: changes[0]?.action, reasons: changes[0]?.reasons });

describe('an update', () => {
  test('keeps an instance that nothing concerns', () => {
    expect(only(decide([service()]))).toEqual({ action: 'keep', reasons: [] });
  });

  test.each([
    ['max_rows', { max_rows: 5 }, ['db-max-rows']],
    ['db_schemas', { db_schemas: 'public,api' }, ['db-schemas']],
    ['db_anon_role', { db_anon_role: 'web_anon' }, ['db-anon-role']],
    ['jwt_aud', { jwt_aud: 'shop' }, ['jwt-aud']],
    ['jwt_role_claim_key', { jwt_role_claim_key: '.claim' }, ['jwt-role-claim-key']],
  ])('changes %s while the service runs', (_name, config, reasons) => {
    expect(only(decide([service({ config })]))).toEqual({ action: 'reload', reasons });
  });

  test.each([
    ['db_pool', service({ config: { db_pool: 3 } }), ['db-pool']],
    [
      'CORS',
      service({ config: { server_cors_allowed_origins: 'https://a.example' } }),
      ['server-cors-allowed-origins'],
    ],
    ['the version', service({ version: '12.0' }), ['version']],
    ['limits', service({ cpus: '0.5', memory: '64M' }), ['cpus', 'memory']],
    ['session attributes', service({ database_connection: { target_session_attrs: 'any' } }), ['target_session_attrs']],
    ['both kinds', service({ config: { db_pool: 3, max_rows: 5 } }), ['db-pool', 'db-max-rows']],
  ])('replaces the service for %s', (_name, next, reasons) => {
    expect(only(decide([next]))).toEqual({ action: 'replace', reasons });
  });

  test('replaces a service that gets another port, or none that others reach', () => {
    expect(only(decide([service()], { instances: [{ ...running, port: 3200 }] }))).toEqual({
      action: 'replace',
      reasons: ['port'],
    });
    expect(only(decide([service()], { instances: [{ ...running, published: false }] }))).toEqual({
      action: 'replace',
      reasons: ['published'],
    });
  });

  test('hands a new password or JWT secret to the running service', () => {
    expect(only(decide([service()], { passwords: ['app'] }))).toEqual({ action: 'reload', reasons: ['password'] });
    expect(only(decide([service()], { passwords: ['somebody else'] })).action).toBe('keep');
    expect(only(decide([service()], { jwtSecrets: ['api'] }))).toEqual({ action: 'reload', reasons: ['jwt-secret'] });
  });

  test('adds, removes and keeps instances by service and host', () => {
    const second = { ...running, instanceId: 'storefront-api-host-2', hostId: 'host-2' };
    const changes = decide([service({ host_ids: ['host-2'] })], { instances: [second] });
    expect(changes.map(({ instanceId, action }) => [instanceId, action])).toEqual([
      ['storefront-api-host-2', 'add'],
      ['storefront-api-host-1', 'remove'],
    ]);
  });

  test('replaces everything when it is forced', () => {
    expect(only(decide([service()], { force: true }))).toEqual({ action: 'replace', reasons: ['force_update'] });
  });

  test('reloads nothing in a release that is not known', () => {
    const unknown = { ...running, version: null };
    const changes = decideInstances({
      previous: { spec: specWith(service()), instances: [unknown] },
      next: { spec: specWith(service({ config: { max_rows: 5 } })), instances: [unknown] },
      passwords: new Set(),
      jwtSecrets: new Set(),
      force: false,
    });
    expect(only(changes).action).toBe('replace');
  });
});
