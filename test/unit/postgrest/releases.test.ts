import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { ServiceView } from '../../../domain/postgrest/conf.ts';
import { renderPostgrestConf } from '../../../domain/postgrest/conf.ts';
import { renderServiceFiles } from '../../../domain/postgrest/service-files.ts';
import { POSTGREST_VERSIONS } from '../../../domain/postgrest/versions.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { containerOptions, HOST_ALIAS } from '../../../platform/runtime/docker-container.ts';
import { EXAMPLE_BUNDLE } from './example-bundle.ts';

const VERSIONS = POSTGREST_VERSIONS.map(({ version }) => version);

/** On the host's own network, and in a container with a network of its own. */
const SHARED: ServiceView = { directory: '/app/data', address: '10.0.0.5', port: 3100 };
const APART: ServiceView = { directory: '/app/data', address: '*4', port: 3100, loopbackAlias: HOST_ALIAS };

/** Every optional setting, two servers. */
function fullBundle(version: string, changes: Partial<ServiceBundle> = {}): ServiceBundle {
  return {
    ...EXAMPLE_BUNDLE,
    version,
    settings: {
      ...EXAMPLE_BUNDLE.settings,
      jwtAudience: 'shop',
      jwtRoleClaimKey: '.realm_access.role',
      preRequest: 'pgsteward.require_audience',
      corsAllowedOrigins: 'https://shop.example',
    },
    connection: {
      ...EXAMPLE_BUNDLE.connection,
      servers: [
        { address: 'db-1', port: 5432 },
        { address: 'db-2', port: 5433 },
      ],
    },
    secrets: { password: 'a password', jwtSecret: 'a JWT secret of thirty-two bytes' },
    ...changes,
  };
}

const BEFORE_THE_CLAIM_KEY = `db-uri = "postgresql://db-1:5432,db-2:5433/storefront?service=pgsteward&target_session_attrs=read-write&connect_timeout=2&keepalives=1&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=15000&application_name=pgsteward%3Astorefront-api-host-1&sslmode=disable&passfile=%2Fapp%2Fdata%2Fpgpass"
db-schemas = "api"
db-anon-role = "web_anon"
db-pool = 10
db-max-rows = 1000
db-pre-request = "pgsteward.require_audience"
db-channel = "pgst_storefront_api"
jwt-secret = "@/app/data/jwt_secret"
jwt-aud = "shop"
`;
const OLD_CLAIM_KEY = 'jwt-role-claim-key = ".realm_access.role"\n';
const NEW_CLAIM_KEY = 'jwt-role-claim-key = "$$.realm_access.role"\n';
const CORS = 'server-cors-allowed-origins = "https://shop.example"\n';
const ADMIN = 'admin-server-host = "127.0.0.1"\nadmin-server-port = 3101\n';
const LOG = 'log-level = "error"\n';

describe('postgrest.conf on the network of the host has no admin listener in any release', () => {
  test.each([
    ['12.0.2', OLD_CLAIM_KEY],
    ['12.2.12', OLD_CLAIM_KEY],
    ['13.0.8', OLD_CLAIM_KEY],
    ['14.5', OLD_CLAIM_KEY],
    ['14.17', OLD_CLAIM_KEY],
    ['16.2', NEW_CLAIM_KEY],
  ])('%s', (version, claimKey) => {
    const listening = 'server-host = "10.0.0.5"\nserver-port = 3100\n';
    expect(renderPostgrestConf(fullBundle(version), SHARED)).toBe(
      `${BEFORE_THE_CLAIM_KEY}${claimKey}${CORS}${listening}${LOG}`,
    );
  });
});

describe('postgrest.conf in a network of its own has an admin listener on its own loopback where that can be', () => {
  test.each([
    ['12.0.2', OLD_CLAIM_KEY, ''],
    ['12.2.12', OLD_CLAIM_KEY, ''],
    ['13.0.8', OLD_CLAIM_KEY, ADMIN],
    ['14.5', OLD_CLAIM_KEY, ADMIN],
    ['14.17', OLD_CLAIM_KEY, ADMIN],
    ['16.2', NEW_CLAIM_KEY, ADMIN],
  ])('%s', (version, claimKey, admin) => {
    const listening = `server-host = "*4"\nserver-port = 3100\n${admin}`;
    expect(renderPostgrestConf(fullBundle(version), APART)).toBe(
      `${BEFORE_THE_CLAIM_KEY}${claimKey}${CORS}${listening}${LOG}`,
    );
  });
});

test.each(VERSIONS)('%s names its connections itself, also with several servers', (version) => {
  // 12.0.2 leaves the name empty then; the URI's own name is kept by every release.
  expect(renderPostgrestConf(fullBundle(version), SHARED)).toContain('application_name=pgsteward%3Astorefront');
});

describe('an instance of one standby does not listen where a listener wants a writable server', () => {
  const standby = { ...EXAMPLE_BUNDLE.connection, targetSessionAttributes: 'standby' as const };

  test.each([
    ['12.0.2', false],
    ['12.2.12', true],
    ['13.0.8', true],
    ['14.5', true],
    ['14.17', true],
    ['16.2', true],
  ])('%s', (version, silent) => {
    const conf = renderPostgrestConf({ ...EXAMPLE_BUNDLE, version, connection: standby }, SHARED);
    expect(conf.includes('db-channel-enabled = false\n')).toBe(silent);
  });

  test.each(VERSIONS)('%s listens where another server may be writable', (version) => {
    const servers = [...standby.servers, { address: 'db-2', port: 5432 }];
    const conf = renderPostgrestConf({ ...EXAMPLE_BUNDLE, version, connection: { ...standby, servers } }, SHARED);
    expect(conf).not.toContain('db-channel-enabled');
  });
});

