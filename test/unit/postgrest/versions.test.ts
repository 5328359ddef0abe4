import { describe, expect, test } from 'vitest';
import { Failure } from '../../../domain/failures.ts';
import { newestVersion, POSTGREST_VERSIONS, resolveVersion } from '../../../domain/postgrest/versions.ts';

const ON_18 = { postgresMajor: 18 };

describe('a spelling means one release', () => {
  test.each([
    ['12.0', '12.0.2'],
    ['12.0.2', '12.0.2'],
    ['12.2', '12.2.12'],
    ['13.0', '13.0.8'],
    ['13', '13.0.8'],
    ['14.5', '14.5'],
    ['14', '14.17'],
    ['14.17', '14.17'],
    ['16', '16.2'],
  ])('"%s" is %s', (text, version) => {
    expect(resolveVersion(text, ON_18).version).toBe(version);
  });

  test('and no spelling two', () => {
    const texts = POSTGREST_VERSIONS.flatMap((row) => [row.version, ...row.aliases]);
    expect(new Set(texts).size).toBe(texts.length);
    for (const row of POSTGREST_VERSIONS) {
      for (const text of [row.version, ...row.aliases]) expect(resolveVersion(text, ON_18)).toBe(row);
    }
  });

  test.each(['99.99.99', '15.0', '14.5.0', '14.50', '12', 'v14.5'])('"%s" is refused with those known', (text) => {
    const refused = failureOf(() => resolveVersion(text, ON_18));
    expect(refused.type).toBe('UnsupportedVersion');
    expect(refused.message).toContain(`unsupported version "${text}" for service type "postgrest"`);
    for (const { version } of POSTGREST_VERSIONS) expect(refused.message).toContain(version);
  });
});

describe('a release serves the PostgreSQL majors that its changelog names', () => {
  test.each([
    ['12.0.2', 10, 18],
    ['12.2.12', 10, 18],
    ['13.0.8', 12, 18],
    ['14.5', 13, 18],
    ['14.17', 13, 18],
    ['16.2', 14, 18],
  ])('%s: %i to %i', (text, oldest, newest) => {
    for (const postgresMajor of [oldest, newest]) expect(resolveVersion(text, { postgresMajor }).version).toBe(text);
    const outside = text.startsWith('12.') ? [newest + 1] : [oldest - 1, newest + 1];
    for (const postgresMajor of outside) {
      expect(failureOf(() => resolveVersion(text, { postgresMajor })).message).toContain(
        `and the server has ${postgresMajor}`,
      );
    }
  });
});

describe('latest', () => {
  test.each([
    ['the only one that starts here', 18, ['12.0.2'], '12.0.2'],
    ['the newest of several that start here', 18, ['12.0.2', '14.5', '13.0.8'], '14.5'],
    ['one that starts here and serves the major', 13, ['12.0.2', '16.2'], '12.0.2'],
    ['the newest, where a registry has to have any', 18, [], '16.2'],
    ['the newest that serves the major, where a registry has to have any', 13, [], '14.17'],
    ['the newest, where what starts here is not in the table', 18, ['9.0.1'], '16.2'],
  ])('is %s', (_what, postgresMajor, available, version) => {
    expect(resolveVersion('latest', { postgresMajor, available }).version).toBe(version);
  });

  test('is refused on a PostgreSQL that no release serves', () => {
    const refused = failureOf(() => resolveVersion('latest', { postgresMajor: 19, available: ['12.0.2'] }));
    expect(refused).toMatchObject({ type: 'UnsupportedVersion', message: expect.stringContaining('PostgreSQL 19') });
  });

  test('is what a host makes ready ahead of the first deployment', () => {
    expect(newestVersion(['12.0.2'])?.version).toBe('12.0.2');
    expect(newestVersion([])?.version).toBe(POSTGREST_VERSIONS.at(-1)?.version);
  });
});

test('keys that a reload applies, by release', () => {
  const reloads = (key: string) =>
    POSTGREST_VERSIONS.filter((row) => row.reloadableKeys.has(key)).map((row) => row.version);
  const all = POSTGREST_VERSIONS.map((row) => row.version);
  for (const key of ['db-schemas', 'db-anon-role', 'db-max-rows', 'db-pre-request', 'db-plan-enabled']) {
    expect([key, reloads(key)]).toEqual([key, all]);
  }
  for (const key of ['jwt-secret', 'jwt-aud', 'jwt-role-claim-key']) expect([key, reloads(key)]).toEqual([key, all]);
  for (const key of [
    'db-uri',
    'db-channel',
    'db-pool',
    'server-host',
    'server-port',
    'admin-server-host',
    'admin-server-port',
  ]) {
    expect([key, reloads(key)]).toEqual([key, []]);
  }
  expect(reloads('server-cors-allowed-origins')).toEqual([]);
  expect(reloads('db-hoisted-tx-settings')).toEqual(all.slice(1));
  expect(reloads('log-query')).toEqual(['13.0.8', '14.5', '14.17', '16.2']);
  expect(reloads('jwt-cache-max-lifetime')).toEqual(['12.0.2', '12.2.12', '13.0.8']);
  expect(reloads('jwt-cache-max-entries')).toEqual(['14.5', '14.17', '16.2']);
  expect(reloads('log-level')).toEqual(['16.2']);
  expect(reloads('db-channel-enabled')).toEqual(['16.2']);
});

test('only what was run for real says so', () => {
  expect(POSTGREST_VERSIONS.filter(({ evidence }) => evidence === 'run').map(({ version }) => version)).toEqual([
    '12.0.2',
  ]);
});

function failureOf(call: () => unknown): Failure {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('no Failure was thrown');
}
