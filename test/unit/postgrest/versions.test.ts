import { describe, expect, test } from 'vitest';
import { Failure } from '../../../domain/failures.ts';
import { POSTGREST_VERSIONS, resolveVersion } from '../../../domain/postgrest/versions.ts';

describe('resolveVersion', () => {
  test.each(['latest', '12.0', '12.0.2'])('"%s" is 12.0.2', (text) => {
    expect(resolveVersion(text, { postgresMajor: 18 }).version).toBe('12.0.2');
  });

  test('an unknown version is refused with the known ones', () => {
    const refused = failureOf(() => resolveVersion('99.99.99', { postgresMajor: 18 }));
    expect(refused.type).toBe('UnsupportedVersion');
    expect(refused.message).toContain('unsupported version "99.99.99" for service type "postgrest"');
    expect(refused.message).toContain('12.0.2');
  });

  test.each(['latest', '12.0.2'])('"%s" is refused on a PostgreSQL that no release serves', (text) => {
    expect(failureOf(() => resolveVersion(text, { postgresMajor: 19 })).message).toContain('19');
  });

  test('latest is never worse for an image that is not there', () => {
    expect(resolveVersion('latest', { postgresMajor: 13, available: [] }).version).toBe('12.0.2');
    expect(resolveVersion('latest', { postgresMajor: 13, available: ['12.0.2'] }).version).toBe('12.0.2');
  });

  test('every row can be found under each of its spellings', () => {
    for (const row of POSTGREST_VERSIONS) {
      for (const text of [row.version, ...row.aliases]) {
        expect(resolveVersion(text, { postgresMajor: row.postgresMajors.newest })).toBe(row);
      }
    }
  });
});

function failureOf(call: () => unknown): Failure {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('no Failure was thrown');
}
