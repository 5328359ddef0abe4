import type { Change, GrantMembership, RevokeMembership } from '../changes.ts';
import { groupBy } from '../groups.ts';
import type { ObservedServer } from '../observed.ts';
import type { PlannedStatement, PlanStep } from '../plan.ts';
import { hasMembershipOptions } from './context.ts';
import {
  commentRoleSql,
  defineRoleSql,
  grantMembershipsSql,
  resetSettingSql,
  revokeMembershipsSql,
  setSettingSql,
} from './role-sql.ts';

type ChangeOf<T extends Change['type']> = Extract<Change, { type: T }>;

/** Longest list of members in one statement: a few kilobytes of SQL. */
const MAX_NAMES = 200;

/**
 * Steps that carry out the changes to roles, memberships and settings, one for each run of changes of the same kind; other
 * changes are passed over. Each step belongs to the whole server.
 */
export function renderRoles(changes: readonly Change[], observed: ObservedServer): PlanStep[] {
  const steps: PlanStep[] = [];
  let run: Change[] = [];
  let kind: StepKind | undefined;
  const finish = () => {
    if (kind !== undefined) steps.push(stepOf(kind, run, observed));
    run = [];
  };
  for (const change of changes) {
    const next = KIND_OF[change.type];
    if (next === undefined) continue;
    if (next !== kind) finish();
    kind = next;
    run.push(change);
  }
  finish();
  return steps;
}

type StepKind = keyof typeof STEPS;

const KIND_OF: Partial<Record<Change['type'], StepKind>> = {
  create_role: 'create roles',
  alter_role: 'alter roles',
  comment_role: 'comment roles',
  set_setting: 'change settings',
  reset_setting: 'change settings',
  grant_membership: 'grant memberships',
  revoke_membership: 'revoke memberships',
};

/** How many of the things a summary names one by one. */
const MAX_NAMED = 3;

interface StepInfo {
  summary: (run: readonly Change[]) => string;
  statements: (run: readonly Change[], observed: ObservedServer) => PlannedStatement[];
}

/** Each is given runs of its own changes only; see {@link KIND_OF}. */
const STEPS = {
  'create roles': {
    summary: (run) => counted('create', 'role', 'roles', roleNames(run)),
    statements: (run, observed) => [
      ...withoutSelfGrant(observed),
      ...(run as ChangeOf<'create_role'>[]).map(defineRoleSql),
    ],
  },
  'alter roles': {
    summary: (run) => counted('alter', 'role', 'roles', roleNames(run)),
    statements: (run) => (run as ChangeOf<'alter_role'>[]).map(defineRoleSql),
  },
  'comment roles': {
    summary: (run) => counted('comment', 'role', 'roles', roleNames(run)),
    statements: (run) => (run as ChangeOf<'comment_role'>[]).map((change) => ({ sql: commentRoleSql(change) })),
  },
  'change settings': {
    summary: (run) => `${counted('change', 'setting', 'settings', run.map(settingLabel))}${ofRoles(run)}`,
    statements: (run, observed) =>
      (run as ChangeOf<'set_setting' | 'reset_setting'>[]).map((change) => ({
        sql: change.type === 'set_setting' ? setSettingSql(change, observed) : resetSettingSql(change),
      })),
  },
  'grant memberships': {
    summary: (run) => counted('grant', 'membership', 'memberships', (run as GrantMembership[]).map(pairLabel)),
    statements: (run, observed) => grantStatements(run as GrantMembership[], observed),
  },
  'revoke memberships': {
    summary: (run) => counted('revoke', 'membership', 'memberships', (run as RevokeMembership[]).map(pairLabel)),
    statements: (run, observed) => revokeStatements(run as RevokeMembership[], observed.versionNum),
  },
} as const satisfies Record<string, StepInfo>;

function stepOf(action: StepKind, run: readonly Change[], observed: ObservedServer): PlanStep {
  const info: StepInfo = STEPS[action];
  return {
    database: null,
    action,
    summary: info.summary(run),
    statements: info.statements(run, observed),
    changes: run.length,
  };
}

/**
 * `createrole_self_grant` may be set for the admin role or for the server; it would add a membership to each new role that
 * nobody asked for, and that the plan does not show.
 */
