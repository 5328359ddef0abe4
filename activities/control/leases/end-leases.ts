import { randomBytes } from 'node:crypto';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../domain/failures.ts';
import type { LeaseReceipt } from '../../../domain/leases/lease.ts';
import { nextTry } from '../../../domain/leases/retry.ts';
import { TASK_WORKFLOWS } from '../../../domain/task-workflows.ts';
import { toFailure } from '../../../platform/target/errors.ts';
import { type LoginProof, proveLogin } from '../../../platform/target/prove-login.ts';
import type { TargetServer, TargetSession } from '../../../platform/target/target-server.ts';
import { startTask } from '../../../platform/temporal/start-task.ts';
import { insertRequest, newTaskId, serverWorkflowId } from '../../../store/accepted-requests.ts';
import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import {
  awaitDrop,
  claimDueLeases,
  closeLeases,
  nextDueIn,
  type Postponed,
  postponeLeases,
  setClock,
} from '../../../store/ending-leases.ts';
import type { LeaseRecord } from '../../../store/leases.ts';
import { findResult } from '../../../store/server-work.ts';
import { findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { DropReceipt } from '../drop-role/prove-dropped.ts';
import { prepareDrop, type Revoked, revokeTogether } from './revoke.ts';

/** Leases that are ended together. */
const TOGETHER = 64;
/** Logins that are tried side by side, so that connections are left to whoever gives leases meanwhile. */
const PROOFS = 2;
/** How soon a lease is looked at again whose objects are being handed on. */
const DROP_LOOK_MS = 1_000;
/** Who ends leases whose time has come, in the audit log. */
const CLOCK = 'lease-clock';

/** What came of one lease. */
type Outcome =
  | { state: 'ended'; receipt: LeaseReceipt }
  | { state: 'dropping'; dropTask: string }
  | { state: 'stopped'; failure: Failure };

/**
 * Ends the leases of a server whose time has come, and says when the next one has. What cannot be ended now is tried again later, each
 * by itself; nothing here waits for anybody. May run twice: a lease that is gone is gone, and is closed once.
 * @returns milliseconds until something is to be done again; null: nothing is
 */
export async function endDueLeases(
  deps: ControlDeps,
  input: { serverName: string },
): Promise<{ nextMs: number | null }> {
  const { serverName } = input;
  const runId = activityInfo().workflowExecution?.runId ?? newTaskId();
  const leases = await claimDueLeases(deps.db, { serverName, runId, limit: TOGETHER });
  if (leases.length > 0) {
    const outcomes = await endThem(deps, serverName, leases);
    await record(deps, leases, outcomes);
  }
  // Whoever adds a lease looks at the clock after that: one of the two sees the other.
  await setClock(deps.db, serverName);
  return { nextMs: await nextDueIn(deps.db, serverName) };
}

async function endThem(
  deps: ControlDeps,
  serverName: string,
  leases: readonly LeaseRecord[],
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const waiting = await lookAtDrops(deps, leases, outcomes);
  const fresh = leases.filter(({ id }) => !outcomes.has(id) && !waiting.has(id));
  if (fresh.length === 0) return outcomes;
  const doing = `ending leases on server ${serverName}`;
  try {
    const server = await deps.targets.get(serverName);
    const revoked = await server.onMaintenance(sessionFor(doing), (client) =>
      revokeTogether(client, { installationId: deps.installationId, leases: fresh }),
    );
    for (const lease of fresh) {
      const outcome = revoked.get(lease.id);
      if (outcome?.state === 'stopped') outcomes.set(lease.id, outcome);
      if (outcome?.state === 'entangled') {
        outcomes.set(lease.id, await handToDrop(deps, server, lease, outcome.role));
      }
    }
    const gone = fresh.flatMap((lease) => {
      const outcome = revoked.get(lease.id);
      return outcome?.state === 'gone' ? [{ lease, outcome }] : [];
    });
    for (const [id, outcome] of await prove(server, gone)) outcomes.set(id, outcome);
  } catch (error) {
    cancellationSignal().throwIfAborted();
    const failure = toFailure(error, doing);
    for (const { id } of fresh) if (!outcomes.has(id)) outcomes.set(id, { state: 'stopped', failure });
  }
  return outcomes;
}

function sessionFor(doing: string): TargetSession {
  return { applicationName: 'pgsteward:leases', doing, signal: cancellationSignal() };
}

/** Leases whose logins are taken apart by a drop: those that it has ended. @returns those that it is still at */
async function lookAtDrops(
  deps: ControlDeps,
  leases: readonly LeaseRecord[],
  outcomes: Map<string, Outcome>,
): Promise<Set<string>> {
  const waiting = new Set<string>();
  for (const lease of leases) {
    if (lease.dropTask === null) continue;
    const task = await findTask(deps.db, { taskId: lease.dropTask });
    if (task !== undefined && task.completedAt === null) {
      outcomes.set(lease.id, { state: 'dropping', dropTask: task.id });
      waiting.add(lease.id);
    } else if (task?.status === 'completed') {
      const { receipt } = ((await findResult(deps.db, task.id)) ?? {}) as { receipt?: DropReceipt };
      if (receipt !== undefined) {
        outcomes.set(lease.id, { state: 'ended', receipt: receiptOfDrop(receipt, lease.dropTask) });
      }
    } else if (task !== undefined) {
      // It is looked at anew when it is its turn again: somebody may have taken out of the way what was in it.
      const failure = new Failure('Contention', task.error ?? `the task that drops it ended as ${task.status}`);
      outcomes.set(lease.id, { state: 'stopped', failure });
    }
  }
  return waiting;
}

function receiptOfDrop(receipt: DropReceipt, dropTask: string): LeaseReceipt {
  const { server, role, oid, already_gone, absent, sessions, login, memberships, proven_at } = receipt;
  return {
    server,
    role,
    oid,
    already_gone,
    absent,
    sessions,
    login,
    memberships: memberships.ended,
    drop_task: dropTask,
    proven_at,
  };
}

/** Has a login dropped that owns something, or was given something: a task of its own, which anybody can follow. */
async function handToDrop(deps: ControlDeps, server: TargetServer, lease: LeaseRecord, role: string): Promise<Outcome> {
  const session = sessionFor(`ending the lease of "${role}"`);
  try {
    await server.onMaintenance(session, (client) =>
      prepareDrop(client, { installationId: deps.installationId, lease }),
    );
  } catch (error) {
    return { state: 'stopped', failure: toFailure(error, session.doing) };
  }
  const taskId = newTaskId();
  const { serverName } = lease;
  await inTransaction(deps.db, async (tx) => {
    await insertRequest(tx, {
      taskId,
      serverName,
      type: 'drop_role',
      requestHash: `lease/${lease.id}`,
      document: {
        role,
        ...(lease.ownerRole === null ? {} : { heir: lease.ownerRole }),
        reassign_owned: true,
        drain_seconds: 0,
        // Its record says that it belongs to leases.
        force: true,
      },
      planHash: null,
      options: {},
      secrets: [],
      audit: { actor: CLOCK, detail: { lease: lease.id, role } },
    });
    await awaitDrop(tx, { leaseId: lease.id, dropTask: taskId, afterMs: DROP_LOOK_MS });
  });
  await startTask(deps.workflows, {
    workflowId: serverWorkflowId({ taskId, serverName, type: 'drop_role' }),
    workflowType: TASK_WORKFLOWS.drop_role.workflowType,
    taskQueue: deps.taskQueue,
    argument: { taskId },
    labels: { operation: 'drop_role', server: serverName },
    summary: `end lease ${lease.id} on server ${serverName}`,
  }).catch((error: unknown) => {
    deps.log.warn({ err: error, taskId }, 'Temporal did not take the start; the reconciler will start the task');
  });
  return { state: 'dropping', dropTask: taskId };
}

/** Tries to log in as each, with a password that nobody has. */
async function prove(
  server: TargetServer,
  gone: readonly { lease: LeaseRecord; outcome: Extract<Revoked, { state: 'gone' }> }[],
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const queue = [...gone];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { lease, outcome } = next;
      const password = randomBytes(24).toString('base64url');
      const proof = await proveLogin(server, { role: lease.roleName, password, signal: cancellationSignal() });
      outcomes.set(lease.id, proven(lease, outcome, proof));
    }
  };
  await Promise.all(Array.from({ length: PROOFS }, worker));
  return outcomes;
}

