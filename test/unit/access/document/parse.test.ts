import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDocument, readAccepted, withoutSecrets } from '../../../../domain/access/document/parse.ts';
import { PUBLIC } from '../../../../domain/access/observed.ts';
import { documentOf, FULL_DOCUMENT, grant, grants, problemsOf, VERIFIER } from './documents.ts';

/** Only a hang ends these tests: the machine may be busy. */
const OPTIONS = { timeout: 120_000 };

test('every member of a document is read', () => {
  const { allow, roles, memberships, settings, databases } = documentOf(FULL_DOCUMENT);
  expect([...allow]).toEqual(['superuser', 'server_access', 'legacy_names', 'cascade']);
  expect(roles[0]).toEqual({
    name: 'reporting',
    at: 'roles[0]',
    attributes: {
      login: false,
      superuser: false,
      createdb: false,
      createrole: false,
      inherit: true,
      replication: false,
      bypassrls: false,
      connectionLimit: 20,
      validUntil: '2027-01-01T00:00:00.250000Z',
    },
    comment: 'reads\neverything',
    hasPassword: true,
    memberOf: [
      { role: 'readers', member: 'reporting', admin: false, absent: false, at: 'roles[0].member_of[0]' },
      {
        role: 'writers',
        member: 'reporting',
        admin: true,
        inherit: false,
        set: true,
        absent: false,
        at: 'roles[0].member_of[1]',
      },
    ],
    members: [
      { role: 'reporting', member: 'alice', admin: false, absent: false, at: 'roles[0].members[0]' },
      { role: 'reporting', member: 'bob', admin: true, absent: false, at: 'roles[0].members[1]' },
    ],
    settings: [
      { role: 'reporting', name: 'search_path', value: 'app, public', database: 'shop', at: 'roles[0].settings[0]' },
      { role: 'reporting', name: 'work_mem', value: '64MB', database: null, at: 'roles[0].settings[1]' },
    ],
    adopt: true,
  });
  expect(roles.slice(1)).toEqual([
    {
      name: 'carol',
      at: 'roles[1]',
      attributes: { login: true, validUntil: 'infinity' },
      hasPassword: true,
      settings: [],
      adopt: false,
    },
    {
      name: 'Ünïcode role',
      at: 'roles[2]',
      attributes: { validUntil: 'infinity', connectionLimit: -1 },
      hasPassword: false,
      adopt: false,
    },
  ]);
  expect(memberships).toEqual([
    { role: 'staff', member: 'carol', admin: false, inherit: true, set: true, absent: false, at: 'memberships[0]' },
    { role: 'staff', member: 'dave', admin: false, absent: true, at: 'memberships[1]' },
  ]);
  expect(settings).toEqual([
    { role: 'dave', name: 'app.tenant', value: '7', database: 'shop', at: 'settings[0]' },
    { role: 'dave', name: 'DateStyle', value: null, database: null, at: 'settings[1]' },
  ]);
  const at = 'databases[0]';
  const app = { schema: 'app' };
  expect(databases).toEqual([
    {
      name: 'shop',
      at,
      owner: 'shop_owner',
      exactGrantees: ['reporting', PUBLIC],
      grants: [
        {
          on: { kind: 'database', schema: null, names: [] },
          privileges: ['CONNECT', 'TEMPORARY'],
          to: ['reporting', PUBLIC],
          grantOption: false,
          laterBy: [],
          at: `${at}.grants[0]`,
        },
        {
          on: { kind: 'schema', schema: null, names: ['app'] },
          privileges: 'ALL',
          to: ['reporting'],
          grantOption: true,
          laterBy: [],
          at: `${at}.grants[1]`,
        },
        {
          on: { kind: 'table', ...app, names: 'all' },
          privileges: ['SELECT', 'MAINTAIN'],
          to: ['reporting'],
          grantOption: false,
          laterBy: ['app_owner'],
          at: `${at}.grants[2]`,
        },
        {
          on: { kind: 'table', ...app, names: ['cards'] },
          privileges: ['UPDATE'],
          columns: ['name'],
          to: ['carol'],
          grantOption: false,
          laterBy: [],
          at: `${at}.grants[3]`,
        },
        {
          on: { kind: 'routine', ...app, names: ['pay(integer, text)'] },
          privileges: 'ALL',
          to: ['carol'],
          grantOption: false,
          laterBy: [],
          at: `${at}.grants[4]`,
        },
        {
          on: { kind: 'language', schema: null, names: ['plpgsql'] },
          privileges: ['USAGE'],
          to: ['carol'],
          grantOption: false,
          laterBy: [],
          at: `${at}.grants[5]`,
        },
      ],
      revokes: [
        {
          on: { kind: 'table', ...app, names: ['orders'] },
          privileges: ['DELETE'],
          to: [PUBLIC, 'carol'],
          grantOption: false,
          laterBy: [],
          at: `${at}.revokes[0]`,
        },
        {
          on: { kind: 'schema', schema: null, names: ['app'] },
          privileges: ['USAGE'],
          to: ['carol'],
          grantOption: true,
          laterBy: [],
          at: `${at}.revokes[1]`,
        },
      ],
      defaultPrivileges: [
        {
          creator: 'app_owner',
          ...app,
          on: 'table',
          privileges: ['INSERT'],
          to: ['carol'],
          grantOption: true,
          absent: false,
          at: `${at}.default_privileges[0]`,
        },
        {
          creator: 'app_owner',
          schema: null,
          on: 'schema',
          privileges: 'ALL',
          to: ['carol'],
          grantOption: false,
          absent: false,
          at: `${at}.default_privileges[1]`,
        },
        {
          creator: 'app_owner',
          schema: null,
          on: 'routine',
          privileges: ['EXECUTE'],
          to: [PUBLIC],
          grantOption: false,
          absent: true,
          at: `${at}.default_privileges[2]`,
        },
      ],
      owners: [{ on: { kind: 'table', ...app, names: ['orders'] }, owner: 'app_owner', at: `${at}.owners[0]` }],
    },
  ]);
});

