import type pg from 'pg';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import { isConnectionError, toFailure } from '../../../../platform/target/errors.ts';
import type { ControlDeps } from '../../deps.ts';
import { assertPasswordsStored } from '../assert-passwords.ts';
import type { ChangedRole } from '../note-roles.ts';
import { runAtOnce, runSteps } from '../run-steps.ts';
import type { PasswordLiterals } from '../verifiers.ts';
import { type Item, type ItemOutcome, outcomeOfFailure } from './items.ts';
import { look } from './look.ts';
import { membershipsLast } from './memberships-last.ts';
import {
  assertNothingLeft,
  createdIn,
  literalsOf,
  needsSecondLook,
  type Planned,
  planItems,
  rolesOf,
  verifiersIn,
} from './plan-items.ts';
import { roleOids } from './role-oids.ts';
import { inTransaction, type Outcomes, type Share } from './share-transaction.ts';
import { divide, outcomeOfFollower } from './together.ts';

/**
 * Carries out requests in one transaction: one look, one message with all statements, one commit. Where that fails, the same
 * with a savepoint for each request, so that one that cannot succeed harms no other.
 */
export async function changeTogether(deps: ControlDeps, share: Share, items: readonly Item[]): Promise<Outcomes> {
  try {
    return await inTransaction<ObservedServer>(
      share,
      items,
      (free, seen) => allAtOnce(deps, share, { items: free, seen }),
      (all) => look(share, all),
    );
  } catch (error) {
    if (isConnectionError(error)) throw toFailure(error, `changing roles on server ${share.serverName}`);
  }
  return inTransaction(share, items, (free) => oneByOne(deps, share, free));
}

async function allAtOnce(
  deps: ControlDeps,
  share: Share,
  { items, seen }: { items: readonly Item[]; seen: ObservedServer | undefined },
): Promise<Outcomes> {
  const observed = seen ?? (await look(share, items));
  const { acting, settled, following } = divide(items, observed);
  const { planned, outcomes } = await planItems(deps, share, { items: acting, observed });
  const literals = await literalsOf(share, planned);
  const { steps, memberships } = membershipsLast(planned, observed);
  // Sent together: what comes after a statement that fails is refused, and what the server said first counts.
  const [ofSteps, , oids, ofMemberships] = await Promise.all([
    runAtOnce(share.client, steps, literals),
    assertPasswordsStored(share.client, steps, literals, share.facts),
    oidsOf(share.client, planned, literals),
    runAtOnce(share.client, memberships, literals),
  ]);
  const warnings = [...ofSteps, ...ofMemberships];
  if (warnings.length > 0 || planned.some(needsSecondLook)) {
    const after = await look(share, items);
    for (const plan of planned) assertNothingLeft(plan, after, warnings);
  }
  for (const plan of planned) outcomes.set(plan.item.work.taskId, doneOf(share, plan, oids));
  for (const { item, leader } of following) {
    outcomes.set(item.work.taskId, outcomeOfFollower(item, leader, outcomes.get(leader.work.taskId)));
  }
  return new Map([...settled, ...outcomes]);
}

async function oneByOne(deps: ControlDeps, share: Share, items: readonly Item[]): Promise<Outcomes> {
  const outcomes: Outcomes = new Map();
  const leaders = new Map<string, Item>();
  for (const item of items) {
    const shared = item.work.options.shared === true ? item.together : undefined;
    const leader = shared === undefined ? undefined : leaders.get(shared);
    const outcome =
      leader === undefined
        ? await alone(deps, share, item)
        : outcomeOfFollower(item, leader, outcomes.get(leader.work.taskId));
    outcomes.set(item.work.taskId, outcome);
    if (shared !== undefined && leader === undefined) leaders.set(shared, item);
  }
  return outcomes;
}

async function alone(deps: ControlDeps, share: Share, item: Item): Promise<ItemOutcome> {
  const { client } = share;
  await client.query('SAVEPOINT item');
  try {
    const observed = await look(share, [item]);
    const { acting, settled } = divide([item], observed);
    const { planned, outcomes } = await planItems(deps, share, { items: acting, observed });
    const [plan] = planned;
    if (plan === undefined) {
      const outcome = settled.get(item.work.taskId) ?? outcomes.get(item.work.taskId);
      if (outcome === undefined) throw new Error('an item was neither planned nor refused');
      return outcome;
    }
    const literals = await literalsOf(share, planned);
    const warnings = await runSteps(client, plan.steps, literals);
    if (plan.steps.length > 0) assertNothingLeft(plan, await look(share, [item]), warnings);
    await assertPasswordsStored(client, plan.steps, literals, share.facts);
    const oids = await oidsOf(client, planned, literals);
    await client.query('RELEASE SAVEPOINT item');
    return doneOf(share, plan, oids);
  } catch (error) {
    if (isConnectionError(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT item');
    return outcomeOfFailure(toFailure(error, `changing roles on server ${share.serverName}`));
  }
}

/** OIDs of the roles that requests are about. */
function oidsOf(
  client: pg.ClientBase,
  planned: readonly Planned[],
  literals: PasswordLiterals,
): Promise<ReadonlyMap<string, number>> {
  return roleOids(client, new Set([...literals.keys(), ...planned.flatMap(({ filled }) => rolesOf(filled))]));
}

function doneOf(share: Share, plan: Planned, oids: ReadonlyMap<string, number>): ItemOutcome {
  const { groups, uncovered } = plan.filled;
  const { clusterRole } = plan;
  const created = createdIn(plan.changes);
  const own = new Set(plan.steps.flatMap(verifiersIn));
  // A run of a rotation comes again until its password is proven: an earlier round has set it then.
  const rotated = plan.item.work.options.rotation !== undefined;
  const roles = rolesOf(plan.filled).map(
    (name): ChangedRole => ({
      name,
      oid: oids.get(name) ?? 0,
      created: created.has(name) || plan.madeBefore.has(name),
      passwordSet:
        own.has(name) || rotated || plan.madeBefore.has(name) || clusterRole?.setsPassword === true
          ? plan.item.request.passwords.get(name)
          : undefined,
    }),
  );
  const { plainText, facts } = share;
  const steps = plan.steps.map(({ summary }) => summary);
  const more = {
    ...(groups.length > 0 && { groups }),
    ...(uncovered.length > 0 && { uncovered }),
    ...(clusterRole && { cluster_role: { flavor: clusterRole.flavor, password_set: clusterRole.setsPassword } }),
  };
  const passwordsCompared = facts.readsPasswords && !plainText;
  return { state: 'done', roles, steps, plainText, passwordsCompared, more, ...(clusterRole && { clusterRole }) };
}
