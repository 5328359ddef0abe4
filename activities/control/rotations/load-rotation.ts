import { Failure } from '../../../domain/failures.ts';
import { isTold } from '../../../domain/rotations/request.ts';
import { loadRotationWork } from '../../../store/rotation-work.ts';
import { startTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { RotationPlan } from '../types.ts';
import { consumingInstances } from './consuming-instances.ts';

/** Marks the task running and loads its plan. */
export async function loadRotation(deps: ControlDeps, { taskId }: { taskId: string }): Promise<RotationPlan> {
  const status = await startTask(deps.db, taskId);
  if (status === undefined) throw new Failure('StaleTask', `task ${taskId} is unknown or closed already`);
  return {
    ...(await rotationPlan(deps, taskId)),
    ...(status === 'canceling' ? { cancelRequested: true as const } : {}),
  };
}

/** The part of the accepted rows that a workflow sees: ids and flags. */
export async function rotationPlan(deps: ControlDeps, taskId: string): Promise<RotationPlan> {
  const work = await loadRotationWork(deps.db, taskId);
  const { rotation, run } = work;
  const { graceMs, sessions } = rotation.options;
  // Where a later operation has taken a database, nothing of it is ours to change any more.
  const instances = await consumingInstances(deps, work).catch((error: unknown) => {
    if (error instanceof Failure && error.type === 'StaleTask') return [];
    throw error;
  });
  const since = run.settledAt === null ? 0 : Date.now() - run.settledAt.getTime();
  return {
    taskId,
    epoch: work.epoch,
    type: 'rotate_password',
    subject: `role ${rotation.roleName} on server ${rotation.serverName}`,
    timeoutMs: deps.taskTimeoutMs,
    instances: instances.map(({ database, instance: { instanceId, serviceId, hostId, port } }) => ({
      ...{ instanceId, serviceId, hostId, port },
      databaseId: database.databaseId,
    })),
    rotation: {
      strategy: rotation.strategy,
      tells: rotation.consumers.some((one) => isTold(one) && one.kind !== 'webhook'),
      calls: rotation.consumers.some(({ kind }) => kind === 'webhook'),
      settled: run.settledAt !== null,
      graceMs: Math.max(0, graceMs - since),
      policy: sessions.policy,
      drainMs: sessions.drainMs,
    },
  };
}
