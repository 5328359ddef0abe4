import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isIdentifier } from '../../../domain/identifiers.ts';
import { serverNamesFor } from '../../../domain/registry/server-names.ts';

function firstOf(hostname: string, port: number, count: number): string[] {
  const names = serverNamesFor({ hostname, port });
  return Array.from({ length: count }, () => names.next().value);
}

test.each([
  [
    'pg-dev-01.internal.example.com',
    5432,
    ['pg-dev-01', 'pg-dev-01-internal-example-com', 'pg-dev-01-2', 'pg-dev-01-3'],
  ],
  [
    'pg-dev-01.internal.example.com',
    5433,
    ['pg-dev-01-5433', 'pg-dev-01-internal-example-com-5433', 'pg-dev-01-5433-2'],
  ],
  ['DB_Main', 5432, ['db-main', 'db-main-2']],
  ['10.0.0.5', 5432, ['10-0-0-5', '10-0-0-5-2']],
  ['::1', 5433, ['1-5433', '1-5433-2']],
  ['fd00::2', 5432, ['fd00-2', 'fd00-2-2']],
  ['...', 5432, ['server', 'server-2']],
])('the server at %s:%i is called after it', (hostname, port, names) => {
  expect(firstOf(hostname, port, names.length)).toEqual(names);
});

test('every name is an identifier, and no two are alike', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 80 }), fc.integer({ min: 1, max: 65_535 }), (hostname, port) => {
      const names = firstOf(hostname, port, 12);
      expect(names.filter((name) => !isIdentifier(name))).toEqual([]);
      expect(new Set(names).size).toBe(names.length);
    }),
  );
});