test('an empty document asks for nothing', () => {
  expect(documentOf({})).toEqual({ allow: new Set(), roles: [], memberships: [], settings: [], databases: [] });
});

test('members that are undefined count as left out', () => {
  expect(documentOf({ roles: [{ name: 'a', member_of: undefined }], memberships: undefined })).toEqual(
    documentOf({ roles: [{ name: 'a' }] }),
  );
  const on = { kind: 'table', schema: 'app', names: undefined, all: true };
  expect(documentOf(grants(grant({ on, columns: undefined })))).toEqual(
    documentOf(grants(grant({ on: { kind: 'table', schema: 'app', all: true } }))),
  );
});

test('the stored form of a document has no secret and means the same', () => {
  const parsed = parseDocument(FULL_DOCUMENT);
  if (!parsed.ok) throw new Error('refused');
  expect([...parsed.passwords]).toEqual([
    ['reporting', { kind: 'verifier', verifier: VERIFIER }],
    ['carol', { kind: 'password', password: 'correct horse' }],
  ]);
  const stored: unknown = JSON.parse(JSON.stringify(withoutSecrets(FULL_DOCUMENT)));
  expect(JSON.stringify(stored)).not.toMatch(/SCRAM|correct horse|"(password|verifier)"/);
  expect(FULL_DOCUMENT.roles[1]).toHaveProperty('password');
  const passwordRoles = new Set(parsed.passwords.keys());
  const again = parseDocument(stored, { passwordRoles });
  expect(again).toEqual({ ...parsed, passwords: new Map() });
  expect(readAccepted(stored, { passwordRoles })).toEqual(again);
  const { roles } = documentOf(stored);
  expect(roles.map(({ hasPassword }) => hasPassword)).toEqual([false, false, false]);
});

