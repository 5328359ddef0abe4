import type { WorkflowClient } from '@temporalio/client';
import { startTask } from './start-task.ts';

/** Starts the run that sends what is pending for a channel. One that is under way finds what was added. */
export function startNotifications(
  workflows: WorkflowClient,
  channel: { id: string; name: string },
  options: { taskQueue: string; eager?: boolean },
): Promise<boolean> {
  return startTask(workflows, {
    ...options,
    workflowId: `notify/${channel.id}`,
    workflowType: 'sendNotifications',
    argument: { channelId: channel.id },
    labels: { operation: 'notify' },
    summary: `send notifications to ${channel.name}`,
    repeatable: true,
  });
}
