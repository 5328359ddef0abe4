import type { PrivilegeName } from '../access/privileges.ts';
import { quoted } from '../spec/problems.ts';
import type { KindPrivileges, UserKind } from './kinds.ts';
import { parseNamePattern } from './name-pattern.ts';

/** What the user API changes on a server. Reading is not a matter of policies. */
export const USER_OPERATIONS = [
  'create',
  'reset',
  'search-path',
  'disable',
  'enable',
  'drop',
  'grant',
  'revoke',
] as const;
export type UserOperation = (typeof USER_OPERATIONS)[number];

/** What an environment allows, and what its users are made as. */
export interface Policy {
  operations: readonly UserOperation[];
  /** Kinds that may be created; those that are left out may not. */
  kinds: Readonly<Partial<Record<UserKind, KindPolicy>>>;
  /** Privileges that the operation `grant` may give. */
  grantable: 'any' | readonly PrivilegeName[];
}

/** Rules for one kind of users. */
export interface KindPolicy {
  /** CONNECTION LIMIT. `max` null: no bound, and -1 (no limit) may be asked for. */
  connectionLimit: { default: number; max: number | null };
  /** Days until VALID UNTIL, counted from the creation. Null: no end. */
  validDays: { default: number | null; max: number | null };
  /** Pattern that whole names must match, as domain/users/name-pattern.ts has them; null takes any name. */
  namePattern: string | null;
  privileges: KindPrivileges;
}

/** What is asked, with what was given along. */
export type PolicyRequest =
  | {
      operation: 'create';
      env: string;
      kind: UserKind;
      username: string;
      /** Left out: the default of the policy. */
      connectionLimit?: number;
      /** Left out: the default of the policy. Null: for ever. */
      validUntil?: Date | null;
      now: Date;
    }
  | { operation: 'grant'; env: string; privileges: readonly PrivilegeName[] | 'ALL' }
  | { operation: Exclude<UserOperation, 'create' | 'grant'>; env: string };

/** Why a request is refused: 403 with the message, which names the rule. */
export interface PolicyRefusal {
  rule: 'operations' | 'kinds' | 'name_pattern' | 'connection_limit' | 'valid_days' | 'grantable';
  message: string;
}

/** Holds a request against the policy of its environment. @returns the first rule that forbids it; undefined where none does */
export function judge(policy: Policy, request: PolicyRequest): PolicyRefusal | undefined {
  const broken = findBroken(policy, request);
  if (broken === undefined) return undefined;
  const [rule, reason] = broken;
  const message = `the policy of environment ${quoted(request.env)} does not allow this (${rule}): ${reason}`;
  return { rule, message };
}

type Broken = [rule: PolicyRefusal['rule'], reason: string];

function findBroken(policy: Policy, request: PolicyRequest): Broken | undefined {
  if (!policy.operations.includes(request.operation)) {
    return ['operations', `${request.operation} is not allowed there, but ${list(policy.operations)}`];
  }
  if (request.operation === 'grant') return findUngrantable(policy, request.privileges);
  if (request.operation !== 'create') return undefined;
  const rules = policy.kinds[request.kind];
  if (rules === undefined) {
    return ['kinds', `users of kind ${request.kind} are not created there, but ${list(Object.keys(policy.kinds))}`];
  }
  return wrongName(rules, request.username) ?? overLimit(rules, request) ?? validTooLong(rules, request);
}

function findUngrantable({ grantable }: Policy, privileges: readonly PrivilegeName[] | 'ALL'): Broken | undefined {
  if (grantable === 'any') return undefined;
  const refused = privileges === 'ALL' ? ['ALL'] : privileges.filter((name) => !grantable.includes(name));
  return refused.length === 0
    ? undefined
    : ['grantable', `${list(refused)} is not granted there, but ${list(grantable)}`];
}

function wrongName({ namePattern }: KindPolicy, username: string): Broken | undefined {
  if (namePattern === null) return undefined;
  const pattern = parseNamePattern(namePattern);
  // A pattern that cannot be read allows nothing; it is checked when it is stored.
  if ('matches' in pattern && pattern.matches(username)) return undefined;
  return ['name_pattern', `the name ${quoted(username)} does not match ${namePattern}`];
}

function overLimit({ connectionLimit }: KindPolicy, asked: { connectionLimit?: number }): Broken | undefined {
  const { max } = connectionLimit;
  const { connectionLimit: limit = connectionLimit.default } = asked;
  if (max === null || (limit >= 0 && limit <= max)) return undefined;
  return [
    'connection_limit',
    `the connection limit is ${max} at most, and ${limit < 0 ? 'none' : limit} was asked for`,
  ];
}

function validTooLong({ validDays }: KindPolicy, asked: { validUntil?: Date | null; now: Date }): Broken | undefined {
  const { max } = validDays;
  if (max === null) return undefined;
  const { validUntil = daysFrom(asked.now, validDays.default) } = asked;
  if (validUntil !== null && validUntil <= daysFrom(asked.now, max)) return undefined;
  return ['valid_days', `accounts are valid for ${max} days at most; give an earlier end, or none to get the default`];
}

/** What a user that may be created is created with. */
export interface UserTerms {
  connectionLimit: number;
  /** VALID UNTIL; null for ever. */
  validUntil: Date | null;
  privileges: KindPrivileges;
}

/** Fills in what the request leaves to the policy. Only for requests that {@link judge} allows. */
export function termsFor(
  rules: KindPolicy,
  asked: { connectionLimit?: number; validUntil?: Date | null; now: Date },
): UserTerms {
  const { connectionLimit = rules.connectionLimit.default } = asked;
  const { validUntil = daysFrom(asked.now, rules.validDays.default) } = asked;
  return { connectionLimit, validUntil, privileges: rules.privileges };
}

const MS_PER_DAY = 86_400_000;

function daysFrom(now: Date, days: number): Date;
function daysFrom(now: Date, days: number | null): Date | null;
function daysFrom(now: Date, days: number | null): Date | null {
  return days === null ? null : new Date(now.getTime() + days * MS_PER_DAY);
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'none' : words.join(', ');
}
