import { describe, expect, test } from 'vitest';
import { claimGrantsSchema, grantOf } from '../../../domain/authority/claims.ts';
import { commonRole, GLOBAL_ROLES, includesRole } from '../../../domain/authority/roles.ts';
import { covers, intersection, isWithin, type Scope, scopeSchema, union } from '../../../domain/authority/scope.ts';
import { formatOf, shownPart, TOKEN_FORMATS, type TokenFormatName } from '../../../domain/authority/token-format.ts';
import { makeToken } from '../../../platform/secrets/token.ts';

describe('roles', () => {
  test('have in common what both include, and nobody gets more by that', () => {
    for (const a of GLOBAL_ROLES) {
      for (const b of GLOBAL_ROLES) {
        const common = commonRole(a, b);
        expect([a, b, includesRole(a, common), includesRole(b, common)]).toEqual([a, b, true, true]);
        expect(common).toBe(commonRole(b, a));
      }
      expect(commonRole(a, a)).toBe(a);
      expect(commonRole('admin', a)).toBe(a);
    }
    expect(commonRole('operator', 'auditor')).toBe('member');
  });
});

describe('scopes', () => {
  const a: Scope = { databases: ['x', 'y'], servers: ['s'] };
  const b: Scope = { databases: ['y', 'z'] };

  test('name what is within, and a kind that is left out has nothing', () => {
    expect([covers(undefined, 'servers', 's'), covers(a, 'servers', 's'), covers(b, 'servers', 's')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(covers({}, 'databases', 'x')).toBe(false);
  });

  test('are combined to what is in both or in one of them', () => {
    expect(intersection(a, b)).toEqual({ databases: ['y'] });
    expect(intersection(a, undefined)).toBe(a);
    expect(intersection(a, { environments: ['e'] })).toEqual({});
    expect(union(a, b)).toEqual({ databases: ['x', 'y', 'z'], servers: ['s'] });
    expect(union(a, undefined)).toBeUndefined();
  });

  test('are within another when it has all of their names', () => {
    expect(isWithin(intersection(a, b), a)).toBe(true);
    expect([isWithin(a, b), isWithin(undefined, a), isWithin(a, undefined), isWithin({}, b)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  test('are read without names that come twice, and with no word that means nothing', () => {
    expect(scopeSchema.parse({ databases: ['b', 'a', 'b'] })).toEqual({ databases: ['a', 'b'] });
    for (const wrong of [{ hosts: ['h'] }, { databases: 'a' }, { databases: [''] }, null, []]) {
      expect(scopeSchema.safeParse(wrong).success).toBe(false);
    }
  });
});

describe('claims', () => {
  const grants = claimGrantsSchema.parse({
    'a.b': { role: 'auditor' },
    shop: { role: 'operator', scope: { databases: ['shop'] } },
    all: { role: 'operator' },
  });
  const of = (claims: Record<string, unknown>, claim = 'groups') => grantOf(claims, { claim, grants });

  test('are found by name, also with dots, and by path', () => {
    expect(of({ 'https://example.com/groups': ['a.b'] }, 'https://example.com/groups')).toEqual({ role: 'auditor' });
    expect(of({ realm: { roles: 'a.b' } }, 'realm.roles')).toEqual({ role: 'auditor' });
  });

  test('without bounds take the bounds of others away', () => {
    expect(of({ groups: ['shop', 'all'] })).toEqual({ role: 'operator' });
  });

  test.each([
    [{}],
    [{ groups: null }],
    [{ groups: [{ name: 'shop' }] }],
    [{ groups: ['toString', '__proto__'] }],
    [{ groups: 7 }],
  ])('that mean nothing give nothing: %j', (claims) => {
    expect(of(claims)).toBeUndefined();
  });
});

test.each(Object.keys(TOKEN_FORMATS) as TokenFormatName[])(
  'a token of the format %s has 256 random bits after its prefix, and shows the first 30 of them',
  (name) => {
    const { prefix } = TOKEN_FORMATS[name];
    const tokens = Array.from({ length: 100 }, () => makeToken(name));
    expect(new Set(tokens.map(({ text }) => text)).size).toBe(100);
    for (const { text, shown, hash, format } of tokens) {
      expect(text.slice(prefix.length)).toMatch(/^[\w-]{43,}$/);
      expect([shown, hash.length, format, formatOf(text)]).toEqual([text.slice(0, prefix.length + 5), 32, name, name]);
      expect(shownPart(format, text)).toBe(shown);
    }
    expect(formatOf(`un${prefix}`)).toBeUndefined();
  },
);
