import { WorkflowFailedError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { CLEANUP_WORKFLOW, cleanupWorkflowId } from '../../../domain/task-workflows.ts';
import { withLogContext } from '../../../platform/log-context.ts';
import { startBatch } from '../../../platform/temporal/start-batch.ts';
import { startTask } from '../../../platform/temporal/start-task.ts';
import { cancelRun, startOf, subjectOf } from '../../../platform/temporal/task-run.ts';
import { wakeLeases } from '../../../platform/temporal/wake-leases.ts';
import { requestOfTask } from '../../../store/audit.ts';
import { listRunningBatches, openBatch, serversWithUnclaimed } from '../../../store/batches.ts';
import { serversWithOverdueLeases } from '../../../store/ending-leases.ts';
import { pruneHandovers } from '../../../store/handovers.ts';
import { IDEMPOTENCY_WINDOW_MINUTES, pruneAnswers } from '../../../store/idempotency.ts';
import { pruneTaskSecrets } from '../../../store/secrets.ts';
import { listOpenTasks, type TaskRecord } from '../../../store/tasks.ts';
import { tellApproved } from '../approvals/tell-approved.ts';
import type { ControlDeps } from '../deps.ts';
import { restartJwtRotations } from '../jwt-rotation/restart.ts';
import { reconcileSchedules } from '../rotations/reconcile-schedules.ts';
import { prepareClusters } from './prepare-clusters.ts';
import { refreshGroups } from './refresh-groups.ts';

/** Tasks looked at in one pass; the next pass takes the rest. */
const BATCH = 500;

/** What Temporal says of a task's run. `gone` = unknown to Temporal; the other closed ones say how it ended. */
type RunState = 'running' | 'gone' | 'closed';

/**
 * Compares open tasks with their runs. A task that never had a run gets it; one that is to be cancelled has its run cancelled; a
 * task whose run was terminated, forgotten or closed without closing the task gets a cleanup run.
 */
export async function reconcileTasks(
  deps: ControlDeps,
  input: { olderThanMs: number },
): Promise<{ started: string[]; cleanups: string[] }> {
  await Promise.all([
    pruneAnswers(deps.db),
    pruneTaskSecrets(deps.db, IDEMPOTENCY_WINDOW_MINUTES),
    pruneHandovers(deps.db),
    refreshGroups(deps),
    prepareClusters(deps),
    tellApproved(deps, input),
    restartJwtRotations(deps, input),
    reconcileSchedules(deps),
  ]);
  await reconcileBatches(deps, input);
  // Whatever became of the runs that were to end them.
  for (const serverName of await serversWithOverdueLeases(deps.db, input))
    await wakeLeases(deps.workflows, serverName, deps);
  const tasks = await listOpenTasks(deps.db, { olderThanMs: input.olderThanMs, limit: BATCH });
  const started: string[] = [];
  const cleanups: string[] = [];
  for (const task of tasks) {
    const run = await runState(deps, task);
    if (run.state === 'running') {
      // Whoever was told that it is being cancelled may have died before the run was.
      if (task.status === 'canceling') await onBehalfOf(deps, task, () => cancelRun(deps.workflows, task, deps));
    } else if (run.state === 'gone' && task.startedAt === null) {
      const start = startOf(task, { taskQueue: deps.taskQueue });
      if (await onBehalfOf(deps, task, () => startTask(deps.workflows, start))) started.push(task.id);
    } else if (await onBehalfOf(deps, task, () => startCleanup(deps, task, run.reason))) {
      cleanups.push(task.id);
    }
  }
  return { started, cleanups };
}

/** A run that is started late is for the request that its task was accepted with, all the same. */
async function onBehalfOf<T>(deps: ControlDeps, task: TaskRecord, work: () => Promise<T>): Promise<T> {
  const requestId = await requestOfTask(deps.db, task.id);
  return withLogContext({ taskId: task.id, ...(requestId === undefined ? {} : { requestId }) }, work);
}

/** Requests that are carried out together have the batch's run: one that is gone is started anew, and finds done what is done. */
async function reconcileBatches(deps: ControlDeps, input: { olderThanMs: number }): Promise<void> {
  const options = { taskQueue: deps.taskQueue, repeatable: true };
  for (const batch of await listRunningBatches(deps.db, { ...input, limit: BATCH })) {
    const run = await runState(deps, batch);
    if (run.state !== 'running') await startBatch(deps.workflows, batch, options);
  }
  for (const serverName of await serversWithUnclaimed(deps.db, input)) {
    const batch = await openBatch(deps.db, serverName);
    if (batch !== undefined) await startBatch(deps.workflows, batch, options);
  }
}

async function runState(deps: ControlDeps, task: { workflowId: string }): Promise<{ state: RunState; reason: string }> {
  const handle = deps.workflows.getHandle(task.workflowId);
  try {
    const { status } = await handle.describe();
    if (status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW') return { state: 'running', reason: '' };
    return { state: 'closed', reason: `its run ${ENDINGS[status.name] ?? 'has ended'}${await spokenReason(handle)}` };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { state: 'gone', reason: 'Temporal no longer knows its run' };
    throw error;
  }
}

const ENDINGS: Readonly<Record<string, string>> = {
  FAILED: 'failed',
  TERMINATED: 'was terminated',
  CANCELLED: 'was cancelled',
  TIMED_OUT: 'timed out',
};

/** Where nobody gave a reason, the client says only what the status says. */
const CLIENT_WORDS = 'Workflow execution ';

/** What the run, or whoever ended it, gave as reason; empty where nobody did. */
async function spokenReason(handle: WorkflowHandle): Promise<string> {
  try {
    await handle.result();
    return '';
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    let reason: Error = error;
    while (reason.cause instanceof Error) reason = reason.cause;
    return reason.message.startsWith(CLIENT_WORDS) ? '' : `: ${reason.message}`;
  }
}

function startCleanup(deps: ControlDeps, task: TaskRecord, reason: string): Promise<boolean> {
  return startTask(deps.workflows, {
    workflowId: cleanupWorkflowId(task.id),
    workflowType: CLEANUP_WORKFLOW,
    taskQueue: deps.taskQueue,
    argument: { taskId: task.id, reason: `the task did not come to its end: ${reason}` },
    repeatable: true,
    labels: { operation: 'cleanup', ...subjectOf(task) },
    summary: `clean up after ${task.type} of ${task.entityId}`,
  });
}
