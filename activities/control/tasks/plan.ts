import { desiredRoles, usesReadOnlyRole } from '../../../domain/roles/desired.ts';
import type { ResolvedSpec } from '../../../domain/spec/normalize.ts';
import { decideInstances } from '../../../domain/update/instances.ts';
import { changedJwtSecrets } from '../../../store/secret-changes.ts';
import { loadServerWork } from '../../../store/server-work.ts';
import { findTask } from '../../../store/tasks.ts';
import { loadWork, type Work } from '../../../store/work.ts';
import { audienceRoles, wantedMemberships } from '../databases/service-access.ts';
import type { ControlDeps } from '../deps.ts';
import { rotationPlan } from '../rotations/load-rotation.ts';
import type { PlannedChange, RotationPlan, TaskFrame, TaskPlan } from '../types.ts';
import { type ChangeWork, changeWork } from '../update/change-of.ts';
import { changedUsers } from '../update/update-passwords.ts';

/** The part of the accepted rows that a workflow sees: ids, flags and ports. */
export function planOf(deps: ControlDeps, work: Work): TaskPlan {
  return {
    taskId: work.taskId,
    epoch: work.epoch,
    databaseId: work.databaseId,
    databaseName: work.databaseName,
    type: work.type,
    subject: `database ${work.databaseId}`,
    forced: work.forced,
    hasPostInit: work.spec.scripts.postInit.length > 0,
    hasPostDatabaseCreate: work.spec.scripts.postDatabaseCreate.length > 0,
    instances: work.instances.map(({ instanceId, serviceId, hostId, port }) => ({
      instanceId,
      serviceId,
      hostId,
      port,
    })),
    timeoutMs: deps.taskTimeoutMs,
    ...(work.change === undefined ? {} : { change: plannedChange(deps, changeWork(work)) }),
  };
}

function plannedChange(deps: ControlDeps, work: ChangeWork): PlannedChange {
  const { change, databaseId, spec } = work;
  const serviceIds = [...spec.services, ...change.previous.services].map(({ serviceId }) => serviceId);
  const passwords = new Set(changedUsers(work));
  return {
    instances: decideInstances({
      previous: { spec: change.previous, instances: change.previousInstances },
      next: { spec, instances: change.nextInstances },
      passwords,
      jwtSecrets: changedJwtSecrets(databaseId, serviceIds, change),
      force: change.options.force,
    }),
    ...accessChanges(work),
    hasPasswords: passwords.size > 0,
    removeHosts: change.options.removeHosts,
    settled: change.settled,
    drainMs: deps.drainMs,
  };
}

/** Which of the steps on roles and rights have something to do. */
function accessChanges({
  databaseId,
  spec,
  change,
}: ChangeWork): Pick<PlannedChange, 'changesRoles' | 'removesAccess'> {
  const { previous, options } = change;
  const roles = (of: ResolvedSpec) => JSON.stringify([desiredRoles(of, databaseId), usesReadOnlyRole(of)]);
  const later = new Set(wantedMemberships(spec).map((membership) => JSON.stringify(membership)));
  const lost = wantedMemberships(previous).some((membership) => !later.has(JSON.stringify(membership)));
  const audience = audienceRoles(spec).join() !== audienceRoles(previous).join();
  return {
    changesRoles: options.force || roles(previous) !== roles(spec),
    removesAccess: options.force || lost || audience || spec.dropRemovedUsers,
  };
}

/** What the frame of a task on a server needs. */
export async function serverFrame(deps: ControlDeps, taskId: string): Promise<TaskFrame> {
  const { epoch, type, serverName } = await loadServerWork(deps.db, taskId);
  return { taskId, epoch, type, subject: `server ${serverName}`, timeoutMs: deps.taskTimeoutMs };
}

/** The plan of a task, whatever it is about. @throws StaleTask when it is unknown */
export async function loadFrame(deps: ControlDeps, taskId: string): Promise<TaskFrame | TaskPlan | RotationPlan> {
  const task = await findTask(deps.db, { taskId });
  if (task?.type === 'rotate_password') return rotationPlan(deps, taskId);
  return task?.scope === 'server' ? serverFrame(deps, taskId) : planOf(deps, await loadWork(deps.db, taskId));
}
