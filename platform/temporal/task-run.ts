import { type WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import type { RunLabels } from './search-attributes.ts';
import { startTask, type TaskStart } from './start-task.ts';

/** What the run of a task is named and labelled by. */
export interface RunnableTask {
  id: string;
  type: string;
  scope: 'database' | 'host' | 'server';
  entityId: string;
  workflowId: string;
  workflowType: string;
}

/** Longest wait for Temporal to take a cancellation; the reconciler repeats what it did not take. */
const CANCEL_DEADLINE_MS = 5_000;

/** How the run of an accepted task is started, whoever starts it. */
export function startOf(
  task: RunnableTask,
  options: { taskQueue: string; hosts?: string[]; eager?: boolean },
): TaskStart {
  const { hosts, ...rest } = options;
  return {
    ...rest,
    workflowId: task.workflowId,
    workflowType: task.workflowType,
    argument: { taskId: task.id },
    labels: { operation: task.type, ...subjectOf(task), ...(hosts === undefined ? {} : { hosts }) },
    summary: `${task.type} ${task.scope} ${task.entityId}`,
  };
}

/** The search attribute that names what a task is about. */
export function subjectOf(task: Pick<RunnableTask, 'scope' | 'entityId'>): Pick<RunLabels, 'database' | 'server'> {
  if (task.scope === 'host') return {};
  return { [task.scope]: task.entityId };
}

/**
 * Cancels the run of a task that is on record as one to be cancelled. A task without a run gets one, which finds that record and
 * closes the task; a run that has ended is left as it is.
 */
export async function cancelRun(
  workflows: WorkflowClient,
  task: RunnableTask,
  options: { taskQueue: string },
): Promise<void> {
  try {
    await workflows.withDeadline(Date.now() + CANCEL_DEADLINE_MS, () => workflows.getHandle(task.workflowId).cancel());
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    await startTask(workflows, startOf(task, options));
  }
}