test('what an older release accepted and this one cannot read is told, not carried out', () => {
  const submitted = grants(grant({ privileges: ['EXECUTE'] }), grant());
  expect(readAccepted(submitted)).toEqual(parseDocument(submitted));
  expect(readAccepted(submitted).ok).toBe(false);
});

test('what has no roles is left as it is', () => {
  for (const value of [null, 1, [], { roles: 'x' }, { roles: [null, 'x', { name: 'a' }] }]) {
    expect(withoutSecrets(value)).toEqual(value);
  }
});

test('what is wrong in one place does not hide what is wrong elsewhere', () => {
  const problems = problemsOf({
    colour: 'blue',
    roles: [
      { name: 'a', login: 'yes', valid_until: 'tomorrow' },
      { name: 'a', shape: 1, password: '' },
    ],
    memberships: [
      { role: 'x', member: 'x' },
      { role: '', member: 'y' },
    ],
    databases: [
      {
        grants: [
          grant({ to: [], privileges: ['FLY', 'SELECT'], extra: 1 }),
          grant({ on: { kind: 'schema', names: [] }, privileges: ['SELECT'] }),
        ],
      },
    ],
  });
  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    'roles[0].login',
    'roles[1].shape',
    'memberships[1].role',
    'databases[0].name',
    'databases[0].grants[0].to',
    'databases[0].grants[0].extra',
    'databases[0].grants[1].on.names',
    'colour',
    'roles[0].valid_until',
    'roles[1].password',
    'databases[0].grants[0].privileges[0]',
    'databases[0].grants[1].privileges[0]',
    'roles[1].name',
    'memberships[0]',
  ]);
});

test('an entry of the wrong shape is not held against others', () => {
  expect(
    problemsOf({
      memberships: [
        { role: 'a', member: 'b', absent: 'yes' },
        { role: 'b', member: 'a' },
        { role: 'a', member: 'b', absent: true },
      ],
      databases: [
        {
          name: 'shop',
          grants: [grant({ columns: 'x' }), grant({ on: { kind: 'table', schema: 7, names: ['orders'] } })],
          revokes: [
            { ...grant({ on: { kind: 'table', schema: 'app', all: true } }), to: undefined, from: ['reporting'] },
          ],
        },
      ],
    }),
  ).toEqual([
    'memberships[0].absent: must be true or false',
    'databases[0].grants[0].columns: must be a list',
    'databases[0].grants[1].on.schema: must be a string',
  ]);
});

test('a document of 5,000 grants to lists of roles is accepted', () => {
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  const document = grants(
    ...names('schema_', 100).map((schema) =>
      grant({ on: { kind: 'table', schema, names: names('t', 5) }, to: names('role_', 10) }),
    ),
  );
  expect(JSON.stringify(document).length).toBeLessThan(768 * 1024);
  expect(problemsOf(document)).toEqual([]);
});

test('two long lists whose product no server should walk through are refused', () => {
  const names = Array.from({ length: 1_001 }, (_, index) => `n${index}`);
  const on = { kind: 'table', schema: 'app', names };
  expect(problemsOf(grants(grant({ on, to: names })))).toEqual([
    'databases: must not name more than 1000000 pairs of object and grantee',
  ]);
  expect(problemsOf(grants(grant({ on, to: names.slice(0, 999) })))).toEqual([]);
});

test('a long chain of groups is no circle, and a long circle is named in short', () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => ({ role: `r${index + 1}`, member: `r${index}` }));
  expect(problemsOf({ memberships: chain })).toEqual([]);
  const [problem = '', ...others] = problemsOf({ memberships: [...chain.slice(1), { role: 'r1', member: 'r20000' }] });
  expect(others).toEqual([]);
  expect(problem).toContain('memberships[19999]: roles cannot be members of each other in a circle: "r1" → "r2" → ');
  expect(problem.length).toBeLessThan(400);
});

