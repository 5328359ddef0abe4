import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalTimestamp } from '../../../../domain/access/document/timestamps.ts';
import { verifierProblem } from '../../../../domain/access/document/verifiers.ts';
import { assertPasswordAllowed } from '../../../../platform/scram/password.ts';
import { isScramVerifier, scramVerifier } from '../../../../platform/scram/verifier.ts';
import { problemsOf, VERIFIER } from './documents.ts';

describe('a timestamp', () => {
  test.each([
    ['2027-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['2027-01-01t00:00:00z', '2027-01-01T00:00:00Z'],
    ['2027-01-01T00:00:00+05:30', '2026-12-31T18:30:00Z'],
    ['2026-12-31T20:00:00-08:00', '2027-01-01T04:00:00Z'],
    ['2027-01-01T00:00:00.000000Z', '2027-01-01T00:00:00Z'],
    ['2027-01-01T00:00:00.5Z', '2027-01-01T00:00:00.500000Z'],
    ['2027-01-01T00:00:00.123456Z', '2027-01-01T00:00:00.123456Z'],
    ['2028-02-29T12:00:00Z', '2028-02-29T12:00:00Z'],
    ['0050-01-01T00:00:00Z', '0050-01-01T00:00:00Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalTimestamp(text)).toBe(canonical);
    expect(canonicalTimestamp(canonical)).toBe(canonical);
  });

  test.each([
    '',
    'now',
    '2027-01-01',
    '2027-01-01T00:00Z',
    '2027-01-01T00:00:00',
    '2027-01-01 00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-00-01T00:00:00Z',
    '2027-02-29T00:00:00Z',
    '2027-04-31T00:00:00Z',
    '2027-01-01T24:00:00Z',
    '2027-01-01T23:59:60Z',
    '2027-01-01T00:00:00+24:00',
    '2027-01-01T00:00:00+0100',
    '2027-01-01T00:00:00.1234567Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    '12027-01-01T00:00:00Z',
    '-infinity',
  ])('%j is none', (text) => {
    expect(canonicalTimestamp(text)).toBeUndefined();
  });

  test('is the same moment as JavaScript takes it for', () => {
    const moments = fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moments, (moment) => {
        expect(Date.parse(canonicalTimestamp(moment.toISOString()) ?? '')).toBe(moment.getTime());
      }),
    );
  });
});

describe('a verifier', () => {
  test('is taken if the password code takes it, and refused if not, whatever is changed in it', async () => {
    const verifiers = await Promise.all(
      ['a', 'ü', 'correct horse'].map((password) => scramVerifier({ password, iterations: 4096 })),
    );
    const change = fc.record({
      verifier: fc.constantFrom(VERIFIER, ...verifiers),
      at: fc.nat(200),
      remove: fc.nat(2),
      insert: fc.oneof(fc.constant(''), fc.constantFrom('=', '$', ':', 'A', 'B', '/', '+', '-', ' ', '\n', '0')),
    });
    fc.assert(
      fc.property(change, ({ verifier, at, remove, insert }) => {
        const text = verifier.slice(0, at) + insert + verifier.slice(at + remove);
        expect(verifierProblem(text) === undefined, text).toBe(isScramVerifier(text));
      }),
      { numRuns: 5_000 },
    );
    for (const verifier of verifiers) expect(verifierProblem(verifier)).toBeUndefined();
  });

  test('of more than 512 characters is refused', () => {
    const verifier = VERIFIER.replace('A'.repeat(22), 'A'.repeat(422));
    expect(verifierProblem(verifier)).toContain('must be a SCRAM verifier');
    expect(isScramVerifier(verifier)).toBe(false);
  });

  test('that would keep the server busy for hours is refused', () => {
    expect(verifierProblem(VERIFIER.replace('4096', '1000000'))).toBeUndefined();
    expect(verifierProblem(VERIFIER.replace('4096', '1000001'))).toBe('must not ask for more than 1000000 iterations');
  });
});

test('a password is refused if the password code refuses it, and taken if not', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('\r', '\n', '\0', '\ud800', 'é'), fc.string({ unit: 'binary', maxLength: 1 })),
    maxLength: 5,
  });
  fc.assert(
    fc.property(text, (password) => {
      const problems = problemsOf({ roles: [{ name: 'alice', password }] });
      if (problems.length === 0) assertPasswordAllowed(password);
      else expect(() => assertPasswordAllowed(password)).toThrow();
    }),
    { numRuns: 2_000 },
  );
});
