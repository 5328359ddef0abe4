import { type WorkflowClient, WorkflowIdReusePolicy } from '@temporalio/client';
import { searchAttributesOf } from './search-attributes.ts';

/** Longest wait for Temporal; the reconciler wakes what could not be woken. */
const DEADLINE_MS = 5_000;

/** Name of the run that ends the leases of a server. */
const leasesWorkflowId = (serverName: string): string => `leases/${serverName}`;

/** Has the run of a server look at its leases now, and starts it where there is none. */
export async function wakeLeases(
  workflows: WorkflowClient,
  serverName: string,
  options: { taskQueue: string },
): Promise<void> {
  await workflows.withDeadline(Date.now() + DEADLINE_MS, () =>
    workflows.signalWithStart('endLeases', {
      workflowId: leasesWorkflowId(serverName),
      taskQueue: options.taskQueue,
      args: [{ serverName }],
      signal: 'wake',
      signalArgs: [],
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      typedSearchAttributes: searchAttributesOf({ operation: 'end_leases', server: serverName }),
      staticSummary: `end leases on server ${serverName}`,
    }),
  );
}