test('as many mistakes as a request can hold are judged without an exception', OPTIONS, () => {
  expect(problemsOf({ memberships: Array.from({ length: 20_000 }, () => ({ role: 'a', member: 'a' })) })).toHaveLength(
    20_000,
  );
  expect(problemsOf({ roles: Array.from({ length: 99_000 }, () => 1) }).length).toBeGreaterThan(0);
  expect(problemsOf(grants(grant({ to: Array.from({ length: 99_000 }, () => '') })))).not.toEqual([]);
  expect(problemsOf(grants(Array.from({ length: 400_000 }, () => 1)))).toEqual([
    ': must not have more than 100000 values',
  ]);
});

test('JSON of any depth is judged without an exception', () => {
  const deep: unknown = JSON.parse(`${'{"roles":['.repeat(20_000)}1${']}'.repeat(20_000)}`);
  expect(problemsOf(deep)).toEqual([': must not be nested more than 12 levels deep']);
});

test('arbitrary JSON is judged without an exception', OPTIONS, () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const parsed = parseDocument(value);
      expect(parsed.ok || parsed.problems.length > 0).toBe(true);
      withoutSecrets(value);
    }),
    { numRuns: 500 },
  );
});

/** Places of the example, at any depth. */
function placesOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...path, name]))];
}

/** A copy of `value` with `replacement` at `path`. */
function replaced(value: unknown, [first, ...rest]: readonly string[], replacement: unknown): unknown {
  if (first === undefined) return replacement;
  const copy: unknown = structuredClone(value);
  if (typeof copy === 'object' && copy !== null)
    Reflect.set(copy, first, replaced(Reflect.get(copy, first), rest, replacement));
  return copy;
}

test(
  'a document with arbitrary values anywhere is judged without an exception, and every problem has a place',
  OPTIONS,
  () => {
    const PATH = /^(?:\w+|".*"|\w+(?:\[\d+\])*(?:\.(?:\w+|".*")(?:\[\d+\])*)*)$/;
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom('PUBLIC', '', 'ALL', 'x'.repeat(70), '\0', '\ud800', ['ALL'], { kind: 'database' }, [null]),
    );
    fc.assert(
      fc.property(fc.constantFrom(...placesOf(FULL_DOCUMENT)), value, (path, replacement) => {
        const submitted = replaced(FULL_DOCUMENT, path, replacement);
        const parsed = parseDocument(submitted);
        if (parsed.ok) return;
        for (const { path: at, message } of parsed.problems) {
          expect(message).not.toBe('');
          if (at !== '') expect(at).toMatch(PATH);
        }
      }),
      { numRuns: 1_000 },
    );
  },
);

test('no problem ever quotes a password or verifier', OPTIONS, () => {
  const CANARY = 'c4nary';
  const secret = fc
    .oneof(
      fc.string({ unit: 'grapheme-composite' }),
      fc.constantFrom('', '\n', '\0', '\ud800', 'x'.repeat(2_000), 'SCRAM-SHA-256$1:', VERIFIER),
    )
    .map((text) => `${CANARY}${text}${CANARY}`);
  const value = fc.oneof(
    secret,
    secret.map((text) => [text]),
    secret.map((text) => ({ text })),
  );
  fc.assert(
    fc.property(value, value, fc.constantFrom('password', 'verifier', 'both'), (password, verifier, which) => {
      const role = {
        name: 'alice',
        ...(which !== 'verifier' && { password }),
        ...(which !== 'password' && { verifier }),
        login: 3,
      };
      const parsed = parseDocument({ roles: [role, { ...role }] });
      expect(parsed.ok).toBe(false);
      expect(JSON.stringify(parsed.ok ? [] : parsed.problems)).not.toContain(CANARY);
      expect(JSON.stringify(withoutSecrets({ roles: [role] }))).not.toContain(CANARY);
    }),
    { numRuns: 300 },
  );
});
