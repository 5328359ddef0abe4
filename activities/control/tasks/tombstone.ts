import { recordTombstone as storeTombstone } from '../../../store/hosts.ts';
import { loadRotationWork } from '../../../store/rotation-work.ts';
import { appendLog, findTask } from '../../../store/tasks.ts';
import { loadWork } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';
import { consumingInstances } from '../rotations/consuming-instances.ts';
import type { TaskRef } from '../types.ts';

/** Leaves word for a host that does not answer: its worker removes the instance before it serves again. */
export async function recordTombstone(
  deps: ControlDeps,
  input: TaskRef & { instanceId: string; restore?: boolean },
): Promise<void> {
  const { restore = false } = input;
  const work = await ownerOf(deps, input);
  if (work === undefined) return;
  const { instance } = work;
  await storeTombstone(deps.db, {
    hostId: instance.hostId,
    instanceId: instance.instanceId,
    databaseId: work.databaseId,
    taskId: input.taskId,
    epoch: input.epoch,
    ...(restore ? { restore } : {}),
  });
  await appendLog(deps.db, {
    taskId: input.taskId,
    entries: [
      {
        message: `host ${instance.hostId} does not answer; it ${restore ? 'restores' : 'removes'} ${instance.instanceId} when its worker starts again`,
        fields: { host_id: instance.hostId },
      },
    ],
  });
}

/** The database of an instance that a task deals with; undefined where it has none of that id. */
async function ownerOf(
  deps: ControlDeps,
  { taskId, instanceId }: { taskId: string; instanceId: string },
): Promise<{ databaseId: string; instance: { instanceId: string; hostId: string } } | undefined> {
  const isIt = (candidate: { instanceId: string }) => candidate.instanceId === instanceId;
  if ((await findTask(deps.db, { taskId }))?.type === 'rotate_password') {
    const consumers = await consumingInstances(deps, await loadRotationWork(deps.db, taskId));
    const found = consumers.find(({ instance }) => isIt(instance));
    return found && { databaseId: found.database.databaseId, instance: found.instance };
  }
  const work = await loadWork(deps.db, taskId);
  const instance = [...work.instances, ...(work.change?.previousInstances ?? [])].find(isIt);
  return instance && { databaseId: work.databaseId, instance };
}
