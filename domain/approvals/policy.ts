import type { GlobalRole } from '../authority/roles.ts';
import { matchesPattern } from '../notifications/filter.ts';

/** Kinds of changes that a policy can be about. */
export const CHANGE_KINDS = [
  /** A whole document. */
  'apply',
  /** A single role: made or changed. */
  'role',
  'membership',
  'grant',
  'revoke',
  'drop',
  /** A user of an environment or a cluster. */
  'user',
  'lease',
  'rotation',
  /** A database with its users and services. */
  'database',
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Accounts, by name or by what they are. */
export interface People {
  accounts: string[];
  roles: GlobalRole[];
}

/** What a policy says. Of what it names, each list that is empty means everything. */
export interface ApprovalRules {
  kinds: ChangeKind[];
  /** Names of servers; `*` stands for any characters, here and in `roles`. */
  servers: string[];
  /** Labels that the server has. */
  labels: Record<string, string>;
  /** Environments that the server belongs to: by its label `environment`, or by an entry of the registry. */
  environments: string[];
  /** Names of roles: one of the change is enough. */
  roles: string[];
  /** How many accounts have to approve, the requester never being one of them. */
  approvers: 1 | 2;
  approvedBy: People;
  expiresSeconds: number;
  /** Who may do without, and is on record for it. */
  breakGlass: People;
}

/** A policy under its name. */
export interface NamedPolicy {
  name: string;
  rules: ApprovalRules;
}

/** What is to be changed, and where. */
export interface PlannedSubject {
  kind: ChangeKind;
  server: { name: string; labels: Readonly<Record<string, unknown>>; environments: readonly string[] };
  /** Roles that the change names. */
  roles: readonly string[];
}

/** Whether a policy is about a change. */
export function isAbout(rules: ApprovalRules, { kind, server, roles }: PlannedSubject): boolean {
  const anyOf = (patterns: readonly string[], names: readonly string[]) =>
    patterns.length === 0 || names.some((name) => patterns.some((pattern) => matchesPattern(pattern, name)));
  return (
    (rules.kinds.length === 0 || rules.kinds.includes(kind)) &&
    anyOf(rules.servers, [server.name]) &&
    (rules.environments.length === 0 || rules.environments.some((name) => server.environments.includes(name))) &&
    Object.entries(rules.labels).every(([label, value]) => server.labels[label] === value) &&
    anyOf(rules.roles, roles)
  );
}

/** Of the policies that are about a change, the one with the most approvers, then the shortest time, then the first by name. */
export function strictestOf<P extends NamedPolicy>(policies: readonly P[], subject: PlannedSubject): P | undefined {
  const [strictest] = policies
    .filter(({ rules }) => isAbout(rules, subject))
    .toSorted(
      (a, b) =>
        b.rules.approvers - a.rules.approvers ||
        a.rules.expiresSeconds - b.rules.expiresSeconds ||
        (a.name < b.name ? -1 : 1),
    );
  return strictest;
}

/** Whether somebody is one of these people. */
export function isOneOf(people: People, who: { account: string; role: GlobalRole }): boolean {
  return people.accounts.includes(who.account) || people.roles.includes(who.role);
}

/** These people, for a sentence. */
export function namePeople({ accounts, roles }: People): string {
  const parts = [
    ...(roles.length === 0 ? [] : [`the ${roles.length > 1 ? 'roles' : 'role'} ${roles.join(', ')}`]),
    ...(accounts.length === 0 ? [] : [`the ${accounts.length > 1 ? 'accounts' : 'account'} ${accounts.join(', ')}`]),
  ];
  return parts.length === 0 ? 'nobody' : parts.join(' and ');
}
