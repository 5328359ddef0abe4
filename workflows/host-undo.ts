import { ApplicationFailure } from '@temporalio/workflow';
import type { RotationPlan, TaskFrame, TaskPlan } from '../activities/control/types.ts';
import type { HostActivities } from '../domain/host-activities.ts';
import { isHostUnavailable } from './failure-reason.ts';
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
export async function undoOnHost(
  plan: TaskFrame | TaskPlan | RotationPlan,
  undo: HostUndo,
  instanceId: string,
): Promise<void> {
  const instance = placeOf(plan, instanceId);
  if (instance === undefined) throw ApplicationFailure.nonRetryable(`no instance ${instanceId} in the plan`);
  const { what, restore } = HOST_UNDOS[undo];
  for (let attempt = 1; attempt <= HOST_UNDO_ATTEMPTS; attempt += 1) {
    try {
      await onHost(instance.hostId, {
        summary: `undo: ${what} ${instanceId}`,
        budgetMs: UNDO_TIMEOUT_MS,
      })[undo](instance.input);
      return;
    } catch (error) {
      if (!isHostUnavailable(error)) throw error;
    }
  }
  await leaveTombstone(plan, instanceId, restore ? { restore } : {});
}

/** Which host an instance of a plan is on, and what its activities are given. */
function placeOf(plan: TaskFrame | TaskPlan | RotationPlan, instanceId: string) {
  if (!('instances' in plan)) return undefined;
  const instance = plan.instances.find((candidate) => candidate.instanceId === instanceId);
  if (instance === undefined) return undefined;
  // A run of a rotation may deal with several databases.
  const databaseId = 'databaseId' in plan ? plan.databaseId : ofRotation(plan, instanceId);
  const { taskId, epoch } = plan;
  return { hostId: instance.hostId, input: { instanceId, databaseId, taskId, epoch } };
}

function ofRotation({ instances }: RotationPlan, instanceId: string): string {
  return instances.find((candidate) => candidate.instanceId === instanceId)?.databaseId ?? '';
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
