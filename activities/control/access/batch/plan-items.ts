import type { Change } from '../../../../domain/access/changes.ts';
import type { AccessDocument, DesiredRole, SubmittedPassword } from '../../../../domain/access/document.ts';
import { type FilledDocument, fillDocument } from '../../../../domain/access/document-fill.ts';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import type { PlanStep } from '../../../../domain/access/plan.ts';
import { Failure } from '../../../../domain/failures.ts';
import { renderTaskMarker } from '../../../../domain/marker.ts';
import { changedPasswords } from '../../../../platform/access/changed-passwords.ts';
import { iterationsOf } from '../../../../platform/target/catalog/passwords.ts';
import { passwordFingerprints } from '../../../../store/credentials.ts';
import type { ControlDeps } from '../../deps.ts';
import { planOrThrow } from '../plan-or-throw.ts';
import { notAsPlanned } from '../run-steps.ts';
import { type PasswordLiterals, passwordLiterals } from '../verifiers.ts';
import { flavorSteps, noteWhatIsAboutToChange, type PlannedClusterRole, planClusterRoleOf } from './cluster-roles.ts';
import { keepFormerVerifiers } from './former-verifiers.ts';
import type { Item } from './items.ts';
import type { Outcomes, Share } from './share-transaction.ts';
import { madeBefore } from './together.ts';

/** A request that can be carried out, and how. */
export interface Planned {
  item: Item;
  /** As it was carried out. */
  filled: FilledDocument;
  /** Roles that an earlier attempt of this request made: a crash kept its end from being recorded. */
  madeBefore: ReadonlySet<string>;
  steps: readonly PlanStep[];
  changes: readonly Change[];
  /** Role of a cluster that it is about. */
  clusterRole: PlannedClusterRole | undefined;
}

/** Plans requests on what was seen, each by itself; those that cannot be carried out, or not now, have their outcome already. */
export async function planItems(
  deps: ControlDeps,
  share: Share,
  input: { items: readonly Item[]; observed: ObservedServer },
): Promise<{ planned: Planned[]; outcomes: Outcomes }> {
  const { observed } = input;
  const passwords = new Map(input.items.flatMap(({ request }) => [...request.passwords]));
  const changed = await changedPasswords(share.client, {
    observed,
    passwords,
    sealer: deps.sealer,
    facts: share.facts,
    fingerprints: (roles) => passwordFingerprints(deps.db, { serverName: observed.name, roles }),
  });
  const planned: Planned[] = [];
  const outcomes: Outcomes = new Map();
  for (const item of input.items) {
    try {
      const { document: submitted, foreign } = item.request;
      const clusterRole = planClusterRoleOf(deps, item, observed);
      if (clusterRole?.state === 'unsettled') {
        outcomes.set(item.work.taskId, { state: 'waiting', held: false, reason: 'another request comes first' });
        continue;
      }
      const filled = fillDocument(clusterRole?.document ?? submitted, item.work.options.fill, observed, foreign);
      const document = withMarkers(deps, item, filled.document, observed);
      const { plan, changes } = planOrThrow({ ...item.request, document, observed, changedPasswords: changed });
      const steps = [...plan.steps, ...flavorSteps(item)];
      planned.push({ item, filled, steps, changes, clusterRole, madeBefore: madeBefore(item, observed) });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      outcomes.set(item.work.taskId, { state: 'failed', failure: error });
    }
  }
  const stale = await noteWhatIsAboutToChange(deps, share.serverName, planned);
  for (const taskId of stale) {
    outcomes.set(taskId, { state: 'failed', failure: new Failure('StaleTask', 'the server is no cluster any more') });
  }
  const holding = planned.filter(({ item }) => !stale.has(item.work.taskId));
  await keepFormerVerifiers(
    deps,
    share,
    holding.map(({ item, steps }) => ({ item, roles: steps.flatMap(verifiersIn) })),
  );
  return { planned: holding, outcomes };
}

/** A new role without a comment gets the one that tells which request made it: after a crash, the request knows its own. */
function withMarkers(deps: ControlDeps, item: Item, document: AccessDocument, observed: ObservedServer) {
  const comment = renderTaskMarker({ installationId: deps.installationId, taskId: item.work.taskId });
  const marked = (role: DesiredRole): DesiredRole =>
    role.comment === undefined && !observed.roles.has(role.name) ? { ...role, comment } : role;
  return { ...document, roles: document.roles.map(marked) };
}

/** @throws Failure VerificationFailed */
export function assertNothingLeft(
  { item, filled }: Planned,
  observed: ObservedServer,
  warnings: readonly string[],
): void {
  const { document } = filled;
  const { steps } = planOrThrow({ ...item.request, document, observed, changedPasswords: new Set() }).plan;
  if (steps.length > 0) throw notAsPlanned(steps, warnings);
}

/** Statements that may do less than they say without an error. A membership of a role that is new cannot be there already. */
export function needsSecondLook({ changes }: Planned): boolean {
  const created = createdIn(changes);
  return changes.some((change) => {
    if (change.type === 'grant_membership') return !created.has(change.member);
    return !CERTAIN.has(change.type);
  });
}

const CERTAIN: ReadonlySet<Change['type']> = new Set([
  'create_role',
  'alter_role',
  'comment_role',
  'set_setting',
  'reset_setting',
]);

/** Roles that changes make. */
export function createdIn(changes: readonly Change[]): Set<string> {
  return new Set(changes.flatMap((change) => (change.type === 'create_role' ? [change.role] : [])));
}

/** What is sent for the passwords that plans set. */
export async function literalsOf(share: Share, planned: readonly Planned[]): Promise<PasswordLiterals> {
  const roles = planned.flatMap(({ steps }) => steps.flatMap(verifiersIn));
  if (roles.length === 0) return new Map();
  const passwords = new Map<string, SubmittedPassword>(planned.flatMap(({ item }) => [...item.request.passwords]));
  const iterations = iterationsOf(share.facts);
  return passwordLiterals({ passwords, roles, iterations, plainText: share.plainText });
}

/** Roles whose password a step sets. */
export function verifiersIn({ statements }: PlanStep): string[] {
  return statements.flatMap(({ verifierOf }) => verifierOf ?? []);
}

/** Roles that a document is about. */
export const rolesOf = ({ document }: FilledDocument): string[] => document.roles.map(({ name }) => name);