function proven(lease: LeaseRecord, gone: Extract<Revoked, { state: 'gone' }>, proof: LoginProof): Outcome {
  if (proof.proven) {
    const message = `a login as "${lease.roleName}" was accepted although the role is gone`;
    return { state: 'stopped', failure: new Failure('VerificationFailed', message) };
  }
  const login =
    proof.reason === 'refused'
      ? { refused: true, message: proof.message }
      : { refused: false, message: `cannot be proven from here: ${proof.message}` };
  const receipt: LeaseReceipt = {
    server: lease.serverName,
    role: lease.roleName,
    oid: gone.oid,
    already_gone: gone.already,
    absent: true,
    sessions: { ended: gone.sessionsEnded, open: 0 },
    login,
    memberships: gone.memberships,
    proven_at: new Date().toISOString(),
  };
  return { state: 'ended', receipt };
}

/** Puts on record what came of each, with what the audit log says of it: one transaction. */
async function record(
  deps: ControlDeps,
  leases: readonly LeaseRecord[],
  outcomes: ReadonlyMap<string, Outcome>,
): Promise<void> {
  const ended: { leaseId: string; receipt: LeaseReceipt }[] = [];
  const postponed: Postponed[] = [];
  const failed: { lease: LeaseRecord; failure: Failure }[] = [];
  const dropping: { leaseId: string; dropTask: string }[] = [];
  for (const lease of leases) {
    const outcome = outcomes.get(lease.id);
    if (outcome === undefined) continue;
    if (outcome.state === 'ended') ended.push({ leaseId: lease.id, receipt: outcome.receipt });
    else if (outcome.state === 'dropping') dropping.push({ leaseId: lease.id, dropTask: outcome.dropTask });
    else {
      const { failure } = outcome;
      const next = nextTry({ attempts: lease.attempts, retryable: failure.retryable, most: deps.leaseAttempts });
      postponed.push({ leaseId: lease.id, error: failure.message, dropTask: null, ...next });
      if (next.state === 'failed' && lease.state !== 'failed') failed.push({ lease, failure });
    }
  }
  await inTransaction(deps.db, async (tx) => {
    for (const drop of dropping) await awaitDrop(tx, { ...drop, afterMs: DROP_LOOK_MS });
    await postponeLeases(tx, postponed);
    for (const { lease, failure } of failed) {
      await audit(tx, lease, 'failed', { reason: failure.type, error: failure.message });
    }
    for (const lease of await closeLeases(tx, ended)) await audit(tx, lease, 'completed', { receipt: lease.receipt });
  });
}

function audit(
  tx: Queryable,
  lease: LeaseRecord,
  outcome: 'completed' | 'failed',
  detail: Record<string, unknown>,
): Promise<void> {
  return insertTaskOutcome(tx, {
    actor: CLOCK,
    action: 'lease.revoke',
    resource: `lease/${lease.id}`,
    taskId: lease.revocationId ?? lease.id,
    outcome,
    detail: {
      server: lease.serverName,
      username: lease.roleName,
      holder: lease.holder,
      end: lease.endReason,
      ...detail,
    },
  });
}
