import type { TaskRun } from './task-run.ts';

/** Sealed bundles by instance id, of the instances of a task; nothing to do without any. */
export async function sealServices(
  run: TaskRun,
  instances: readonly { instanceId: string }[],
): Promise<Map<string, string>> {
  if (instances.length === 0) return new Map();
  const { taskId, epoch } = run.plan;
  const { bundles } = await run.step('sealServices', 'bookkeeping', (on) => on.sealServices({ taskId, epoch }));
  return new Map(bundles.map((bundle) => [bundle.instanceId, bundle.sealedBundle]));
}
