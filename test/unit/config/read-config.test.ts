import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../../../platform/config/assemble/config.ts';
import type { Config } from '../../../platform/config/config.ts';
import { readConfig } from '../../../platform/config/read-config.ts';

const MACHINE: Machine = { platform: 'linux', uid: 1000, workingDirectory: '/srv/app' };

describe('the configuration', () => {
  test('is complete when nothing is set', () => {
    expect(configOf({})).toEqual({
      home: '/srv/app/.pgsteward',
      listen: { address: '127.0.0.1', port: 3000 },
      auth: { mode: 'open-loopback' },
      metadata: { kind: 'embedded', port: 54320 },
      targetPort: 54321,
      devAddress: '127.0.0.1',
      temporal: {
        namespace: 'default',
        server: { kind: 'development', port: 7233, uiPort: 8233 },
        codecPort: 8234,
        uiOrigins: ['http://127.0.0.1:8233', 'http://localhost:8233'],
        retentionDays: 7,
      },
      host: {
        id: 'host-1',
        addresses: ['127.0.0.1'],
        dataDir: '/srv/app/.pgsteward/hosts/host-1',
        runtime: 'auto',
        dockerNetwork: 'host',
        serviceUid: 1000,
        postgres: {},
      },
      clusters: { requestsPerMinute: 3000 },
      portRange: { first: 15000, last: 15999 },
      files: {
        codecKeyring: '/srv/app/.pgsteward/codec-keyring.json',
        sealKeyring: '/srv/app/.pgsteward/seal-keyring.json',
        joinToken: '/srv/app/.pgsteward/join-token',
        adminToken: '/srv/app/.pgsteward/admin-token',
        auditAnchors: '/srv/app/.pgsteward/audit-anchors.jsonl',
      },
      logLevel: 'info',
      auditSealIntervalMs: 10_000,
      retention: { intervalMs: 3_600_000, days: { logs: 90, tasks: 365, receipts: null, deliveries: 90, audit: null } },
      taskTimeoutMs: 600_000,
      drainMs: 10_000,
      reconcileIntervalMs: 15_000,
      monitor: { intervalMs: 10_000, graceMs: 30_000 },
      failoverIntervalMs: 5_000,
      handover: { hours: 24, publicUrl: null },
      leases: { perServer: 10_000, perHolder: 10_000, waiting: 400, attempts: 8 },
      groupRefreshMs: 3_600_000,
      driftIntervalMs: 10_000,
      consumersDir: null,
      notifyIntervalMs: 5_000,
      allowedRoles: [],
    });
  });

  test('takes every variable', () => {
    expect(
      configOf({
        PGSTEWARD_HOME: '/var/lib/pgsteward',
        PGSTEWARD_LISTEN: '[::1]:8080',
        PGSTEWARD_USERS_LISTEN: '0.0.0.0:5000',
        PGSTEWARD_CLUSTERS_LISTEN: '0.0.0.0:443',
        PGSTEWARD_CLUSTERS_REQUESTS_PER_MINUTE: '100',
        PGSTEWARD_AUTH: 'required',
        PGSTEWARD_ADMIN_TOKEN_FILE: 'first-token',
        PGSTEWARD_TLS_CERT_FILE: 'api.crt',
        PGSTEWARD_TLS_KEY_FILE: 'api.key',
        PG_API_USER: 'ci',
        PG_API_PASS_FILE: 'ci.password',
        PGSTEWARD_OIDC_ISSUER: 'https://id.internal/realms/dba',
        PGSTEWARD_OIDC_AUDIENCE: 'pgsteward',
        PGSTEWARD_OIDC_CLAIM: 'realm_access.roles',
        PGSTEWARD_OIDC_ROLES: '{"shop": {"role": "operator", "scope": {"databases": ["shop", "shop"]}}}',
        PGSTEWARD_METADATA_URL: 'postgres://steward@db.internal:5433/meta?sslmode=verify-full',
        PGSTEWARD_METADATA_PASSWORD_FILE: 'metadata-password',
        PGSTEWARD_TARGET_PORT: '5500',
        TEMPORAL_ADDRESS: 'temporal.internal:7233',
        TEMPORAL_NAMESPACE: 'pgsteward.prod',
        PGSTEWARD_CODEC_PORT: '0',
        PGSTEWARD_TEMPORAL_UI_ORIGINS: 'https://temporal.internal, http://127.0.0.1:8080',
        PGSTEWARD_TEMPORAL_RETENTION_DAYS: '30',
        PGSTEWARD_DEV_ADDRESS: '0.0.0.0',
        PGSTEWARD_HOST_ID: 'host-2',
        PGSTEWARD_HOST_ADDRESSES: '10.0.0.2, host-2.internal,,fd00::2',
        PGSTEWARD_HOST_SERVER: 'orders',
        PGSTEWARD_HOST_POSTGRES_ENDPOINT: '10.0.0.2:5432',
        PGSTEWARD_HOST_POSTGRES_DATA_DIR: '/srv/postgres/data',
        PGSTEWARD_HOST_POSTGRES_BIN_DIR: '/usr/lib/postgresql/18/bin',
        PGSTEWARD_HOST_REPLICATION_USER: 'replicator',
        PGSTEWARD_HOST_REPLICATION_PASSFILE: 'replication.pass',
        PGSTEWARD_RUNTIME: 'docker',
        PGSTEWARD_DOCKER_NETWORK: 'bridge',
        PGSTEWARD_SERVICE_UID: '7000',
        PGSTEWARD_PORT_RANGE: '20000-20099',
        PGSTEWARD_POSTGREST_IMAGE: 'mirror.internal:5000/postgrest/postgrest',
        PGSTEWARD_CODEC_KEYRING_FILE: '/run/secrets/codec',
        PGSTEWARD_SEAL_KEYRING_FILE: '/run/secrets/seal',
        PGSTEWARD_JOIN_TOKEN_FILE: '/run/secrets/join',
        PGSTEWARD_LOG_LEVEL: 'debug',
        PGSTEWARD_AUDIT_ANCHOR_FILE: 'anchors.jsonl',
        PGSTEWARD_AUDIT_SEAL_SECONDS: '7',
        PGSTEWARD_RETENTION_MINUTES: '5',
        PGSTEWARD_KEEP_LOGS_DAYS: '7',
        PGSTEWARD_KEEP_TASKS_DAYS: '0',
        PGSTEWARD_KEEP_RECEIPTS_DAYS: '700',
        PGSTEWARD_KEEP_DELIVERIES_DAYS: '3',
        PGSTEWARD_KEEP_AUDIT_DAYS: '400',
        PGSTEWARD_TASK_TIMEOUT_SECONDS: '60',
        PGSTEWARD_DRAIN_SECONDS: '3',
        PGSTEWARD_RECONCILE_SECONDS: '1',
        PGSTEWARD_MONITOR_SECONDS: '2',
        PGSTEWARD_MONITOR_GRACE_SECONDS: '5',
        PGSTEWARD_FAILOVER_SECONDS: '2',
        PG_ADMIN_USER: 'role_create',
        PG_ADMIN_PASS_FILE: 'admin.pass',
        PGSTEWARD_PUBLIC_URL: 'https://pgsteward.example.com/',
        PGSTEWARD_HANDOVER_HOURS: '2',
        PGSTEWARD_GROUP_REFRESH_MINUTES: '0',
        PGSTEWARD_DRIFT_SECONDS: '4',
        PGSTEWARD_LEASES_PER_SERVER: '500',
        PGSTEWARD_LEASES_PER_HOLDER: '20',
        PGSTEWARD_LEASES_WAITING: '50',
        PGSTEWARD_LEASE_ATTEMPTS: '3',
        PGSTEWARD_NOTIFY_SECONDS: '3',
        PGSTEWARD_ALLOWED_ROLES: 'reporting, Auditors',
      }),
    ).toEqual({
      home: '/var/lib/pgsteward',
      listen: { address: '::1', port: 8080 },
      usersListen: { address: '0.0.0.0', port: 5000 },
      clustersListen: { address: '0.0.0.0', port: 443 },
      clusters: { requestsPerMinute: 100 },
      auth: {
        mode: 'required',
        basic: { user: 'ci', password: { kind: 'file', file: '/srv/app/ci.password' } },
        oidc: {
          issuer: 'https://id.internal/realms/dba',
          audience: 'pgsteward',
          claim: 'realm_access.roles',
          grants: { shop: { role: 'operator', scope: { databases: ['shop'] } } },
        },
      },
      tls: { certFile: '/srv/app/api.crt', keyFile: '/srv/app/api.key' },
      metadata: {
        kind: 'existing',
        url: 'postgres://steward@db.internal:5433/meta?sslmode=verify-full',
        passwordFile: '/srv/app/metadata-password',
      },
      targetPort: 5500,
      devAddress: '0.0.0.0',
      temporal: {
        namespace: 'pgsteward.prod',
        server: { kind: 'existing', address: 'temporal.internal:7233' },
        codecPort: 0,
        uiOrigins: ['https://temporal.internal', 'http://127.0.0.1:8080'],
        retentionDays: 30,
      },
      host: {
        id: 'host-2',
        addresses: ['10.0.0.2', 'host-2.internal', 'fd00::2'],
        dataDir: '/var/lib/pgsteward/hosts/host-2',
        runtime: 'docker',
        dockerNetwork: 'bridge',
        serviceUid: 7000,
        postgres: {
          server: 'orders',
          endpoint: { address: '10.0.0.2', port: 5432 },
          control: {
            dataDir: '/srv/postgres/data',
            binDir: '/usr/lib/postgresql/18/bin',
            replicationUser: 'replicator',
            replicationPassfile: '/srv/app/replication.pass',
          },
        },
      },
      portRange: { first: 20000, last: 20099 },
      postgrestImage: 'mirror.internal:5000/postgrest/postgrest',
      files: {
        codecKeyring: '/run/secrets/codec',
        sealKeyring: '/run/secrets/seal',
        joinToken: '/run/secrets/join',
        adminToken: '/srv/app/first-token',
        auditAnchors: '/srv/app/anchors.jsonl',
      },
      logLevel: 'debug',
      auditSealIntervalMs: 7_000,
      retention: { intervalMs: 300_000, days: { logs: 7, tasks: null, receipts: 700, deliveries: 3, audit: 400 } },
      taskTimeoutMs: 60_000,
      drainMs: 3000,
      reconcileIntervalMs: 1_000,
      monitor: { intervalMs: 2_000, graceMs: 5_000 },
      failoverIntervalMs: 2_000,
      handover: { hours: 2, publicUrl: 'https://pgsteward.example.com' },
      leases: { perServer: 500, perHolder: 20, waiting: 50, attempts: 3 },
      groupRefreshMs: null,
      driftIntervalMs: 4_000,
      consumersDir: null,
      notifyIntervalMs: 3_000,
      allowedRoles: ['reporting', 'Auditors'],
      defaultAdmin: { user: 'role_create', password: { kind: 'file', file: '/srv/app/admin.pass' } },
    });
    expect(
      configOf({
        PGSTEWARD_PORT: '3001',
        PGSTEWARD_METADATA_PORT: '5501',
        PGSTEWARD_TEMPORAL_PORT: '7001',
        PGSTEWARD_TEMPORAL_UI_PORT: '7002',
        TEMPORAL_CLI_PATH: 'bin/temporal',
        PGSTEWARD_HOST_DATA_DIR: 'data',
      }),
    ).toMatchObject({
      listen: { port: 3001 },
      metadata: { port: 5501 },
      temporal: { server: { port: 7001, uiPort: 7002, cliPath: '/srv/app/bin/temporal' } },
      host: { dataDir: '/srv/app/data' },
    });
  });

  test('takes an empty variable for one that is not set', () => {
    expect(configOf({ PGSTEWARD_PORT: '', PGSTEWARD_METADATA_URL: ' ' })).toEqual(configOf({}));
  });

  test('follows the machine: a fixed user for root, published ports outside Linux', () => {
    expect(readConfig({}, { ...MACHINE, uid: 0 }).config.host.serviceUid).toBe(65532);
    expect(readConfig({}, { ...MACHINE, platform: 'darwin' }).config.host.dockerNetwork).toBe('bridge');
  });

  test('of a development stack in a container listens where ports are published, and then asks who calls', () => {
    expect(configOf({ PGSTEWARD_DEV_ADDRESS: '0.0.0.0' })).toMatchObject({
      listen: { address: '0.0.0.0', port: 3000 },
      auth: { mode: 'required' },
      host: { addresses: ['0.0.0.0', '127.0.0.1'] },
    });
    expect(() => configOf({ PGSTEWARD_DEV_ADDRESS: '0.0.0.0', PGSTEWARD_AUTH: 'open-loopback' })).toThrow(
      'PGSTEWARD_LISTEN: 0.0.0.0 is not a loopback address',
    );
  });

  test.each(['http://127.0.0.1:8233/', 'http://127.0.0.1:8233/path', '*', 'null', '127.0.0.1:8233', 'https://x:443'])(
    'takes no origin that no browser sends: %s',
    (origin) => {
      expect(() => configOf({ PGSTEWARD_TEMPORAL_UI_ORIGINS: origin })).toThrow('must be origins such as');
    },
  );

  test('cannot be changed', () => {
    const config = configOf({});
    expect(() => Object.assign(config.host, { id: 'other' })).toThrow(TypeError);
    expect(Object.isFrozen(config.host.addresses)).toBe(true);
  });

  test('comes with a warning for every variable that only looks like ours', () => {
    const env = { PGSTEWARD_POTR: '1', PGSTEWARD_API_KEY: 'canary', PGSTEWARD_PORT: '3001', PATH: '/bin' };
    const { warnings } = readConfig(env, MACHINE);
    expect(warnings).toEqual([
      'PGSTEWARD_API_KEY is not a variable of pgsteward and has no effect; docs/configuration.md lists them all',
      'PGSTEWARD_POTR is not a variable of pgsteward and has no effect; docs/configuration.md lists them all',
    ]);
  });
});

