import type pg from 'pg';
import type { Change } from '../../../../domain/access/changes.ts';
import type { AccessDocument, DesiredRole, SubmittedPassword } from '../../../../domain/access/document.ts';
import { type FilledDocument, fillDocument } from '../../../../domain/access/document-fill.ts';
import type { ObservedServer } from '../../../../domain/access/observed.ts';
import type { PlanStep } from '../../../../domain/access/plan.ts';
import { type DatabaseScope, documentScope, roleScope } from '../../../../domain/access/scope.ts';
import { Failure } from '../../../../domain/failures.ts';
import { renderTaskMarker } from '../../../../domain/marker.ts';
import { TRY_LOCKS_SQL } from '../../../../domain/sql/locks.ts';
import { changedPasswords } from '../../../../platform/access/changed-passwords.ts';
import { observeCluster, observeDatabase, withDatabases } from '../../../../platform/access/observe.ts';
import type { SessionFacts } from '../../../../platform/target/catalog/cluster.ts';
import { iterationsOf } from '../../../../platform/target/catalog/passwords.ts';
import { failureTypeOf, toFailure } from '../../../../platform/target/errors.ts';
import { passwordFingerprints } from '../../../../store/credentials.ts';
import type { ControlDeps } from '../../deps.ts';
import { assertPasswordsStored } from '../assert-passwords.ts';
import type { ChangedRole } from '../note-roles.ts';
import { planOrThrow } from '../plan-or-throw.ts';
import { beginSql, notAsPlanned, runAtOnce, runSteps } from '../run-steps.ts';
import { type PasswordLiterals, passwordLiterals } from '../verifiers.ts';
import { flavorSteps, noteWhatIsAboutToChange, type PlannedClusterRole, planClusterRoleOf } from './cluster-roles.ts';
import { keepFormerVerifiers } from './former-verifiers.ts';
import type { Item, ItemOutcome } from './items.ts';
import { membershipsLast } from './memberships-last.ts';
import { divide, madeBefore, outcomeOfFollower } from './together.ts';

/** Connections and settings of one share of a batch. */
export interface Share {
  serverName: string;
  /** Where the statements run: in the items' database. */
  client: pg.ClientBase;
  /** Where the locks are: in the maintenance database; may be the same connection. */
  lockClient: pg.ClientBase;
  facts: SessionFacts;
  /** Longest wait for a lock that somebody else holds, in milliseconds. */
  lockTimeoutMs: number;
  plainText: boolean;
}

type Outcomes = Map<string, ItemOutcome>;

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

/**
 * One transaction under the locks of the requests; those whose locks are not free wait for the next round.
 * @param look asks the server for something as soon as the locks are there, for all requests: where they are on the same connection
 * that is one round trip
 */
export async function inTransaction<Seen = undefined>(
  share: Share,
  items: readonly Item[],
  work: (free: readonly Item[], seen: Seen | undefined) => Promise<Outcomes>,
  look?: (items: readonly Item[]) => Promise<Seen>,
): Promise<Outcomes> {
  const { client, lockClient } = share;
  const clients = [...new Set([client, lockClient])];
  const settings = `; SET LOCAL lock_timeout = ${share.lockTimeoutMs}`;
  try {
    // Sent together: the server answers them in their order.
    const begun = clients.map((each) => each.query(beginSql(share.facts.admin) + settings));
    const [{ free, outcomes }, seen] = await Promise.all([
      takeLocks(lockClient, items),
      client === lockClient ? look?.(items) : undefined,
      ...begun,
    ]);
    const done = free.length === 0 ? new Map() : await work(free, seen);
    // The locks go after the changes are there for others to see.
    await client.query('COMMIT');
    if (lockClient !== client) await lockClient.query('COMMIT');
    return new Map([...outcomes, ...done]);
  } catch (error) {
    await Promise.all(clients.map((each) => each.query('ROLLBACK').catch(() => undefined)));
    throw error;
  }
}

/** Requests whose locks are not free wait for the next round: nobody waits for them. */
async function takeLocks(client: pg.ClientBase, items: readonly Item[]): Promise<{ free: Item[]; outcomes: Outcomes }> {
  const shared = new Map<string, boolean>();
  for (const { locks } of items) {
    for (const key of locks.shared) if (!shared.has(key)) shared.set(key, true);
    for (const key of locks.exclusive) shared.set(key, false);
  }
  const { rows } = await client.query<{ key: string }>(TRY_LOCKS_SQL, [[...shared.keys()], [...shared.values()]]);
  const held = new Set(rows.map(({ key }) => key));
  const outcomes: Outcomes = new Map();
  const free = items.filter(({ work, locks }) => {
    const key = [...locks.exclusive, ...locks.shared].find((candidate) => held.has(candidate));
    if (key === undefined) return true;
    outcomes.set(work.taskId, { state: 'waiting', held: false, reason: `another operation holds the lock ${key}` });
    return false;
  });
  return { free, outcomes };
}

