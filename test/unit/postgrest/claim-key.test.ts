import { describe, expect, test } from 'vitest';
import { claimKeyIn, isClaimKey } from '../../../domain/postgrest/claim-key.ts';

describe('a path to the role is written as each release reads it', () => {
  test.each([
    ['.role', '.role', '$.role'],
    ['$.role', '.role', '$.role'],
    ['.realm_access.roles[0]', '.realm_access.roles[0]', '$.realm_access.roles[0]'],
    ['$.realm_access.roles[0]', '.realm_access.roles[0]', '$.realm_access.roles[0]'],
    ['."https://shop.example/role".k', '."https://shop.example/role".k', '$["https://shop.example/role"].k'],
    ['$["https://shop.example/role"].k', '."https://shop.example/role".k', '$["https://shop.example/role"].k'],
    [`$['write-role']`, '."write-role"', '$["write-role"]'],
    ['.a$b@c', '.a$b@c', '$["a$b@c"]'],
    ['.9lives', '.9lives', '$["9lives"]'],
    ['$.größe', '."größe"', '$["größe"]'],
    ['[0].role', '[0].role', '$[0].role'],
  ])('%s', (text, path, jsonpath) => {
    expect(isClaimKey(text)).toBe(true);
    expect(claimKeyIn('path', text)).toBe(path);
    expect(claimKeyIn('path with filters', text)).toBe(path);
    expect(claimKeyIn('jsonpath', text)).toBe(jsonpath);
  });

  test.each([
    ['.roles[?(@ == "admin")]', '$.roles[?@ == "admin"]'],
    ['.roles[?(@ != "admin")]', '$.roles[?@ != "admin"]'],
    ['.roles[?(@ ^== "postgrest_test_")]', '$.roles[?search(@, "^postgrest_test_")]'],
    ['.roles[?(@ ==^ ".writer")]', '$.roles[?search(@, "\\\\.writer$")]'],
    ['.roles[?(@ *== "a+b")]', '$.roles[?search(@, "a\\\\+b")]'],
  ])('a filter: %s', (text, jsonpath) => {
    expect(isClaimKey(text)).toBe(true);
    expect(() => claimKeyIn('path', text)).toThrow('no way to write filters');
    expect(claimKeyIn('path with filters', text)).toBe(text);
    expect(claimKeyIn('jsonpath', text)).toBe(jsonpath);
  });

  test('a comparison of JSONPath is known to the old syntax, any other filter is not', () => {
    expect(claimKeyIn('path with filters', '$.roles[?@ == "admin"]')).toBe('.roles[?(@ == "admin")]');
    expect(claimKeyIn('path with filters', '$.roles[?(@ != "admin")]')).toBe('.roles[?(@ != "admin")]');
    const search = '$.roles[?search(@, "^[a-z]+$")]';
    expect(claimKeyIn('jsonpath', search)).toBe(search);
    expect(() => claimKeyIn('path with filters', search)).toThrow('no way to write the filter [?search');
  });
});

test.each([
  '',
  '$',
  '.',
  'role',
  '.realm-role',
  '$.realm-role',
  '$role',
  '.role.',
  '..role',
  '.role[]',
  '.role[-1]',
  '.role[0',
  '."role',
  '.role ',
  '.roles[?(@ ~ "x")]',
  '$.roles[?@ == "x"',
  '["role"]',
])('%j is no path', (text) => {
  expect(isClaimKey(text)).toBe(false);
  expect(() => claimKeyIn('jsonpath', text)).toThrow('is not a path');
});

test('a text made to keep the reader busy is judged at once', () => {
  const texts = [`$.roles[?${'("'.repeat(50_000)}`, `.${'a'.repeat(100_000)}-`, `$[?${'"a"'.repeat(50_000)}`];
  const began = performance.now();
  for (const text of texts) expect(isClaimKey(text)).toBe(false);
  // Quadratic or worse would take minutes.
  expect(performance.now() - began).toBeLessThan(5_000);
});
