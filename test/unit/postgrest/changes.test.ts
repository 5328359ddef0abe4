import { describe, expect, test } from 'vitest';
import { bundleChange, reloadPlan } from '../../../domain/postgrest/changes.ts';
import { renderPostgrestConf } from '../../../domain/postgrest/conf.ts';
import { POSTGREST_VERSIONS, requireVersion } from '../../../domain/postgrest/versions.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import { EXAMPLE_BUNDLE } from './example-bundle.ts';

const VERSIONS = POSTGREST_VERSIONS.map(({ version }) => version);
const UNCHANGED = { passwordChanged: false, jwtSecretChanged: false };

/** A bundle with JWT, so that a change of its secret is one of the file alone. */
function bundleOf(version: string, changes: Partial<ServiceBundle> = {}): ServiceBundle {
  const secrets = { password: 'x', jwtSecret: 'a JWT secret of thirty-two bytes' };
  return { ...EXAMPLE_BUNDLE, version, secrets, ...changes };
}
const withSettings = (settings: Partial<ServiceBundle['settings']>) => ({
  settings: { ...EXAMPLE_BUNDLE.settings, ...settings },
});
const withConnection = (connection: Partial<ServiceBundle['connection']>) => ({
  connection: { ...EXAMPLE_BUNDLE.connection, ...connection },
});
const withSecrets = (secrets: Partial<ServiceBundle['secrets']>) => ({
  secrets: { password: 'x', jwtSecret: 'a JWT secret of thirty-two bytes', ...secrets },
});

type Row = [what: string, changes: Partial<ServiceBundle>, action: string, keys: string[]];

/** The same for every release. */
const CHANGES: Row[] = [
  ['nothing', {}, 'same', []],
  ['another task alone', { taskId: 'another', epoch: 2 }, 'same', []],
  ['schemas', withSettings({ schemas: ['api', 'reports'] }), 'reload', ['db-schemas']],
  ['anonymous role', withSettings({ anonymousRole: 'other' }), 'reload', ['db-anon-role']],
  ['rows', withSettings({ maxRows: 5 }), 'reload', ['db-max-rows']],
  [
    'audience that comes, with its function',
    withSettings({ jwtAudience: 'a', preRequest: 'p.f' }),
    'reload',
    ['db-pre-request', 'jwt-aud'],
  ],
  ['claim key that comes', withSettings({ jwtRoleClaimKey: '.a' }), 'reload', ['jwt-role-claim-key']],
  ['channel', withSettings({ channel: 'other' }), 'replace', ['db-channel']],
  ['password', withSecrets({ password: 'y' }), 'reload', ['password']],
  ['JWT secret', withSecrets({ jwtSecret: 'another secret of thirty-two byte' }), 'reload', ['jwt-secret']],
  ['no JWT secret any more', { secrets: { password: 'x' } }, 'reload', ['jwt-secret']],
  ['pool', withSettings({ pool: 11 }), 'replace', ['db-pool']],
  ['origins', withSettings({ corsAllowedOrigins: 'https://a.example' }), 'replace', ['server-cors-allowed-origins']],
  ['user', withConnection({ user: 'other' }), 'reload', ['password']],
  ['servers', withConnection({ servers: [{ address: 'db-2', port: 5432 }] }), 'replace', ['db-uri']],
  ['TLS', withConnection({ sslMode: 'verify-full', caCertificate: 'PEM' }), 'replace', ['db-uri']],
  ['pool and rows', withSettings({ pool: 11, maxRows: 5 }), 'replace', ['db-pool']],
  ['port', { port: 3200 }, 'replace', ['port']],
  ['address', { address: '10.0.0.5' }, 'replace', ['address']],
  ['image', { image: 'mirror/postgrest:1' }, 'replace', ['image']],
  ['limits', { cpus: 1, memoryBytes: 64e6 }, 'replace', ['cpus', 'memoryBytes']],
  ['labels', { labels: { team: 'shop' } }, 'replace', ['labels']],
];

describe.each(VERSIONS)('a change of a service of PostgREST %s', (version) => {
  test.each(CHANGES)('%s', (_what, changes, action, keys) => {
    expect(bundleChange(bundleOf(version), bundleOf(version, changes))).toEqual({ action, keys });
    expect(bundleChange(bundleOf(version, changes), bundleOf(version))).toEqual({ action, keys });
  });
});

test('another release is another process', () => {
  expect(bundleChange(bundleOf('12.0.2'), bundleOf('14.5'))).toEqual({ action: 'replace', keys: ['version'] });
});

test('another certificate of the authority is read by the next connections', () => {
  const tls = { sslMode: 'verify-full', caCertificate: 'PEM' } as const;
  const before = bundleOf('14.5', withConnection(tls));
  const after = bundleOf('14.5', withConnection({ ...tls, caCertificate: 'another' }));
  expect(bundleChange(before, after)).toEqual({ action: 'reload', keys: ['root certificate'] });
});

test('labels in another order are the same labels', () => {
  const [one, other] = [
    { a: '1', b: '2' },
    { b: '2', a: '1' },
  ];
  expect(bundleChange(bundleOf('14.5', { labels: one }), bundleOf('14.5', { labels: other })).action).toBe('same');
});

describe('two texts of postgrest.conf', () => {
  const conf = renderPostgrestConf(EXAMPLE_BUNDLE, { directory: '/app/data', address: '127.0.0.1', port: 3100 });

  test.each([
    ['12.0.2', 'replace'],
    ['14.17', 'replace'],
    ['16.2', 'reload'],
  ])('that differ in the log level: %s', (version, action) => {
    const next = conf.replace('log-level = "error"', 'log-level = "info"');
    expect(reloadPlan(conf, next, requireVersion(version), UNCHANGED)).toEqual({ action, keys: ['log-level'] });
  });

  test.each([
    ['jwt-cache-max-lifetime', ['12.0.2', '12.2.12', '13.0.8']],
    ['jwt-cache-max-entries', ['14.5', '14.17', '16.2']],
  ])('of which one has %s', (key, reloaded) => {
    for (const version of VERSIONS) {
      const { action } = reloadPlan(conf, `${conf}${key} = 60\n`, requireVersion(version), UNCHANGED);
      expect([version, action]).toEqual([version, reloaded.includes(version) ? 'reload' : 'replace']);
    }
  });

  test('that are equal need a reload for another password, and say so', () => {
    const changed = { passwordChanged: true, jwtSecretChanged: true };
    expect(reloadPlan(conf, conf, requireVersion('12.0.2'), changed)).toEqual({
      action: 'reload',
      keys: ['jwt-secret', 'password'],
    });
  });

  test('with a line that is no setting are taken as what only a new process reads', () => {
    const damaged = `${conf}half a line`;
    expect(reloadPlan(damaged, conf, requireVersion('12.0.2'), UNCHANGED)).toEqual({
      action: 'replace',
      keys: ['half a line'],
    });
  });

  test('never show a secret in what decides', () => {
    const bundle = (password: string) =>
      bundleOf('12.0.2', withSecrets({ password, jwtSecret: `c4nary ${password}`.padEnd(32) }));
    expect(JSON.stringify(bundleChange(bundle('c4nary 1'), bundle('c4nary 2')))).not.toContain('c4nary');
  });
});