interface Planned {
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
    roleOids(share.client, planned, literals),
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
    const oids = await roleOids(client, planned, literals);
    await client.query('RELEASE SAVEPOINT item');
    return doneOf(share, plan, oids);
  } catch (error) {
    if (isConnectionError(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT item');
    const failure = toFailure(error, `changing roles on server ${share.serverName}`);
    return failure.retryable
      ? { state: 'waiting', held: failure.details.sqlstate === LOCK_NOT_AVAILABLE, reason: failure.message }
      : { state: 'failed', failure };
  }
}

const LOCK_NOT_AVAILABLE = '55P03';

/** Reads what the requests mention. A superuser needs to know nothing about other roles. */
async function look(share: Share, items: readonly Item[]): Promise<ObservedServer> {
  const { client, serverName, facts } = share;
  const mentioned = roleScope(items.map(({ request }) => request.document));
  const cluster = await observeCluster(client, { serverName, facts, ...(facts.admin.superuser ? mentioned : {}) });
  const scope = mergedScope(items);
  if (scope === undefined || !cluster.databases.has(scope.name)) return cluster;
  return withDatabases(cluster, [await observeDatabase(client, { cluster, scope })]);
}

function mergedScope(items: readonly Item[]): DatabaseScope | undefined {
  const scopes = items.flatMap(({ request }) => documentScope(request.document));
  const [first] = scopes;
  if (first === undefined) return undefined;
  const everything = scopes.some(({ schemas }) => schemas === undefined);
  return {
    name: first.name,
    schemas: everything ? undefined : [...new Set(scopes.flatMap(({ schemas }) => schemas ?? []))],
    systemSchemas: scopes.flatMap(({ systemSchemas }) => systemSchemas),
    columnNames: scopes.some(({ columnNames }) => columnNames),
  };
}

async function planItems(
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

function assertNothingLeft({ item, filled }: Planned, observed: ObservedServer, warnings: readonly string[]): void {
  const { document } = filled;
  const { steps } = planOrThrow({ ...item.request, document, observed, changedPasswords: new Set() }).plan;
  if (steps.length > 0) throw notAsPlanned(steps, warnings);
}

/** Statements that may do less than they say without an error. A membership of a role that is new cannot be there already. */
function needsSecondLook({ changes }: Planned): boolean {
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

function createdIn(changes: readonly Change[]): Set<string> {
  return new Set(changes.flatMap((change) => (change.type === 'create_role' ? [change.role] : [])));
}

async function literalsOf(share: Share, planned: readonly Planned[]): Promise<PasswordLiterals> {
  const roles = planned.flatMap(({ steps }) => steps.flatMap(verifiersIn));
  if (roles.length === 0) return new Map();
  const passwords = new Map<string, SubmittedPassword>(planned.flatMap(({ item }) => [...item.request.passwords]));
  const iterations = iterationsOf(share.facts);
  return passwordLiterals({ passwords, roles, iterations, plainText: share.plainText });
}

function verifiersIn({ statements }: PlanStep): string[] {
  return statements.flatMap(({ verifierOf }) => verifierOf ?? []);
}

/** OIDs of the roles that requests are about. */
async function roleOids(
  client: pg.ClientBase,
  planned: readonly Planned[],
  literals: PasswordLiterals,
): Promise<ReadonlyMap<string, number>> {
  const names = new Set([...literals.keys(), ...planned.flatMap(({ filled }) => rolesOf(filled))]);
  if (names.size === 0) return new Map();
  const { rows } = await client.query<{ name: string; oid: string }>(
    'SELECT rolname AS name, oid::text FROM pg_roles WHERE rolname = ANY ($1)',
    [[...names]],
  );
  return new Map(rows.map(({ name, oid }) => [name, Number(oid)]));
}

const rolesOf = ({ document }: FilledDocument): string[] => document.roles.map(({ name }) => name);

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

/** Errors after which the connection is of no more use; what a statement alone got wrong is not among them. */
export function isConnectionError(error: unknown): boolean {
  if (error instanceof Failure) return error.type === 'ServerUnavailable' && error.details.sqlstate === undefined;
  if (!(error instanceof Error) || !('code' in error)) return true;
  return failureTypeOf(error as Error & { code?: string }) === 'ServerUnavailable';
}
