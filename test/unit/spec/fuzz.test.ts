import fc from 'fast-check';
import { expect, test } from 'vitest';
import { schemaProblems } from '../../../api/schema-problems.ts';
import { normalizeSpec } from '../../../domain/spec/normalize.ts';
import { createDatabaseSchema } from '../../../domain/spec/schema.ts';
import { separateSecrets } from '../../../domain/spec/secrets.ts';
import { validateSpec } from '../../../domain/spec/validate.ts';
import { contextWith, exampleBody } from './requests.ts';

const CANARY = 'c4nary';
/** Only a hang ends these tests: the machine may be busy. */
const OPTIONS = { timeout: 120_000 };

/** Places of the example, at any depth, with the value that stands there. */
function placesOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const members = Array.isArray(value) ? value.map((item, i): [number, unknown] => [i, item]) : Object.entries(value);
  return [path, ...members.flatMap(([name, member]) => placesOf(member, [...path, name]))];
}

/** A copy of `value` with `replacement` at `path`. */
function replaced(value: unknown, path: readonly (string | number)[], replacement: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return replacement;
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) =>
    name === String(first) ? [name, replaced(member, rest, replacement)] : [name, member],
  );
  return Array.isArray(value) ? members.map(([, member]) => member) : Object.fromEntries(members);
}

const FULL_EXAMPLE = (() => {
  const body = exampleBody({
    jwt_secret: `${CANARY}-secret-of-at-least-32-characters`,
    db_pool: 3,
    db_schemas: 'public',
  });
  const spec = {
    ...body.spec,
    database_users: [
      { username: 'app', password: `${CANARY}-password`, db_owner: true, attributes: ['LOGIN'], roles: ['web'] },
    ],
    scripts: { post_init: ['CREATE ROLE web'], post_database_create: ['CREATE SCHEMA api'] },
    extensions: ['pg_trgm'],
  };
  return { ...body, spec };
})();

const PATH = /^(id|tenant_id|[a-z_]+(\[\d+\])?(\.[a-z_]+(\[\d+\])?)*|)$/;

/** Runs everything that a request passes through and returns every message that the caller would see. */
function messagesFor(body: unknown): string[] {
  const parsed = createDatabaseSchema.safeParse(body);
  if (!parsed.success) {
    const problems = schemaProblems(parsed.error.issues, body, { root: 'body', whole: 'body' });
    expect(problems.length).toBeGreaterThan(0);
    return problems.map(({ message }) => message);
  }
  const problems = validateSpec(parsed.data, contextWith({ callerIsAdmin: false }));
  for (const { path, message } of problems) {
    expect(path).toMatch(PATH);
    expect(message).not.toBe('');
  }
  separateSecrets(parsed.data.spec);
  if (problems.length === 0) normalizeSpec({ databaseId: 'storefront', spec: parsed.data.spec });
  return problems.map(({ path, message }) => `${path}: ${message}`);
}

test('arbitrary JSON is judged without an exception', OPTIONS, () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (body) => void messagesFor(body)),
    { numRuns: 500 },
  );
});

test('JSON of any depth is judged without an exception', OPTIONS, () => {
  const deep = JSON.parse(`${'{"spec":['.repeat(20_000)}1${']}'.repeat(20_000)}`);
  expect(messagesFor(deep)).not.toEqual([]);
  expect(messagesFor(replaced(FULL_EXAMPLE, ['spec', 'services', 0, 'config', 'jwt_secret'], deep))).not.toEqual([]);
});

test('any value anywhere in a request is judged without an exception, and no message repeats a secret', OPTIONS, () => {
  const places = placesOf(FULL_EXAMPLE);
  fc.assert(
    fc.property(
      fc.constantFrom(...places),
      fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.integer()),
      (path, value) => {
        for (const message of messagesFor(replaced(FULL_EXAMPLE, path, value))) expect(message).not.toContain(CANARY);
      },
    ),
    { numRuns: 1000 },
  );
});

test('no message repeats a secret, whatever is wrong with the secret', OPTIONS, () => {
  const wrong = fc.oneof(
    fc.constantFrom('', '\n', '\0', '\ud800', '\u0007').map((end) => `${CANARY}${end}`),
    fc.string().map((text) => `${CANARY}${text}`),
    fc.constantFrom({ [CANARY]: CANARY }, [CANARY]),
  );
  const places = [
    ['spec', 'database_users', 0, 'password'],
    ['spec', 'services', 0, 'config', 'jwt_secret'],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), wrong, (path, value) => {
      for (const message of messagesFor(replaced(FULL_EXAMPLE, path, value))) expect(message).not.toContain(CANARY);
    }),
  );
});
