import type { ObservedServer } from './observed.ts';
import { groupsOf, membershipGraph } from './roles/membership-graph.ts';
import { isPredefined, SERVER_ACCESS_ROLES } from './roles/rules.ts';

/**
 * The role that a request is about, and what must be so of it at the moment of the change: judged on the same look at the server
 * that the change is planned on, under the lock of the role.
 */
export interface RoleCondition {
  role: string;
  /** `absent`: one that is there is left as it is. `present`: one that is not there is not made. */
  when: 'absent' | 'present';
  /** An administrator's word that the rules of who may be changed (R5) do not count; only with `present`. */
  override?: boolean;
  /** Environments of whose roles the caller may change one; left out: all. */
  environments?: string[];
  /** Only a role that this control plane made or disabled. */
  onlyKnown?: boolean;
}

/** What metadata knows of the role and its server. */
export interface RoleFacts {
  /** Owner on record, where that is not the role engine. */
  foreignOwner: string | undefined;
  /** Environment that it was made for; null: none, or it was not made here. */
  environment: string | null;
  /** Made or disabled here. */
  known: boolean;
  /** Environments that have databases on the server. */
  environmentsOfServer: readonly string[];
}

/** What a condition says of a server as it is. */
export type ConditionVerdict =
  | { state: 'holds' }
  /** There is nothing to do, which is success. */
  | { state: 'settled'; result: 'existed' | 'missing' }
  /** 403 with the message, which names the rule. */
  | { state: 'refused'; message: string };

/** Holds a condition against what is there. */
export function judgeCondition(
  condition: RoleCondition,
  observed: Pick<ObservedServer, 'admin' | 'roles' | 'memberships'>,
  facts: RoleFacts,
): ConditionVerdict {
  const { role, when } = condition;
  const exists = observed.roles.has(role);
  if (when === 'absent') return exists ? { state: 'settled', result: 'existed' } : { state: 'holds' };
  if (!exists) return { state: 'settled', result: 'missing' };
  const message = whyProtected(condition, observed, facts);
  return message === undefined ? { state: 'holds' } : { state: 'refused', message };
}

function whyProtected(
  { role, override = false, environments, onlyKnown = false }: RoleCondition,
  observed: Pick<ObservedServer, 'admin' | 'roles' | 'memberships'>,
  facts: RoleFacts,
): string | undefined {
  // Of these not even an administrator decides otherwise here.
  if (role === observed.admin.name) return `user "${role}" is the control plane's own role and is never changed`;
  if (isPredefined(role)) return `user "${role}" is a role of PostgreSQL itself and is never changed`;
  if (override) return undefined;
  const reason =
    whyMighty(role, observed) ??
    (facts.foreignOwner === undefined ? undefined : `it belongs to ${facts.foreignOwner}`) ??
    whyElsewhere(environments, facts) ??
    (onlyKnown && !facts.known ? 'it was neither made nor disabled by this API' : undefined);
  return reason && `user "${role}" may not be changed here: ${reason}; an administrator may say "override": true`;
}

/** Superusers, those who can make roles, and whoever can become one of them or reaches the server's host (R5). */
function whyMighty(
  role: string,
  { roles, memberships }: Pick<ObservedServer, 'roles' | 'memberships'>,
): string | undefined {
  for (const group of groupsOf(membershipGraph(memberships), role)) {
    const through = group === role ? '' : `, through membership in "${group}"`;
    const attributes = roles.get(group)?.attributes;
    if (attributes?.superuser) return `it is a superuser${through}`;
    if (attributes?.createrole) return `it has CREATEROLE${through}`;
    if (SERVER_ACCESS_ROLES.has(group)) return `it reaches the host of the server${through}`;
  }
  return undefined;
}

/** Roles belong to the whole server: where environments share one, each changes its own. */
export function whyElsewhere(
  allowed: readonly string[] | undefined,
  facts: Pick<RoleFacts, 'environment' | 'environmentsOfServer'>,
): string | undefined {
  if (allowed === undefined) return undefined;
  if (facts.environment !== null) {
    return allowed.includes(facts.environment) ? undefined : 'it was made for another environment';
  }
  return facts.environmentsOfServer.every((env) => allowed.includes(env))
    ? undefined
    : 'it is not on record for this environment, and others share the server';
}
