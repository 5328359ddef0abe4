import type { WorkflowClient } from '@temporalio/client';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { startTask } from './start-task.ts';

/** Starts the run that carries out a batch of requests on one server. A run that was started before is success. */
export function startBatch(
  workflows: WorkflowClient,
  batch: { id: string; serverName: string; workflowId: string },
  options: { taskQueue: string; eager?: boolean; repeatable?: boolean },
): Promise<boolean> {
  return startTask(workflows, {
    ...options,
    workflowId: batch.workflowId,
    workflowType: TASK_WORKFLOWS.change_role.workflowType,
    argument: { batchId: batch.id },
    labels: { operation: 'change_role', server: batch.serverName },
    summary: `change roles on server ${batch.serverName}`,
  });
}
