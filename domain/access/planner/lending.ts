import type { Change } from '../changes.ts';
import type { ObservedServer } from '../observed.ts';
import type { PlanStep, Refusal } from '../plan.ts';
import { renderPrivileges } from '../privileges/render.ts';
import { rolesNeeded } from '../privileges/roles-needed.ts';
import { membershipGraph } from '../roles/membership-graph.ts';
import { renderRoles } from '../roles/render-roles.ts';
import { grantorsNeeded } from './authority.ts';
import { missingInSchemas } from './schema-access.ts';
import { enclose, privilegesOf, type TemporaryMembership } from './temporary-memberships.ts';

/** The steps of one transaction, and what stands in their way. */
export interface Rendered {
  steps: PlanStep[];
  refusals: Refusal[];
}

/** Where in the document a change is asked for. */
type PathOf = (change: Change) => string;

/** A role whose privileges a transaction takes, with the place in the document that a refusal is about. */
interface Need {
  role: string;
  path: () => string;
}

/**
 * What belongs to the whole server after its roles are defined: memberships, and what changes databases themselves. Enclosed in
 * what lends the admin role the privileges that it takes.
 */
export function renderServer(input: {
  memberships: readonly Change[];
  objects: readonly Change[];
  /** With the roles as they are to be. */
  defined: ObservedServer;
  /** With the memberships as well. */
  members: ObservedServer;
  pathOf: PathOf;
}): Rendered {
  const { memberships, objects, defined, members, pathOf } = input;
  const grantors = [...grantorsNeeded(memberships, defined)].map(([role, change]): Need => {
    return { role, path: () => pathOf(change) };
  });
  const steps = [...renderRoles(memberships, defined), ...renderPrivileges(objects, members)];
  const forMemberships = acquire(grantors, [defined]);
  // Memberships that end in the same transaction may be those that the admin role has its privileges by.
  const forObjects = acquire(needsOf(objects, { database: null, state: members, pathOf }), [defined, members]);
  const lent = new Map([...forMemberships.lent, ...forObjects.lent].map((membership) => [membership.role, membership]));
  return {
    steps: enclose(steps, [...lent.values()], null),
    refusals: [...forMemberships.refusals, ...forObjects.refusals],
  };
}

/** What changes in one database, in the same way. */
export function renderDatabase(
  database: string,
  changes: readonly Change[],
  { state, pathOf }: { state: ObservedServer; pathOf: PathOf },
): Rendered {
  const needs = needsOf(changes, { database, state, pathOf });
  const { lent, refusals } = acquire(needs, [state]);
  const reachable = new Set(needs.map(({ role }) => role));
  const missing = missingInSchemas(changes, state, reachable).map(({ change, missing: what }) => {
    return { path: pathOf(change), ...what };
  });
  return { steps: enclose(renderPrivileges(changes, state), lent, database), refusals: [...refusals, ...missing] };
}

/** The memberships that give the privileges where one of the states lacks them. */
function acquire(
  needs: readonly Need[],
  states: readonly ObservedServer[],
): { lent: TemporaryMembership[]; refusals: Refusal[] } {
  const lent = new Map<string, TemporaryMembership>();
  const refusals: Refusal[] = [];
  for (const { role, path } of needs) {
    for (const state of states) {
      const way = privilegesOf(role, state, membershipGraph(state.memberships));
      if (way === undefined) continue;
      if ('message' in way) refusals.push({ path: path(), ...way });
      else lent.set(role, way);
      break;
    }
  }
  return { lent: [...lent.values()].toSorted((a, b) => (a.role < b.role ? -1 : 1)), refusals };
}

/** Roles whose privileges the changes of one transaction take. */
function needsOf(
  changes: readonly Change[],
  { database, state, pathOf }: { database: string | null; state: ObservedServer; pathOf: PathOf },
): Need[] {
  if (state.admin.superuser) return [];
  const rolesOf = (some: readonly Change[]) => rolesNeeded(some, state).get(database) ?? new Set<string>();
  return [...rolesOf(changes)].map((role) => ({
    role,
    path: () => {
      const first = changes.find((change) => rolesOf([change]).has(role)) ?? changes[0];
      return first === undefined ? '' : pathOf(first);
    },
  }));
}
