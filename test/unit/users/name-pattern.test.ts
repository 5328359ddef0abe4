import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNamePattern } from '../../../domain/users/name-pattern.ts';

function patternOf(text: string) {
  const pattern = parseNamePattern(text);
  if ('problem' in pattern) throw new Error(`${text}: ${pattern.problem}`);
  return pattern;
}

describe('a pattern means what it means as a regular expression of whole names', () => {
  const PATTERNS = [
    'abc',
    '^abc$',
    'a.c',
    '(dv|qa|ut)_[a-z][a-z0-9]*',
    '(?:a|ab)(c|bcd)(d*)',
    '[^a-c_-]+',
    '[-ab]+',
    '[a-]{2}',
    '\\w+_\\d{1,3}',
    'a{0,2}b{2,}c?',
    '(a*)*b',
    '(a|a)*b',
    '((a?)b?)+',
    '',
    'a||b',
    '\\.\\*\\[\\\\',
    '[\\]\\\\]+',
  ];
  const names = fc.oneof(
    fc.constantFrom('abc', 'dv_a1', 'ab', 'abcd', 'aab', '', 'a-', 'web_80', '.*[\\', ']\\', 'bbc', 'aaaaaaaab'),
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '_', '-', '1', 'é'), maxLength: 12 }),
  );

  test.each(PATTERNS)('%s', (text) => {
    const pattern = patternOf(text);
    const regex = new RegExp(`^(?:${text.replace(/^\^|\$$/g, '')})$`, 'us');
    fc.assert(
      fc.property(names, (name) => {
        expect([name, pattern.matches(name)]).toEqual([name, regex.test(name)]);
      }),
    );
  });
});

test.each(['(a+)+b', '(a|a)*b', '(a|aa)+b', '(.*)*(.*)*x', `${'a?'.repeat(60)}${'a'.repeat(60)}`, '(a*){30}b'])(
  'a pattern that stops a backtracking matcher for years is matched at once: %s',
  (text) => {
    const pattern = patternOf(text);
    const startedAt = performance.now();
    pattern.matches('a'.repeat(63));
    expect(performance.now() - startedAt).toBeLessThan(500);
  },
);

test.each([
  ['(a', 'a group is not closed, at character 3'],
  ['a)', 'a group is closed that was not opened, at character 2'],
  ['[a', 'a class is not closed, at character 3'],
  ['[]', 'a class is empty, at character 3'],
  ['[b-a]', '"b-a" is no range'],
  ['*a', '"*" has nothing to repeat, at character 1'],
  ['^*a', '"*" has nothing to repeat, at character 2'],
  ['a**', 'a repetition cannot be repeated'],
  ['a+?', 'a repetition cannot be repeated'],
  ['a{3,2}', 'counts are at most 63'],
  ['a{64}', 'counts are at most 63'],
  ['a{,3}', 'a count must be {2}, {2,} or {2,5}'],
  ['a^b', '"^" must be escaped here'],
  ['\\1', '"\\1" is not known'],
  ['\\b', '"\\b" is not known'],
  ['a\\', 'nothing follows the backslash'],
  ['(?=a)', 'only (…) and (?:…) are groups here'],
  ['(?<!a)', 'only (…) and (?:…) are groups here'],
  ['((a{63}){63}){63}', 'its repetitions are too large together'],
  ['(((){63}){63}){63}', 'its repetitions are too large together'],
  ['('.repeat(30) + ')'.repeat(30), 'groups are nested too deeply'],
  ['a'.repeat(201), 'must not exceed 200 characters'],
])('%s is refused with the reason', (text, reason) => {
  expect(parseNamePattern(text)).toEqual({ problem: expect.stringContaining(reason) });
});

test('whatever the text is, it is a pattern or has a problem', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ unit: fc.constantFrom(...'ab()[]{}|*+?\\^$-,1.'), maxLength: 30 }),
  );
  fc.assert(
    fc.property(text, fc.string({ maxLength: 63 }), (pattern, name) => {
      const parsed = parseNamePattern(pattern);
      expect('problem' in parsed ? parsed.problem : parsed.matches(name)).toBeDefined();
    }),
    { numRuns: 2000 },
  );
});
