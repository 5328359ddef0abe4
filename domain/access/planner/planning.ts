import { listed, type Problem } from '../../spec/problems.ts';
import { type Change, databaseOf } from '../changes.ts';
import type { DesiredDatabase } from '../document.ts';
import { groupBy } from '../groups.ts';
import type { ObservedDatabase, ObservedServer } from '../observed.ts';
import { type Impact, maskedSql, type Plan, type PlanStep, type Refusal } from '../plan.ts';
import { diffParts, type ObjectParts, PARTS } from '../privileges/diff-objects.ts';
import { simulatePrivileges } from '../privileges/simulate.ts';
import type { AccessContext } from '../roles/context.ts';
import { diffMemberships } from '../roles/diff-memberships.ts';
import { diffRoles } from '../roles/diff-roles.ts';
import { diffSettings } from '../roles/diff-settings.ts';
import { renderRoles } from '../roles/render-roles.ts';
import { simulateRoles } from '../roles/simulate-roles.ts';
import { adminRoleNeeded } from './admin-role.ts';
import { missingAuthority } from './authority.ts';
import { type Rendered, renderDatabase, renderServer } from './lending.ts';

/** What a plan is made of; the databases' contents may come later. */
export interface PlanInput extends AccessContext {
  /** SHA-256 of a text in UTF-8, in hex. */
  sha256: (text: string) => string;
  /** Compares access before and after, `computeImpact` of `domain/access/effective`; left out where nobody reads it. */
  impact?: (compared: { before: ObservedServer; after: ObservedServer; changes: readonly Change[] }) => Impact;
}

const NO_IMPACT: Impact = { objects: [], roles: [], gained: [], lost: [] };

/** A plan with the changes that it makes and the state that they lead to, or why the document cannot be planned. */
export type PlanResult =
  | { ok: true; plan: Plan; changes: Change[]; readonly after: ObservedServer }
  | { ok: false; problems: Problem[] };

/** A plan in the making: what is to be done in a database can be worked out while others are still being read. */
export interface Planning {
  /** A database of the document, with its contents. */
  add(database: ObservedDatabase): void;
  /**
   * The plan, the same whatever was added before.
   * @param observed the server that the planning began with, with the contents of all databases
   */
  finish(observed: ObservedServer): PlanResult;
}

/** What is to be done in one database. */
interface DatabasePart {
  parts: ObjectParts;
  /** Undefined where there are problems anyway. */
  rendered: Rendered | undefined;
}

/** Compares roles, settings and memberships, on which everything in databases rests. */
export function beginPlan(input: PlanInput): Planning {
  const { document, observed: server } = input;
  const roles = diffRoles(input);
  const defined = simulateRoles(server, roles.changes);
  const settings = diffSettings({ ...input, observed: defined });
  const memberships = diffMemberships({ ...input, observed: defined });
  const members = simulateRoles(defined, [...settings.changes, ...memberships.changes]);
  const ofServer = [roles, settings, memberships];
  const paths = new Map(ofServer.flatMap((diff) => [...diff.paths]));
  const databasePaths = new Map(document.databases.map(({ name, at }) => [name, at]));
  const pathOf = (change: Change) =>
    paths.get(change) ?? databasePaths.get('database' in change ? (change.database ?? '') : '') ?? '';
  const isSound = ofServer.every(({ problems }) => problems.length === 0);
  const done = new Map<DesiredDatabase, { database: ObservedDatabase | undefined; part: DatabasePart }>();

  function partOf(desired: DesiredDatabase, database: ObservedDatabase | undefined): DatabasePart {
    const known = done.get(desired);
    if (known !== undefined && known.database === database) return known.part;
    const state = { ...members, databases: new Map(database && [[database.name, database]]) };
    const parts = diffParts({ document: { ...document, databases: [desired] }, observed: state });
    const found = PARTS.map((name) => parts[name]);
    const changes = found.flatMap((part) => part.changes);
    const rendered =
      isSound && found.every(({ problems }) => problems.length === 0) ? render(state, changes) : undefined;
    const part = { parts, rendered };
    done.set(desired, { database, part });
    return part;
  }

  function render(state: ObservedServer, changes: readonly Change[]): Rendered {
    const byDatabase = groupBy(changes, databaseOf);
    const entered = simulatePrivileges(state, byDatabase.get(null) ?? []);
    const rendered = [...byDatabase].flatMap(([name, inside]) =>
      name === null ? [] : renderDatabase(name, inside, { state: entered, pathOf }),
    );
    return { steps: rendered.flatMap(({ steps }) => steps), refusals: rendered.flatMap(({ refusals }) => refusals) };
  }

  return {
    add(database) {
      const desired = document.databases.find(({ name }) => name === database.name);
      if (desired !== undefined) partOf(desired, database);
    },

    finish(observed) {
      const byName = document.databases.map((desired) => partOf(desired, observed.databases.get(desired.name)));
      const objects = PARTS.flatMap((name) => byName.map(({ parts }) => parts[name]));
      const found = [...ofServer, ...objects];
      const problems = found.flatMap((diff) => diff.problems);
      if (problems.length > 0) return { ok: false, problems };

      const objectChanges = objects.flatMap((part) => part.changes);
      const changes = [...ofServer.flatMap((diff) => diff.changes), ...objectChanges];
      const entered = { ...members, databases: observed.databases };
      let simulated: ObservedServer | undefined;
      const after = () => {
        simulated ??= simulatePrivileges(entered, objectChanges);
        return simulated;
      };
      const itself = objectChanges.filter((change) => databaseOf(change) === null);
      const rendered = [
        renderServer({ memberships: memberships.changes, objects: itself, defined, members: entered, pathOf }),
        ...inOrder(document.databases, byName),
      ];
      const steps = [
        ...renderRoles([...roles.changes, ...settings.changes], defined),
        ...rendered.flatMap((part) => part.steps),
      ];
      let hash: string | undefined;
      const plan: Plan = {
        server: observed.name,
        versionNum: observed.versionNum,
        // Of a plan that nobody has seen before it is carried out nobody asks for it.
        get hash() {
          hash ??= input.sha256(hashedText(observed.name, steps));
          return hash;
        },
        steps,
        refusals: [
          ...ofServer.flatMap((diff) => diff.refusals),
          ...missingAuthority(changes, { before: observed, defined }, pathOf),
          ...(input.withoutAdminRole === true
            ? adminRoleNeeded({ changes, context: input, members: entered, pathOf })
            : []),
          ...distinct(rendered.flatMap((part) => part.refusals)),
        ],
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
    },
  };
}

/** By the names of the databases. */
function inOrder(databases: readonly DesiredDatabase[], parts: readonly DatabasePart[]): Rendered[] {
  return databases
    .map(({ name }, index) => ({ name, rendered: parts[index]?.rendered }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ rendered }) => rendered ?? []);
}

function distinct(refusals: readonly Refusal[]): Refusal[] {
  return [...new Map(refusals.map((refusal) => [JSON.stringify(refusal), refusal])).values()];
}

/** What the hash of a plan covers. Which password is set is no part of it. */
function hashedText(server: string, steps: readonly PlanStep[]): string {
  return JSON.stringify([server, steps.map(({ database, statements }) => [database, statements.map(maskedSql)])]);
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
