import type { TaskPlan } from '../activities/control/types.ts';

/** Input of host activities for one instance of a plan. */
export function instanceInput(
  plan: TaskPlan,
  instance: { instanceId: string },
): { instanceId: string; databaseId: string; taskId: string; epoch: number } {
  return { instanceId: instance.instanceId, databaseId: plan.databaseId, taskId: plan.taskId, epoch: plan.epoch };
}
