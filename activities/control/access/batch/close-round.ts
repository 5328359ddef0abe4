import { clusterOwner } from '../../../../domain/clusters/role-request.ts';
import type { FailureType } from '../../../../domain/failures.ts';
import { LEASE_OWNER } from '../../../../domain/leases/lease.ts';
import { startBatch } from '../../../../platform/temporal/start-batch.ts';
import { type BatchRecord, claimMore, separate } from '../../../../store/batches.ts';
import { inTransaction, type Queryable } from '../../../../store/connection.ts';
import { GROUP_OWNER } from '../../../../store/credentials.ts';
import { endRequests } from '../../../../store/ended-requests.ts';
import type { AccessResult, ServerWork } from '../../../../store/server-work.ts';
import { auditAction } from '../../../../store/tasks.ts';
import { noteGroups } from '../../../../store/user-groups.ts';
import type { ControlDeps } from '../../deps.ts';
import { settleBatchedRotations } from '../../rotations/settle-batched.ts';
import { type ChangedRole, type MoreToNote, noteChangedRoles } from '../note-roles.ts';
import { settleClusterRoles } from './cluster-roles.ts';
import type { ItemOutcome } from './items.ts';
import { settleLeases } from './leases/settle.ts';

/** Between two looks at locks that others hold: short at first, longer with the age of the oldest request. */
const PAUSE_MS = { least: 20, most: 1_000, shareOfAge: 0.1 };

export interface Ended {
  work: ServerWork;
  status: 'completed' | 'failed';
  error?: string;
  outcome: ItemOutcome;
}

/**
 * Closes what has ended, gives a batch of its own to each request that waits for somebody else's lock, and claims what came in
 * meanwhile: one transaction.
 * @returns requests that are not closed yet, and the pause before the next round, in milliseconds
 */
export async function closeRound(
  deps: ControlDeps,
  round: { batch: BatchRecord; works: readonly ServerWork[]; outcomes: ReadonlyMap<string, ItemOutcome> },
): Promise<{ open: ServerWork[]; pauseMs: number }> {
  const { batch, works, outcomes } = round;
  const ended: Ended[] = [];
  const waiting: { work: ServerWork; held: boolean }[] = [];
  for (const work of works) {
    const outcome = outcomes.get(work.taskId);
    if (outcome === undefined) continue;
    if (outcome.state === 'waiting') {
      const expired = outcome.patient !== true && Date.now() - work.createdAt.getTime() > deps.taskTimeoutMs;
      if (expired) ended.push({ work, status: 'failed', error: `gave up waiting: ${outcome.reason}`, outcome });
      else waiting.push({ work, held: outcome.held });
    } else if (outcome.state === 'failed') {
      ended.push({ work, status: 'failed', error: outcome.failure.message, outcome });
    } else {
      ended.push({ work, status: 'completed', outcome });
    }
  }
  const moved = batch.lane === 'shared' ? waiting.filter(({ held }) => held) : [];
  const staying = waiting.filter((entry) => !moved.includes(entry)).map(({ work }) => work);
  const { claimed, separated } = await inTransaction(deps.db, async (tx) => {
    await closeAll(deps, tx, batch.serverName, ended);
    const own: BatchRecord[] = [];
    for (const { work } of moved) own.push(await separate(tx, { taskId: work.taskId, serverName: batch.serverName }));
    return { claimed: batch.lane === 'shared' ? await claimMore(tx, batch) : [], separated: own };
  });
  await Promise.all(separated.map((own) => startSingle(deps, own)));
  const progress = ended.length > 0 || claimed.length > 0;
  return { open: [...staying, ...claimed], pauseMs: progress ? 0 : pauseFor(works) };
}

