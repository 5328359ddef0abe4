import { listed, type Problem } from '../../spec/problems.ts';
import { type Change, databaseOf } from '../changes.ts';
import { groupBy } from '../groups.ts';
import type { ObservedServer } from '../observed.ts';
import { type Impact, maskedSql, type Plan, type PlanStep, type Refusal } from '../plan.ts';
import { diffObjects } from '../privileges/diff-objects.ts';
import { renderPrivileges } from '../privileges/render.ts';
import { rolesNeeded } from '../privileges/roles-needed.ts';
import { simulatePrivileges } from '../privileges/simulate.ts';
import type { AccessContext } from '../roles/context.ts';
import { diffMemberships } from '../roles/diff-memberships.ts';
import { diffRoles } from '../roles/diff-roles.ts';
import { diffSettings } from '../roles/diff-settings.ts';
import { membershipGraph } from '../roles/membership-graph.ts';
import { renderRoles } from '../roles/render-roles.ts';
import { simulateRoles } from '../roles/simulate-roles.ts';
import { adminRoleNeeded } from './admin-role.ts';
import { grantorsNeeded, missingAuthority } from './authority.ts';
import { missingInSchemas } from './schema-access.ts';
import { enclose, privilegesOf, type TemporaryMembership } from './temporary-memberships.ts';

/** What a plan is made of. */
export interface PlanInput extends AccessContext {
  /** SHA-256 of a text in UTF-8, in hex. */
  sha256: (text: string) => string;
  /** Compares access before and after, `computeImpact` of `domain/access/effective`; left out where nobody reads it. */
  impact?: (compared: { before: ObservedServer; after: ObservedServer; changes: readonly Change[] }) => Impact;
}

const NO_IMPACT: Impact = { objects: [], roles: [], gained: [], lost: [] };

/** A plan with the changes that it makes and the state that they lead to, or why the document cannot be planned. */
type PlanResult =
  | { ok: true; plan: Plan; changes: Change[]; readonly after: ObservedServer }
  | { ok: false; problems: Problem[] };

/**
 * Plans what brings a server to the state that a document asks for. Pure: the same document and the same state give the same
 * plan, with the same hash. A plan with refusals shows what was asked for, and is not applied.
 */
export function planAccess(input: PlanInput): PlanResult {
  const { document, observed } = input;
  const roles = diffRoles(input);
  const defined = simulateRoles(observed, roles.changes);
  const settings = diffSettings({ ...input, observed: defined });
  const memberships = diffMemberships({ ...input, observed: defined });
  const members = simulateRoles(defined, [...settings.changes, ...memberships.changes]);
  const objects = diffObjects({ document, observed: members });
  const found = [roles, settings, memberships, objects];
  const problems = found.flatMap((diff) => diff.problems);
  if (problems.length > 0) return { ok: false, problems };

  const changes = found.flatMap((diff) => diff.changes);
  let simulated: ObservedServer | undefined;
  const after = () => {
    simulated ??= simulatePrivileges(members, objects.changes);
    return simulated;
  };
  const paths = new Map([...roles.paths, ...settings.paths, ...memberships.paths]);
  const databasePaths = new Map(document.databases.map(({ name, at }) => [name, at]));
  const pathOf = (change: Change) =>
    paths.get(change) ?? databasePaths.get('database' in change ? (change.database ?? '') : '') ?? '';
  const lending = createLending(defined, members, pathOf);
  const byDatabase = groupBy(objects.changes, databaseOf);
  const ofServer = byDatabase.get(null) ?? [];
  const entered = simulatePrivileges(members, ofServer);
  const databases = [...byDatabase.keys()].filter((database) => database !== null).toSorted();
  const steps = [
    ...renderRoles([...roles.changes, ...settings.changes], defined),
    ...lending.serverSteps(memberships.changes, ofServer),
    ...databases.flatMap((name) => lending.databaseSteps(name, byDatabase.get(name) ?? [], entered)),
  ];
  const refusals = [
    ...[roles, settings, memberships].flatMap((diff) => diff.refusals),
    ...missingAuthority(changes, { before: observed, defined }, pathOf),
    ...(input.withoutAdminRole === true ? adminRoleNeeded({ changes, context: input, members, pathOf }) : []),
    ...lending.refusals(),
  ];
  const plan: Plan = {
    server: observed.name,
    versionNum: observed.versionNum,
    hash: input.sha256(hashedText(observed.name, steps)),
    steps,
    refusals,
    notes: [...new Set([...found.flatMap((diff) => diff.notes), ...unreadNotes(observed, memberships.changes)])],
    impact: (changes.length > 0 && input.impact?.({ before: observed, after: after(), changes })) || NO_IMPACT,
  };
  return {
    ok: true,
    plan,
    changes,
    // Whoever only carries the plan out does not ask.
    get after() {
      return after();
    },
  };
}

