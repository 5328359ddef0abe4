import { describe, expect, test } from 'vitest';
import { parseDocument } from '../../../domain/access/document/parse.ts';
import {
  type ApprovalRules,
  isAbout,
  type NamedPolicy,
  type PlannedSubject,
  strictestOf,
} from '../../../domain/approvals/policy.ts';
import { rolesNamed } from '../../../domain/approvals/roles-named.ts';
import { approversOf, type JudgedApproval, refuseVote } from '../../../domain/approvals/vote.ts';

const everything: ApprovalRules = {
  kinds: [],
  servers: [],
  labels: {},
  environments: [],
  roles: [],
  approvers: 1,
  approvedBy: { accounts: [], roles: ['admin'] },
  expiresSeconds: 3_600,
  breakGlass: { accounts: [], roles: [] },
};
const subject: PlannedSubject = {
  kind: 'grant',
  server: { name: 'billing-1', labels: { environment: 'prod', tier: 'gold' }, environments: ['prod', 'shared'] },
  roles: ['billing_reader', 'PUBLIC'],
};

describe('a policy is about a change when everything that it names fits', () => {
  test.each<[what: string, rules: Partial<ApprovalRules>, about: boolean]>([
    ['nothing named: everything', {}, true],
    ['the kind', { kinds: ['revoke', 'grant'] }, true],
    ['another kind', { kinds: ['revoke'] }, false],
    ['the server', { servers: ['billing-1'] }, true],
    ['a pattern of the server', { servers: ['other', 'billing-*'] }, true],
    ['another server', { servers: ['billing-10'] }, false],
    ['a pattern is no part of a name', { servers: ['billing'] }, false],
    ['a label', { labels: { tier: 'gold' } }, true],
    ['a label with another value', { labels: { tier: 'silver' } }, false],
    ['a label that is not there', { labels: { region: 'eu' } }, false],
    ['one label of two', { labels: { tier: 'gold', region: 'eu' } }, false],
    ['an environment', { environments: ['dev', 'shared'] }, true],
    ['another environment', { environments: ['dev'] }, false],
    ['one role of the change', { roles: ['billing_*'] }, true],
    ['PUBLIC', { roles: ['PUBLIC'] }, true],
    ['no role of the change', { roles: ['payroll_*'] }, false],
    ['everything fits but one', { servers: ['billing-*'], kinds: ['grant'], roles: ['payroll_*'] }, false],
  ])('%s', (_, rules, about) => {
    expect(isAbout({ ...everything, ...rules }, subject)).toBe(about);
  });
});

test('of several policies the strictest counts: most approvers, then the shortest time, then the first name', () => {
  const policy = (name: string, rules: Partial<ApprovalRules>): NamedPolicy => ({
    name,
    rules: { ...everything, ...rules },
  });
  const [a, b, c, d] = [
    policy('a', { expiresSeconds: 60 }),
    policy('b', { approvers: 2, expiresSeconds: 600 }),
    policy('c', { approvers: 2, expiresSeconds: 300 }),
    policy('d', { approvers: 2, expiresSeconds: 1, kinds: ['drop'] }),
  ];
  expect(strictestOf([a, b, c, d], subject)?.name).toBe('c');
  expect(strictestOf([b, a], subject)?.name).toBe('b');
  expect(strictestOf([policy('z', {}), policy('y', {})], subject)?.name).toBe('y');
  expect(strictestOf([d], subject)).toBeUndefined();
});

test('a document names roles wherever they stand in it', () => {
  const parsed = parseDocument({
    roles: [{ name: 'made', member_of: ['group_of_it'] }],
    memberships: [{ role: 'group', member: 'member', absent: true }],
    settings: [{ role: 'set', name: 'work_mem', value: '4MB' }],
    databases: [
      {
        name: 'shop',
        grants: [{ on: { kind: 'database' }, privileges: ['CONNECT'], to: ['grantee', 'PUBLIC'] }],
        revokes: [{ on: { kind: 'database' }, privileges: ['CONNECT'], from: ['revoked'] }],
      },
    ],
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  expect(rolesNamed(parsed.document)).toEqual(
    ['PUBLIC', 'grantee', 'group', 'group_of_it', 'made', 'member', 'revoked', 'set'].toSorted(),
  );
});

describe('whose word counts', () => {
  const approval: JudgedApproval = {
    requester: 'ann',
    policyName: 'prod',
    rules: { ...everything, approvers: 2, approvedBy: { accounts: ['bob'], roles: ['admin'] } },
    planHash: 'seen',
    state: 'pending',
    expired: false,
    votes: [],
  };
  const bob = { account: 'bob', role: 'operator', planHash: 'seen' } as const;
  test.each<[what: string, Partial<JudgedApproval>, Partial<typeof bob> | object, refusal: string | undefined]>([
    ['a named account', {}, bob, undefined],
    ['a role', {}, { account: 'eve', role: 'admin' }, undefined],
    ['the requester, also as an administrator', {}, { account: 'ann', role: 'admin' }, 'forbidden'],
    ['another account of the requester', {}, { accounts: ['bob', 'ann'] }, 'forbidden'],
    [
      'a second time from another account',
      { votes: [{ account: 'joe', verdict: 'approve' }] },
      { accounts: ['joe'] },
      'said',
    ],
    ['somebody else', {}, { account: 'eve' }, 'forbidden'],
    ['another plan', {}, { planHash: 'other' }, 'other_plan'],
    ['after the time', { expired: true }, bob, 'decided'],
    ['when it is rejected', { state: 'rejected' }, bob, 'decided'],
    ['a second time', { votes: [{ account: 'bob', verdict: 'approve' }] }, bob, 'said'],
    ['after somebody else', { votes: [{ account: 'eve', verdict: 'approve' }] }, bob, undefined],
  ])('%s', (_, change, vote, refusal) => {
    expect(refuseVote({ ...approval, ...change }, { ...bob, ...vote })?.refusal).toBe(refusal);
  });

  test('approvers are counted once each, of this plan, without the requester', () => {
    const vote = (account: string, planHash = 'seen', verdict: 'approve' | 'reject' = 'approve') => ({
      account,
      planHash,
      verdict,
    });
    const votes = [
      vote('bob'),
      vote('bob'),
      vote('ann'),
      vote('eve', 'other'),
      vote('dan', 'seen', 'reject'),
      vote('joe'),
    ];
    expect(approversOf(approval, votes)).toEqual(['bob', 'joe']);
  });
});