async function closeAll(deps: ControlDeps, tx: Queryable, serverName: string, ended: readonly Ended[]): Promise<void> {
  await endRequests(
    tx,
    ended.map(({ work, status, error, outcome }) => ({
      taskId: work.taskId,
      status,
      error,
      message: error === undefined ? 'done' : `${status}: ${error}`,
      fields: { success: error === undefined, ...(outcome.state === 'done' ? { steps: outcome.steps } : {}) },
      result: resultOf(outcome),
      actor: work.actor,
      action: work.options.audit?.action ?? auditAction({ scope: 'server', type: work.type }),
      resource: work.options.audit?.resource ?? `server/${serverName}`,
      detail: resultOf(outcome),
    })),
  );
  // Repeated for a task that was closed before, this says the same again.
  await noteChangedRoles(deps, tx, { serverName, changed: ended.flatMap(rolesToNote) });
  await noteGroups(
    tx,
    ended.flatMap(({ work: { options }, outcome }) => {
      if (outcome.state !== 'done' || options.fill === undefined || !('groups' in options.fill)) return [];
      const { database } = options.fill;
      return (outcome.more?.groups ?? []).map((group) => ({ serverName, database, ...group }));
    }),
  );
  await settleClusterRoles(deps, tx, serverName, ended);
  await settleLeases(tx, ended);
  await settleBatchedRotations(
    deps,
    tx,
    ended.flatMap(({ work: { taskId, options }, outcome }) =>
      isSet(outcome) && options.rotation !== undefined ? [{ taskId, rotationId: options.rotation }] : [],
    ),
  );
}

/** Whether the password of a rotation's run is the current one. */
function isSet(outcome: ItemOutcome): boolean {
  if (outcome.state === 'done') return outcome.more?.missing !== true;
  return outcome.state === 'failed' && outcome.passwordStays === true;
}

function rolesToNote({ work: { options }, outcome }: Ended): (ChangedRole & MoreToNote)[] {
  if (outcome.state !== 'done') return [];
  const { record, disabled, fill, clusterRole, lease } = options;
  const ofGroups = fill !== undefined && 'groups' in fill;
  const groups = new Set(outcome.more?.groups?.map(({ role }) => role));
  return outcome.roles
    .filter(
      ({ name, created, passwordSet }) =>
        created || passwordSet !== undefined || disabled !== undefined || groups.has(name),
    )
    .map((role) => ({
      ...role,
      ...(ofGroups && { owner: GROUP_OWNER }),
      ...(clusterRole !== undefined && { owner: clusterOwner(clusterRole.clusterId) }),
      ...(lease !== undefined && { owner: LEASE_OWNER }),
      ...(record !== undefined && { user: record }),
      ...(disabled !== undefined && { disabled }),
    }));
}

function resultOf(outcome: ItemOutcome): AccessResult {
  if (outcome.state !== 'done') return { failure: failureTypeOf(outcome) };
  const { roles, steps, passwordsCompared } = outcome;
  const passwordsSet = roles.filter(({ passwordSet }) => passwordSet !== undefined);
  const inPlainText = passwordsSet.filter(({ passwordSet }) => outcome.plainText && passwordSet?.kind === 'password');
  return {
    created: roles.filter(({ created }) => created).map(({ name }) => name),
    passwords_set: passwordsSet.map(({ name }) => name),
    ...(inPlainText.length === 0 ? {} : { passwords_in_plain_text: inPlainText.map(({ name }) => name) }),
    passwords_compared: passwordsCompared,
    steps,
    ...outcome.more,
  };
}

/** The reconciler starts it where Temporal does not answer. */
async function startSingle(deps: ControlDeps, batch: BatchRecord): Promise<void> {
  try {
    await startBatch(deps.workflows, batch, { taskQueue: deps.taskQueue });
  } catch (error) {
    deps.log.warn({ err: error, batchId: batch.id }, 'Temporal did not take the start; the reconciler will start it');
  }
}

/** For the answer to whoever waits. */
function failureTypeOf(outcome: Exclude<ItemOutcome, { state: 'done' }>): FailureType {
  return outcome.state === 'failed' ? outcome.failure.type : 'Contention';
}

function pauseFor(works: readonly ServerWork[]): number {
  const oldest = Math.min(...works.map(({ createdAt }) => createdAt.getTime()));
  const wanted = (Date.now() - oldest) * PAUSE_MS.shareOfAge;
  return Math.round(Math.min(PAUSE_MS.most, Math.max(PAUSE_MS.least, wanted)));
}