/** What the hash of a plan covers. Which password is set is no part of it. */
function hashedText(server: string, steps: readonly PlanStep[]): string {
  return JSON.stringify([server, steps.map(({ database, statements }) => [database, statements.map(maskedSql)])]);
}

/** A role whose privileges a transaction takes, with the place in the document that a refusal is about. */
interface Need {
  role: string;
  path: () => string;
}

/**
 * Renders what takes the privileges of other roles, each transaction with the memberships that the admin role lends itself for
 * it. The roles are there by then: what defines them comes first.
 */
function createLending(defined: ObservedServer, members: ObservedServer, pathOf: (change: Change) => string) {
  const refusals = new Map<string, Refusal>();

  function refuse(refusal: Refusal): void {
    refusals.set(JSON.stringify(refusal), refusal);
  }

  /** The memberships that give the privileges where one of the states lacks them. */
  function acquire(needs: readonly Need[], states: readonly ObservedServer[]): TemporaryMembership[] {
    const memberships = new Map<string, TemporaryMembership>();
    const graphs = states.map((state) => membershipGraph(state.memberships));
    for (const { role, path } of needs) {
      for (const [index, state] of states.entries()) {
        const way = privilegesOf(role, state, graphs[index] ?? new Map());
        if (way === undefined) continue;
        if ('message' in way) refuse({ path: path(), ...way });
        else memberships.set(role, way);
        break;
      }
    }
    return [...memberships.values()].toSorted((a, b) => (a.role < b.role ? -1 : 1));
  }

  /** Roles whose privileges the changes of one transaction take. */
  function needsOf(changes: readonly Change[], database: string | null, state: ObservedServer): Need[] {
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

  return {
    refusals: () => [...refusals.values()],

    serverSteps(memberships: readonly Change[], objects: readonly Change[]): PlanStep[] {
      const grantors = [...grantorsNeeded(memberships, defined)].map(([role, change]): Need => {
        return { role, path: () => pathOf(change) };
      });
      const steps = [...renderRoles(memberships, defined), ...renderPrivileges(objects, members)];
      const forMemberships = acquire(grantors, [defined]);
      // Memberships that end in the same transaction may be those that the admin role has its privileges by.
      const forObjects = acquire(needsOf(objects, null, members), [defined, members]);
      const all = new Map([...forMemberships, ...forObjects].map((membership) => [membership.role, membership]));
      return enclose(steps, [...all.values()], null);
    },

    databaseSteps(database: string, changes: readonly Change[], state: ObservedServer): PlanStep[] {
      const needs = needsOf(changes, database, state);
      const memberships = acquire(needs, [state]);
      const reachable = new Set(needs.map(({ role }) => role));
      for (const { change, missing } of missingInSchemas(changes, state, reachable)) {
        refuse({ path: pathOf(change), ...missing });
      }
      return enclose(renderPrivileges(changes, state), memberships, database);
    },
  };
}

/** Memberships act in every database, and access was compared in those that were read. */
function unreadNotes(observed: ObservedServer, memberships: readonly Change[]): string[] {
  if (memberships.length === 0) return [];
  const unread = [...observed.databases.values()]
    .filter(({ allowConnections, isTemplate, contents }) => allowConnections && !isTemplate && contents === undefined)
    .map(({ name }) => name)
    .toSorted();
  if (unread.length === 0) return [];
  return [`memberships change, and what they give in databases that were not read is not shown: ${listed(unread)}`];
}