describe('a wrong configuration', () => {
  test('is reported with all its problems at once', () => {
    const env = { PGSTEWARD_RUNTIME: 'podman', PGSTEWARD_HOST_ID: 'Host 1', PGSTEWARD_TARGET_PORT: '54320' };
    expect(() => readConfig(env, MACHINE)).toThrow(
      expect.objectContaining({
        type: 'ConfigurationInvalid',
        message: [
          'the configuration is not valid:',
          'PGSTEWARD_HOST_ID: must be 1 to 36 lower-case letters, digits and hyphens, start and end with a letter or digit, and have no double hyphen',
          'PGSTEWARD_RUNTIME: must be auto, docker or process',
          'PGSTEWARD_TARGET_PORT: is 54320, which is the port of PGSTEWARD_METADATA_PORT too',
        ].join('\n'),
      }),
    );
  });

  test.each([
    ['PGSTEWARD_LISTEN', '3000', 'must be <address>:<port>'],
    ['PGSTEWARD_LISTEN', '::1:3000', 'must be <address>:<port>'],
    ['PGSTEWARD_LISTEN', '127.0.0.1:99999', 'must be <address>:<port>'],
    ['PGSTEWARD_METRICS_LISTEN', '9464', 'must be <address>:<port>'],
    ['PGSTEWARD_METRICS_LISTEN', '127.0.0.1:3000', 'is the port of PGSTEWARD_PORT too'],
    ['PGSTEWARD_TEMPORAL_METRICS_LISTEN', '127.0.0.1:0', 'must be <address>:<port>'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', '127.0.0.1:4318', 'must be an http or https address'],
    ['PGSTEWARD_PORT', '-1', 'must be a whole number from 0 to 65535'],
    ['PGSTEWARD_PORT', '3e3', 'must be a whole number from 0 to 65535'],
    ['PGSTEWARD_METADATA_PORT', '0', 'must be a whole number from 1 to 65535'],
    ['TEMPORAL_ADDRESS', 'temporal', 'must be <address>:<port>'],
    ['TEMPORAL_NAMESPACE', 'a b', 'must be letters'],
    ['PGSTEWARD_HOST_ADDRESSES', ',', 'must name at least one'],
    ['PGSTEWARD_HOST_ADDRESSES', '10.0.0.1:80', 'must be an IP address or a host name'],
    ['PGSTEWARD_DOCKER_NETWORK', 'none', 'must be host or bridge'],
    ['PGSTEWARD_SERVICE_UID', '0', 'must be a whole number from 1'],
    ['PGSTEWARD_PORT_RANGE', '15000', 'must be <first>-<last>'],
    ['PGSTEWARD_PORT_RANGE', '15999-15000', 'must be <first>-<last>'],
    ['PGSTEWARD_PORT_RANGE', '15000-70000', 'must be <first>-<last>'],
    ['PGSTEWARD_PORT_RANGE', '8000-8300', 'is within PGSTEWARD_PORT_RANGE'],
    ['PGSTEWARD_POSTGREST_IMAGE', 'Mirror/PostgREST', 'must be an image repository'],
    ['PGSTEWARD_LOG_LEVEL', 'loud', 'must be one of trace, debug'],
    ['PGSTEWARD_TASK_TIMEOUT_SECONDS', '9', 'must be a whole number from 10'],
    ['PGSTEWARD_DRAIN_SECONDS', '61', 'must be a whole number from 0'],
    ['PGSTEWARD_RECONCILE_SECONDS', '0', 'must be a whole number from 1'],
    ['PGSTEWARD_MONITOR_SECONDS', '0', 'must be a whole number from 1'],
    ['PGSTEWARD_MONITOR_GRACE_SECONDS', '1.5', 'must be a whole number from 1'],
    ['PGSTEWARD_ALLOWED_ROLES', 'reporting,pg_read_all_data', 'must not name predefined roles'],
    ['PGSTEWARD_ALLOWED_ROLES', 'é'.repeat(32), 'must be role names of at most 63 bytes'],
    ['PG_ADMIN_USER', 'role_create', 'PG_ADMIN_PASS_FILE: is needed with PG_ADMIN_USER, or PG_ADMIN_PASS'],
    ['PG_ADMIN_PASS', 'canary', 'PG_ADMIN_USER: is needed with its password'],
    ['PG_ADMIN_USER', 'é'.repeat(32), 'must be a role name of at most 63 bytes'],
    ['PGSTEWARD_METADATA_PASSWORD_FILE', 'file', 'is set without PGSTEWARD_METADATA_URL'],
    ['PGSTEWARD_AUTH', 'none', 'must be open-loopback or required'],
    ['PGSTEWARD_USERS_LISTEN', '127.0.0.1:3000', 'is the port of PGSTEWARD_PORT too'],
    ['PGSTEWARD_CLUSTERS_LISTEN', '127.0.0.1:3000', 'is the port of PGSTEWARD_PORT too'],
    ['PGSTEWARD_CLUSTERS_REQUESTS_PER_MINUTE', '0', 'must be a whole number from 1'],
    ['PGSTEWARD_TLS_CERT_FILE', 'api.crt', 'PGSTEWARD_TLS_KEY_FILE: is needed with PGSTEWARD_TLS_CERT_FILE'],
    ['PGSTEWARD_TLS_KEY_FILE', 'api.key', 'PGSTEWARD_TLS_CERT_FILE: is needed with PGSTEWARD_TLS_KEY_FILE'],
    ['PG_API_USER', 'ci', 'PG_API_PASS_FILE: is needed with PG_API_USER'],
    ['PG_API_USER', 'c:i', 'must be a name without colon'],
    ['PG_API_PASS', 'secret', 'PG_API_USER: is needed with PG_API_PASS'],
    ['PGSTEWARD_OIDC_ISSUER', 'http://id.internal', 'must be an https URL'],
    ['PGSTEWARD_OIDC_ISSUER', 'https://id.internal', 'PGSTEWARD_OIDC_AUDIENCE: is needed with PGSTEWARD_OIDC_ISSUER'],
    ['PGSTEWARD_OIDC_ROLES', '{"dba": "admin"}', 'must be JSON such as'],
    ['PGSTEWARD_OIDC_ROLES', '{"dba": {"role": "root"}}', 'dba.role'],
    ['PGSTEWARD_OIDC_ROLES', '{"dba": {"role": "admin"}}', 'PGSTEWARD_OIDC_ISSUER: is needed'],
  ])('%s=%s is refused: %s', (name, value, message) => {
    expect(() => readConfig({ [name]: value }, MACHINE)).toThrow(message);
  });

  test.each(['0.0.0.0:3000', '[::]:3000', '192.168.1.10:3000', 'steward.internal:443', '[::ffff:10.0.0.1]:3000'])(
    'listening on %s needs every caller to have credentials, and is better done with TLS',
    (listen) => {
      for (const name of ['PGSTEWARD_LISTEN', 'PGSTEWARD_USERS_LISTEN', 'PGSTEWARD_CLUSTERS_LISTEN']) {
        const env = { [name]: listen, ...(name === 'PGSTEWARD_LISTEN' ? {} : { PGSTEWARD_PORT: '4000' }) };
        expect(() => readConfig(env, MACHINE)).toThrow(
          new RegExp(`${name}: .* is not a loopback address, .*; set PGSTEWARD_AUTH=required`),
        );
        const { warnings } = readConfig({ ...env, PGSTEWARD_AUTH: 'required' }, MACHINE);
        expect(warnings).toEqual([expect.stringMatching(new RegExp(`^${name}: .* is reached without TLS`))]);
      }
      const tls = { PGSTEWARD_TLS_CERT_FILE: 'a', PGSTEWARD_TLS_KEY_FILE: 'b', PGSTEWARD_AUTH: 'required' };
      expect(readConfig({ PGSTEWARD_LISTEN: listen, ...tls }, MACHINE).warnings).toEqual([]);
    },
  );

  test.each(['127.0.0.1:3000', '127.8.0.1:3000', 'localhost:0', '[::1]:3000'])(
    'listening on %s is accepted',
    (listen) => {
      expect(() => readConfig({ PGSTEWARD_LISTEN: listen }, MACHINE)).not.toThrow();
    },
  );

  test('with the password of the default admin in two places is refused, with one of them is not', () => {
    const pair = { PG_ADMIN_USER: 'role_create', PG_ADMIN_PASS: 'secret' };
    expect(() => readConfig({ ...pair, PG_ADMIN_PASS_FILE: 'file' }, MACHINE)).toThrow('set only one');
    expect(configOf(pair).defaultAdmin).toEqual({ user: 'role_create', password: { kind: 'text', text: 'secret' } });
  });

  test('with two different ports for the API is refused, with twice the same one is not', () => {
    const twice = (port: string) => ({ PGSTEWARD_LISTEN: '127.0.0.1:3000', PGSTEWARD_PORT: port });
    expect(() => readConfig(twice('3001'), MACHINE)).toThrow('PGSTEWARD_LISTEN says 3000; set only one of them');
    expect(() => readConfig(twice('3000'), MACHINE)).not.toThrow();
  });

  test('may name a port that is taken by a part which is not started here', () => {
    const env = { TEMPORAL_ADDRESS: 'temporal:7233', PGSTEWARD_PORT: '7233' };
    expect(() => readConfig(env, MACHINE)).not.toThrow();
  });

  test.each([
    'postgres://steward:canary@db/meta',
    'postgres://steward@db/meta?password=canary',
    'mysql://steward:canary@db/meta',
    'postgres://steward:canary@db',
    'postgres://canary@/meta',
    'steward:canary',
  ])('a metadata URL such as %s is refused without being quoted', (url) => {
    let thrown: unknown;
    try {
      readConfig({ PGSTEWARD_METADATA_URL: url }, MACHINE);
    } catch (err) {
      thrown = err;
    }
    expect(inspect(thrown)).toMatch(/PGSTEWARD_METADATA_URL: must/);
    expect(inspect(thrown)).not.toContain('canary');
  });
});

function configOf(env: NodeJS.ProcessEnv): Config {
  return readConfig(env, MACHINE).config;
}
