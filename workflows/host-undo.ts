import { ApplicationFailure } from '@temporalio/workflow';
import type { TaskFrame, TaskPlan } from '../activities/control/types.ts';
import type { HostActivities } from '../domain/host-activities.ts';
import { isHostUnavailable } from './failure-reason.ts';
import { instanceInput } from './instance-input.ts';
import { HOST_UNDO_ATTEMPTS, UNDO_TIMEOUT_MS } from './policies.ts';
import { control, onHost } from './proxies.ts';

/** Undo activities of hosts, and what a host that stays unreachable is told to do before it serves again. */
export const HOST_UNDOS = {
  undoStartService: { what: 'start', restore: false },
  undoChangeService: { what: 'change', restore: true },
} as const satisfies { [U in keyof HostActivities]?: { what: string; restore: boolean } };

export type HostUndo = keyof typeof HOST_UNDOS;

export function isHostUndo(undo: string): undo is HostUndo {
  return Object.hasOwn(HOST_UNDOS, undo);
}

/** Takes back what was done to an instance. A host that stays unreachable gets word. */
export async function undoOnHost(plan: TaskFrame | TaskPlan, undo: HostUndo, instanceId: string): Promise<void> {
  const onDatabase = 'instances' in plan ? plan : undefined;
  const instance = onDatabase?.instances.find((candidate) => candidate.instanceId === instanceId);
  if (onDatabase === undefined || instance === undefined)
    throw ApplicationFailure.nonRetryable(`no instance ${instanceId} in the plan`);
  const { what, restore } = HOST_UNDOS[undo];
  for (let attempt = 1; attempt <= HOST_UNDO_ATTEMPTS; attempt += 1) {
    try {
      await onHost(instance.hostId, {
        summary: `undo: ${what} ${instanceId}`,
        budgetMs: UNDO_TIMEOUT_MS,
      })[undo](instanceInput(onDatabase, instance));
      return;
    } catch (error) {
      if (!isHostUnavailable(error)) throw error;
    }
  }
  await leaveTombstone(plan, instanceId, restore ? { restore } : {});
}

/** Leaves word for a host: its worker removes the instance, or restores what it was, before it serves again. */
export async function leaveTombstone(
  plan: TaskFrame,
  instanceId: string,
  options: { restore?: true } = {},
): Promise<void> {
  await control('bookkeeping', { summary: `tombstone for ${instanceId}`, budgetMs: UNDO_TIMEOUT_MS }).recordTombstone({
    taskId: plan.taskId,
    epoch: plan.epoch,
    instanceId,
    ...options,
  });
}
