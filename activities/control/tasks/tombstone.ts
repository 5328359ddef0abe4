import { recordTombstone as storeTombstone } from '../../../store/hosts.ts';
import { appendLog } from '../../../store/tasks.ts';
import { loadWork } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskRef } from '../types.ts';

/** Leaves word for a host that does not answer: its worker removes the instance before it serves again. */
export async function recordTombstone(
  deps: ControlDeps,
  input: TaskRef & { instanceId: string; restore?: boolean },
): Promise<void> {
  const { restore = false } = input;
  const work = await loadWork(deps.db, input.taskId);
  const known = [...work.instances, ...(work.change?.previousInstances ?? [])];
  const instance = known.find((candidate) => candidate.instanceId === input.instanceId);
  if (instance === undefined) return;
  await storeTombstone(deps.db, {
    hostId: instance.hostId,
    instanceId: instance.instanceId,
    databaseId: work.databaseId,
    taskId: work.taskId,
    epoch: work.epoch,
    ...(restore ? { restore } : {}),
  });
  await appendLog(deps.db, {
    taskId: work.taskId,
    entries: [
      {
        message: `host ${instance.hostId} does not answer; it ${restore ? 'restores' : 'removes'} ${instance.instanceId} when its worker starts again`,
        fields: { host_id: instance.hostId },
      },
    ],
  });
}
