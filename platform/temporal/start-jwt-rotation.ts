import type { WorkflowClient } from '@temporalio/client';
import { startTask } from './start-task.ts';

/** Starts the run that sees a rotation of a JWT key to its end. One that is under way goes on. */
export function startJwtRotation(
  workflows: WorkflowClient,
  rotation: { id: string; databaseId: string; serviceId: string },
  options: { taskQueue: string; eager?: boolean },
): Promise<boolean> {
  const { id, databaseId, serviceId } = rotation;
  return startTask(workflows, {
    ...options,
    workflowId: `rotate-jwt/${databaseId}/${id}`,
    workflowType: 'rotateJwt',
    argument: { rotationId: id },
    labels: { operation: 'rotate_jwt', database: databaseId },
    summary: `rotate the JWT key of service ${serviceId} of database ${databaseId}`,
    repeatable: true,
  });
}
