import {
  type WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/client';
import { type RunLabels, searchAttributesOf } from './search-attributes.ts';

/** A run of a task: its id names the task, so that a task has exactly one run however often it is started. */
export interface TaskStart {
  workflowId: string;
  workflowType: string;
  taskQueue: string;
  /** The only argument: ids. */
  argument: Record<string, string>;
  labels: RunLabels;
  /** One line for the Temporal UI. */
  summary: string;
  /** Hand the first workflow task to a worker of this process; the client must share the worker's connection. */
  eager?: boolean;
  /** Start anew when an earlier run of this id has ended; without it an id is used once. */
  repeatable?: boolean;
}

/** Longest wait for Temporal to take a start; the reconciler starts what could not be started in time. */
const START_DEADLINE_MS = 5_000;

/**
 * Starts the run of a task. A run that was started before is success.
 * @returns false when it existed already
 */
export async function startTask(workflows: WorkflowClient, start: TaskStart): Promise<boolean> {
  try {
    await workflows.withDeadline(Date.now() + START_DEADLINE_MS, () =>
      workflows.start(start.workflowType, {
        workflowId: start.workflowId,
        taskQueue: start.taskQueue,
        args: [start.argument],
        workflowIdReusePolicy: start.repeatable
          ? WorkflowIdReusePolicy.ALLOW_DUPLICATE
          : WorkflowIdReusePolicy.REJECT_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        typedSearchAttributes: searchAttributesOf(start.labels),
        staticSummary: start.summary,
        requestEagerStart: start.eager ?? false,
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
