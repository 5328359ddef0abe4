import fc from 'fast-check';
import { expect, test } from 'vitest';
import { redact } from '../../../platform/secrets/redact.ts';

test.each([
  ['as it is', 'login with p@ss"w/ord failed', 'login with [redacted] failed'],
  ['in a URL', 'postgres://app:p%40ss%22w%2Ford@db/x', 'postgres://app:[redacted]@db/x'],
  ['in JSON', '{"password":"p@ss\\"w/ord"}', '{"password":"[redacted]"}'],
  ['several times', 'p@ss"w/ordp@ss"w/ord,p@ss"w/ord', '[redacted][redacted],[redacted]'],
  ['at both ends', 'p@ss"w/ord', '[redacted]'],
  ['nowhere', 'nothing to hide', 'nothing to hide'],
])('a secret is replaced %s', (_, text, expected) => {
  expect(redact(text, ['p@ss"w/ord'])).toBe(expected);
});

test('a secret is replaced in a form body and in a SQL literal', () => {
  expect(redact("q=it%27s+me&s='it''s me'", ["it's me"])).toBe("q=[redacted]&s='[redacted]'");
});

test('secrets that overlap or contain each other leave no part behind', () => {
  expect(redact('xabcdey', ['abc', 'cde'])).toBe('x[redacted]y');
  expect(redact('xabcdey', ['abcde', 'bcd'])).toBe('x[redacted]y');
  expect(redact('xababay', ['aba'])).toBe('x[redacted]y');
});

test('an empty secret replaces nothing, and a lone surrogate is no obstacle', () => {
  expect(redact('text', ['', '\ud800'])).toBe('text');
});

test('whatever the secrets are, none of their forms remains between the marks', () => {
  const secret = fc.string({ unit: fc.constantFrom(...'ab\'"\\% /é😀'), minLength: 1, maxLength: 6 });
  const form = fc.constantFrom(
    (text: string) => text,
    encodeURIComponent,
    (text: string) => JSON.stringify(text).slice(1, -1),
  );
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(2), form, secret)),
      (secrets, parts) => {
        const text = parts.map(([index, encode, noise]) => encode(secrets[index] ?? noise) + noise).join('');
        for (const rest of redact(text, secrets).split('[redacted]')) {
          for (const each of secrets) {
            expect(rest).not.toContain(each);
            expect(rest).not.toContain(encodeURIComponent(each));
          }
        }
      },
    ),
  );
});