function withoutSelfGrant({ admin, versionNum }: ObservedServer): PlannedStatement[] {
  return admin.superuser || !hasMembershipOptions(versionNum) ? [] : [{ sql: "SET LOCAL createrole_self_grant TO ''" }];
}

function grantStatements(run: readonly GrantMembership[], observed: ObservedServer): PlannedStatement[] {
  const perGrantor = hasMembershipOptions(observed.versionNum);
  const sameOptions = groupBy(run, ({ grantor, admin, inherit, set }) =>
    // Names may hold any character: the flags come first.
    perGrantor ? `${admin} ${inherit} ${set} ${grantor}` : `${admin}`,
  );
  return [...sameOptions.values()].flatMap((grants) => {
    const [first] = grants;
    if (first === undefined) return [];
    return products(grants).map(([roles, members]) => ({
      sql: grantMembershipsSql(roles, members, first, observed),
    }));
  });
}

function revokeStatements(run: readonly RevokeMembership[], versionNum: number): PlannedStatement[] {
  const perGrantor = hasMembershipOptions(versionNum);
  const single = run.flatMap(({ options, ...change }) => {
    const each: ('all' | 'admin' | 'inherit' | 'set')[] = options === 'all' ? ['all'] : options;
    return each.map((option) => ({ ...change, option }));
  });
  const alike = groupBy(single, ({ option, cascade, grantor }) =>
    perGrantor ? `${option} ${cascade} ${grantor}` : option,
  );
  return [...alike.values()].flatMap((revokes) => {
    const [first] = revokes;
    if (first === undefined) return [];
    return products(revokes).map(([roles, members]) => ({
      sql: revokeMembershipsSql(roles, members, first, versionNum),
    }));
  });
}

/**
 * The pairs as products of roles and members, each pair in exactly one: members with the same roles together, or roles with
 * the same members, whichever is fewer.
 */
function products(pairs: readonly { role: string; member: string }[]): [roles: string[], members: string[]][] {
  const byMembers = merged(pairs.map(({ role, member }) => [role, member]));
  const byRoles = merged(pairs.map(({ role, member }) => [member, role]));
  return byMembers.length <= byRoles.length ? byMembers : byRoles.map(([members, roles]) => [roles, members]);
}

/** Left sides with the same set of right sides, in lists of bounded length. */
function merged(pairs: readonly [left: string, right: string][]): [left: string[], right: string[]][] {
  const rightOf = [...groupBy(pairs, ([left]) => left)].map(([left, of]): [string, string[]] => {
    return [left, [...new Set(of.map(([, right]) => right))].toSorted()];
  });
  const sameRight = groupBy(rightOf, ([, right]) => right.join('\0'));
  return [...sameRight.values()].flatMap((group) => {
    const right = group[0]?.[1] ?? [];
    const left = group.map(([name]) => name);
    return chunks(left).flatMap((someLeft) =>
      chunks(right).map((someRight): [string[], string[]] => [someLeft, someRight]),
    );
  });
}

function chunks(names: readonly string[]): string[][] {
  const result: string[][] = [];
  for (let start = 0; start < names.length; start += MAX_NAMES) result.push(names.slice(start, start + MAX_NAMES));
  return result;
}

function roleNames(run: readonly Change[]): string[] {
  return (run as ChangeOf<'create_role' | 'alter_role' | 'comment_role'>[]).map(({ role }) => role);
}

function settingLabel(change: Change): string {
  return (change as ChangeOf<'set_setting' | 'reset_setting'>).name;
}

/** `grant billing_read to reporting` */
function pairLabel({ role, member, type }: GrantMembership | RevokeMembership): string {
  return `${role} ${type === 'grant_membership' ? 'to' : 'from'} ${member}`;
}

function ofRoles(run: readonly Change[]): string {
  const roles = new Set((run as ChangeOf<'set_setting' | 'reset_setting'>[]).map(({ role }) => role));
  const [only] = roles;
  return roles.size === 1 ? ` of role ${only}` : ` of ${roles.size} roles`;
}

/** `create role app`, `create 3 roles: a, b, c`, `create 200 roles` */
function counted(verb: string, one: string, many: string, labels: readonly string[]): string {
  if (labels.length === 1) return `${verb} ${one} ${labels[0]}`;
  const listed = labels.length <= MAX_NAMED ? `: ${labels.join(', ')}` : '';
  return `${verb} ${labels.length} ${many}${listed}`;
}
