import type { Payload } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { temporal as proto } from '@temporalio/proto';
import type { TestStack } from '../../support/stack.ts';

/** Everything that Temporal keeps of a run: the raw history, what a description shows, and the payloads decrypted. */
export interface StoredRun {
  history: Uint8Array;
  description: Uint8Array;
  /** Contents of all payloads of the history, as the people of this installation can read them. */
  opened: Uint8Array;
}

/** Every run of the installation's namespace, by workflow id. */
export async function storedRuns(stack: TestStack): Promise<Map<string, StoredRun>> {
  const { namespace, client, dataConverter } = stack.temporal;
  const service = client.workflowService;
  const codecs = dataConverter.payloadCodecs ?? [];
  const runs = new Map<string, StoredRun>();
  for (const workflowId of await workflowIds(stack)) {
    const execution = { workflowId };
    const events: proto.api.history.v1.IHistoryEvent[] = [];
    let nextPageToken: Uint8Array | undefined;
    do {
      const page = await service.getWorkflowExecutionHistory({
        namespace,
        execution,
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      });
      events.push(...(page.history?.events ?? []));
      nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
    } while (nextPageToken !== undefined);
    const description = await service.describeWorkflowExecution({ namespace, execution });
    let payloads = payloadsIn(events);
    for (const codec of codecs.toReversed()) payloads = await codec.decode(payloads);
    runs.set(workflowId, {
      history: proto.api.history.v1.History.encode({ events }).finish(),
      description: proto.api.workflowservice.v1.DescribeWorkflowExecutionResponse.encode(description).finish(),
      opened: Buffer.concat(payloads.map((payload) => Uint8Array.from(payload.data ?? []))),
    });
  }
  return runs;
}

/** Runs of tasks, and all others that the visibility store knows by now. */
async function workflowIds(stack: TestStack): Promise<Set<string>> {
  // Requests that are carried out together have the run of their batch.
  const { rows } = await stack.control.db.query<{ id: string }>(
    `SELECT workflow_id AS id FROM tasks WHERE type <> 'change_role'`,
  );
  const ids = new Set(rows.map((row) => row.id));
  for await (const { workflowId } of stack.temporal.client.workflow.list()) ids.add(workflowId);
  return ids;
}

/** Payloads anywhere in a message: objects with metadata and data. */
function payloadsIn(value: unknown): Payload[] {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return [];
  if ('metadata' in value && 'data' in value && value.data instanceof Uint8Array) return [value as Payload];
  return Object.values(value).flatMap(payloadsIn);
}

/** A step of a running task that has not ended. */
export interface PendingStep {
  type: string;
  queue: string;
  /** Whether a worker has begun it. */
  taken: boolean;
  /** Why the last attempt failed, decrypted. */
  reason?: string;
}

/** What the Temporal UI shows under "pending activities" of a task's run. */
export async function pendingSteps(stack: TestStack, taskId: string): Promise<PendingStep[]> {
  const { rows } = await stack.control.db.query<{ id: string }>('SELECT workflow_id AS id FROM tasks WHERE id = $1', [
    taskId,
  ]);
  const { namespace, client } = stack.temporal;
  const { pendingActivities, workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
    namespace,
    execution: { workflowId: rows[0]?.id ?? '' },
  });
  return Promise.all(
    (pendingActivities ?? []).map(async (activity) => {
      const failure = await decodeOptionalFailureToOptionalError(
        client.options.loadedDataConverter,
        activity.lastFailure,
      );
      return {
        type: activity.activityType?.name ?? '',
        queue: activity.activityOptions?.taskQueue?.name ?? workflowExecutionInfo?.taskQueue ?? '',
        taken: activity.state === proto.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        ...(failure === undefined ? {} : { reason: failure.message }),
      };
    }),
  );
}
