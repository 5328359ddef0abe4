import { describe, expect, test } from 'vitest';
import { KIND_RULES } from '../../../domain/users/kinds.ts';
import { newUsernameProblem } from '../../../domain/users/names.ts';
import { mayCreate, mayWrite, samePrivileges } from '../../../domain/users/rights.ts';
import { readPrivilegeWords, unfit } from '../../../domain/users/schema-grants.ts';
import { parseSearchPath, searchPathValue } from '../../../domain/users/search-path.ts';

describe('names of new users', () => {
  test.each(['web01_8080', 'Mixed.Case', 'jane@corp.example', '42nd', '用户', 'a+b$c-d', 'é'.repeat(31)])(
    '%s is one',
    (name) => {
      expect(newUsernameProblem(name)).toBeUndefined();
    },
  );

  test.each([
    '',
    ' ',
    'a b',
    `o'brien`,
    'a"b',
    'a;b',
    'a\\b',
    '-a',
    '+a',
    'pg_x',
    'public',
    'ALL',
    'pgst_x',
    'é'.repeat(32),
    'a\n',
  ])('%j is none', (name) => {
    expect(newUsernameProblem(name)).toEqual(expect.any(String));
  });
});

describe('search paths', () => {
  test.each([
    ['public', ['public'], '"public"'],
    ['Sales, $user', ['Sales', '$user'], '"Sales", "$user"'],
    ['"a, ""b""", c', ['a, "b"', 'c'], '"a, ""b""", "c"'],
  ])('%s is read and quoted', (text, schemas, value) => {
    expect(parseSearchPath(text)).toEqual({ schemas });
    expect(searchPathValue(schemas)).toBe(value);
  });

  test.each(['', ',', 'a,', 'a b', 'a;b', '"a', 'x"y', `${'a,'.repeat(51)}a`, 'x'.repeat(64)])('%j is none', (text) => {
    expect(parseSearchPath(text)).toEqual({ problem: expect.any(String) });
  });
});

describe('privileges', () => {
  test('only leads may create, and only readers write nothing', () => {
    const kinds = Object.entries(KIND_RULES);
    expect(kinds.filter(([, { privileges }]) => mayCreate(privileges)).map(([kind]) => kind)).toEqual(['devlead']);
    expect(kinds.filter(([, { privileges }]) => !mayWrite(privileges)).map(([kind]) => kind)).toEqual([
      'readonly',
      'dba',
    ]);
  });

  test('lists are the same in any order', () => {
    const { privileges } = KIND_RULES.app;
    expect(samePrivileges(privileges, { ...privileges, tables: privileges.tables.toReversed() })).toBe(true);
    expect(samePrivileges(privileges, { ...privileges, tables: ['SELECT'] })).toBe(false);
  });

  test('words of GRANT are read as people write them, and judged by what they are for', () => {
    expect(readPrivilegeWords(['select', 'Temp'])).toEqual({ privileges: ['SELECT', 'TEMPORARY'], unknown: [] });
    expect(readPrivilegeWords('all privileges')).toEqual({ privileges: 'ALL', unknown: [] });
    expect(readPrivilegeWords(['OWN'])).toEqual({ privileges: [], unknown: ['OWN'] });
    expect(unfit('sequences', ['USAGE', 'INSERT'])).toEqual(['INSERT']);
  });
});
