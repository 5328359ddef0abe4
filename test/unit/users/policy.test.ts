import { describe, expect, test } from 'vitest';
import { KIND_RULES, USER_KINDS, type UserKind } from '../../../domain/users/kinds.ts';
import { judge, type Policy, type PolicyRequest, termsFor, USER_OPERATIONS } from '../../../domain/users/policy.ts';
import { defaultKindPolicy, PUBLISHED_POLICY, resolvePolicy } from '../../../domain/users/presets.ts';

const now = new Date('2026-03-01T00:00:00Z');
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);

function create(kind: UserKind, change: Partial<PolicyRequest & { operation: 'create' }> = {}): PolicyRequest {
  return { operation: 'create', env: 'dev', kind, username: 'web01_8080', now, ...change };
}

function policyWith(kind: UserKind, rules: Partial<ReturnType<typeof defaultKindPolicy>>): Policy {
  return { ...PUBLISHED_POLICY, kinds: { [kind]: { ...defaultKindPolicy(kind), ...rules } } };
}

describe('without a policy of its own an environment allows what the published API allows', () => {
  const policy = resolvePolicy(undefined, 'prod');

  test.each(USER_KINDS)('%s users of any name are created with the published limit, for ever', (kind) => {
    const request = create(kind, { username: 'Ünüsual name', connectionLimit: -1, validUntil: null });
    expect(judge(policy, request)).toBeUndefined();
    expect(termsFor(policy.kinds[kind] ?? defaultKindPolicy(kind), { now })).toEqual({
      connectionLimit: KIND_RULES[kind].connectionLimit,
      validUntil: null,
      privileges: KIND_RULES[kind].privileges,
    });
  });

  test.each(USER_OPERATIONS.filter((operation) => operation !== 'create' && operation !== 'grant'))(
    '%s',
    (operation) => {
      expect(judge(policy, { operation, env: 'prod' })).toBeUndefined();
    },
  );

  test('any privilege is granted', () => {
    expect(judge(policy, { operation: 'grant', env: 'prod', privileges: 'ALL' })).toBeUndefined();
  });
});

describe('a refusal names the environment, the rule and what is allowed', () => {
  test('operations', () => {
    const policy: Policy = { ...PUBLISHED_POLICY, operations: ['create', 'reset'] };
    expect(judge(policy, { operation: 'drop', env: 'prod' })).toEqual({
      rule: 'operations',
      message:
        'the policy of environment "prod" does not allow this (operations): drop is not allowed there, but create, reset',
    });
    expect(judge({ ...policy, operations: [] }, create('app'))?.message).toMatch(
      /create is not allowed there, but none$/,
    );
  });

  test('kinds', () => {
    expect(judge(policyWith('app', {}), create('dba'))).toEqual({
      rule: 'kinds',
      message:
        'the policy of environment "dev" does not allow this (kinds): users of kind dba are not created there, but app',
    });
  });

  test('name patterns hold for whole names', () => {
    const policy = policyWith('app', { namePattern: 'web[0-9]+_[0-9]+' });
    expect(judge(policy, create('app'))).toBeUndefined();
    for (const username of ['xweb01_8080', 'web01_8080x', 'WEB01_8080', '']) {
      expect(judge(policy, create('app', { username }))).toMatchObject({
        rule: 'name_pattern',
        message: expect.stringContaining('does not match web[0-9]+_[0-9]+'),
      });
    }
  });

  test.each([
    [50, undefined],
    [51, 'the connection limit is 50 at most, and 51 was asked for'],
    [-1, 'the connection limit is 50 at most, and none was asked for'],
    [0, undefined],
  ])('a connection limit of %i', (connectionLimit, reason) => {
    const policy = policyWith('app', { connectionLimit: { default: 20, max: 50 } });
    expect(judge(policy, create('app', { connectionLimit }))?.message.split(': ')[1]).toBe(reason);
  });

  test.each([
    ['the last moment', days(30), false],
    ['a moment later', new Date(days(30).getTime() + 1), true],
    ['for ever', null, true],
    ['the default', undefined, false],
  ])('an end of validity: %s', (_, validUntil, refused) => {
    const policy = policyWith('dba', { validDays: { default: 7, max: 30 } });
    const request = create('dba', validUntil === undefined ? {} : { validUntil });
    expect(judge(policy, request)?.rule).toBe(refused ? 'valid_days' : undefined);
  });

  test('a privilege that is not granted there, and ALL', () => {
    const policy: Policy = { ...PUBLISHED_POLICY, grantable: ['SELECT', 'USAGE'] };
    expect(judge(policy, { operation: 'grant', env: 'a', privileges: ['SELECT', 'CREATE'] })).toMatchObject({
      rule: 'grantable',
      message: expect.stringContaining('CREATE is not granted there, but SELECT, USAGE'),
    });
    expect(judge(policy, { operation: 'grant', env: 'a', privileges: 'ALL' })?.rule).toBe('grantable');
    expect(judge(policy, { operation: 'grant', env: 'a', privileges: ['USAGE'] })).toBeUndefined();
  });
});

test('what a request leaves out comes from the policy, and what it says is kept', () => {
  const rules = { ...defaultKindPolicy('dba'), validDays: { default: 7, max: 30 } };
  expect(termsFor(rules, { now })).toMatchObject({ connectionLimit: 20, validUntil: days(7) });
  expect(termsFor(rules, { now, connectionLimit: 3, validUntil: days(1) })).toMatchObject({
    connectionLimit: 3,
    validUntil: days(1),
  });
});

describe('the preset `article`', () => {
  const allowed = (env: string, production?: boolean) => {
    const policy = resolvePolicy({ preset: 'article', ...(production === undefined ? {} : { production }) }, env);
    return USER_KINDS.filter((kind) => judge(policy, create(kind)) === undefined);
  };
  const NON_PRODUCTION = ['app', 'app-k8s', 'devqa', 'devlead', 'dba'];
  const PRODUCTION = ['app', 'app-k8s', 'readonly', 'dba'];

  test.each(['dev', 'qa', 'uat', 'product', 'preprod', 'non-prod'])(
    '%s takes individual accounts, not analysts',
    (env) => {
      expect(allowed(env)).toEqual(NON_PRODUCTION);
    },
  );

  test.each(['prod', 'PROD', 'production', 'prd', 'live', 'prod-eu', 'prod_2'])(
    '%s takes analysts, nobody else in person',
    (env) => {
      expect(allowed(env)).toEqual(PRODUCTION);
    },
  );

  test('an administrator may say which environments are production', () => {
    expect(allowed('main', true)).toEqual(PRODUCTION);
    expect(allowed('prod', false)).toEqual(NON_PRODUCTION);
  });

  test('analysts in production get no DDL later either', () => {
    const policy = resolvePolicy({ preset: 'article' }, 'prod');
    for (const privilege of ['CREATE', 'TRUNCATE', 'TRIGGER', 'REFERENCES'] as const) {
      expect(judge(policy, { operation: 'grant', env: 'prod', privileges: [privilege] })?.rule).toBe('grantable');
    }
  });

  test('DBA accounts end by themselves', () => {
    for (const env of ['dev', 'prod']) {
      const rules = resolvePolicy({ preset: 'article' }, env).kinds.dba ?? defaultKindPolicy('dba');
      expect(termsFor(rules, { now }).validUntil).toEqual(days(7));
      expect(judge(resolvePolicy({ preset: 'article' }, env), create('dba', { validUntil: null }))?.rule).toBe(
        'valid_days',
      );
    }
  });
});
