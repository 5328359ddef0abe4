import { type WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import { LOOK_AGAIN } from '../../domain/task-workflows.ts';

/** Longest wait for a worker to take the update; the reconciler tells again of what was approved. */
const TELL_DEADLINE_MS = 5_000;

/**
 * Tells the run of a task that waits for approval to look again. What was decided is in the metadata database; the update says
 * nothing, so whoever can send one has approved nothing. A run that has ended, or never began, needs no telling.
 */
export async function tellDecision(
  workflows: WorkflowClient,
  { taskId, workflowId }: { taskId: string; workflowId: string },
): Promise<void> {
  try {
    await workflows.withDeadline(Date.now() + TELL_DEADLINE_MS, () =>
      workflows.getHandle(workflowId).executeUpdate(LOOK_AGAIN, { args: [{ taskId }] }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
