import fc from 'fast-check';
import { expect } from 'vitest';
import { errorSchema, schemaErrorSchema } from '../../../api/schemas/common.ts';
import type { TestStack } from '../../support/stack.ts';
import { rowCounts } from './records.ts';

/** Text as nobody sane sends it: control characters, lone surrogates, quotes of other languages. */
export const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('\0', 'a\0b', '\ud800', "'; DROP TABLE databases; --", '{{', '%', '..', '__proto__', 'x'.repeat(64)),
);
/** Any value that JSON can hold, odd ones more often. */
export const value = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, true, [], {}, [[]], -0, 1e308, 65535),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(text, text, { maxKeys: 3 }),
);

/** Where a value stands in a JSON document. */
export type Place = readonly (string | number)[];

/** Every place of a document, itself included. */
export function placesIn(part: unknown, at: Place = []): Place[] {
  if (typeof part !== 'object' || part === null) return [at];
  return [at, ...Object.entries(part).flatMap(([name, member]) => placesIn(member, [...at, name]))];
}

/** The document with another value at one place. */
export function replaced(part: unknown, [name, ...rest]: Place, by: unknown): unknown {
  if (name === undefined) return by;
  if (Array.isArray(part)) return part.map((item, i) => (String(i) === String(name) ? replaced(item, rest, by) : item));
  const members = typeof part === 'object' && part !== null ? part : {};
  return Object.fromEntries(
    Object.entries(members).map(([key, member]) => [key, key === name ? replaced(member, rest, by) : member]),
  );
}

/** An answer of one of the two error forms, with nothing stored. */
export async function expectRefusal(
  stack: TestStack,
  response: Response,
  before: Record<string, number>,
): Promise<void> {
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  const body: unknown = await response.json();
  const isApplicationError = response.headers.has('goa-error');
  (isApplicationError ? errorSchema : schemaErrorSchema).strict().parse(body);
  expect(await rowCounts(stack)).toEqual(before);
}