test.each(VERSIONS)('%s gets its password and JWT secret in files of their own, whatever they hold', (version) => {
  const secrets = { password: 'p$(HOME)\\w:"', jwtSecret: '@$(HOME)"\\ and as many as a secret needs' };
  const files = renderServiceFiles(fullBundle(version, { secrets }), SHARED);
  expect([...files.keys()].sort()).toEqual(['jwt_secret', 'pg_service.conf', 'pgpass', 'postgrest.conf']);
  expect(files.get('pg_service.conf')).toBe('[pgsteward]\nuser=app\n');
  expect(files.get('pgpass')).toBe('*:*:storefront:app:p$(HOME)\\\\w\\:"\n');
  expect(files.get('jwt_secret')).toBe(`${secrets.jwtSecret}\n`);
});

describe('a JWT secret of 31 bytes is refused where PostgREST would not start with it', () => {
  test.each([
    ['12.0.2', false],
    ['12.2.12', false],
    ['13.0.8', true],
    ['14.5', true],
    ['14.17', true],
    ['16.2', true],
  ])('%s', (version, refused) => {
    const render = (jwtSecret: string) =>
      renderServiceFiles(fullBundle(version, { secrets: { password: 'x', jwtSecret } }), SHARED);
    expect(() => render('é'.repeat(16))).not.toThrow();
    const short = () => render(`${'é'.repeat(15)}x`);
    if (refused) expect(short).toThrow(`PostgREST ${version} does not start with a JWT secret below 32 bytes`);
    else expect(short).not.toThrow();
  });
});

describe('the container', () => {
  const { settings: _settings, connection: _connection, secrets: _secrets, ...placement } = EXAMPLE_BUNDLE;
  const options = (version: string, network: 'host' | 'bridge') =>
    containerOptions(
      { ...placement, version, unit: placement.instanceId, directory: '/srv/conf' },
      { image: 'any', network, user: { uid: 65532, gid: 65532 } },
    );
  const READY = {
    Test: ['CMD', '/bin/postgrest', '--ready', '/app/data/postgrest.conf'],
    StartPeriod: 30e9,
    Interval: 10e9,
    Timeout: 5e9,
    Retries: 3,
  };
  const NONE = { Test: ['NONE'] };

  test.each(VERSIONS)('of %s is started by the binary with its one file, whatever the image says', (version) => {
    expect(options(version, 'host')).toMatchObject({
      Entrypoint: ['/bin/postgrest'],
      Cmd: ['/app/data/postgrest.conf'],
      Env: ['PGSERVICEFILE=/app/data/pg_service.conf'],
      StopSignal: 'SIGTERM',
    });
  });

  test.each([
    ['12.0.2', NONE],
    ['12.2.12', NONE],
    ['13.0.8', NONE],
    ['14.5', READY],
    ['14.17', READY],
    ['16.2', READY],
  ])('of %s with a network of its own has a health command where the release knows one', (version, healthcheck) => {
    expect(options(version, 'bridge').Healthcheck).toEqual(healthcheck);
  });

  test.each(VERSIONS)('of %s on the network of the host has none: there is no admin listener to ask', (version) => {
    expect(options(version, 'host').Healthcheck).toEqual(NONE);
  });

  test.each([
    ['12.0.2', 'postgrest/postgrest:v12.0.2'],
    ['12.2.12', 'postgrest/postgrest:v12.2.12'],
    ['13.0.8', 'postgrest/postgrest:v13.0.8'],
    ['14.5', 'postgrest/postgrest:v14.5'],
    ['14.17', 'postgrest/postgrest:v14.17'],
    ['16.2', 'postgrest/postgrest:v16.2'],
  ])('of %s has the image %s', (version, image) => {
    expect(POSTGREST_VERSIONS.find((row) => row.version === version)?.image).toBe(image);
  });
});

test('the manual lists every release with its spellings, PostgreSQL majors, image and evidence', async () => {
  const manual = await readFile(new URL('../../../docs/postgrest.md', import.meta.url), 'utf8');
  const rows = manual
    .split('\n')
    .flatMap((line) => (/^\| \d/.test(line) ? [line.split('|').map((cell) => cell.trim())] : []));
  const listed = rows.map(([, version, aliases, majors, image, evidence]) => ({
    version,
    aliases,
    majors,
    image: /`([^`]+)`/.exec(image ?? '')?.[1],
    evidence,
  }));
  expect(listed).toEqual(
    POSTGREST_VERSIONS.map((row) => ({
      version: row.version,
      // Without a dot it is no version that a request may carry.
      aliases: row.aliases.filter((alias) => alias.includes('.')).join(', '),
      majors: `${row.postgresMajors.oldest} – ${row.postgresMajors.newest}`,
      image: row.image,
      evidence: row.evidence === 'run' ? 'runs' : 'documentation',
    })),
  );
});

test.each([
  ['12.0.2', 'Attempting to connect to the database'],
  ['12.2.12', 'Successfully connected to PostgreSQL'],
  ['13.0.8', 'Successfully connected to PostgreSQL'],
  ['14.5', 'Successfully connected to PostgreSQL'],
  ['14.17', 'Successfully connected to PostgreSQL'],
  ['16.2', 'Successfully connected to PostgreSQL'],
])('a reload of %s is confirmed by "%s" and a load after it', (version, begun) => {
  expect(POSTGREST_VERSIONS.find((row) => row.version === version)?.schemaCacheLog).toEqual({
    begun,
    loaded: 'Schema cache loaded',
  });
});
