import type { RotationWork } from '../../../store/rotation-work.ts';
import { loadDatabaseWork, type Work, type WorkInstance } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';

/** Instances of services that log in as the role of a run, with their databases. */
export async function consumingInstances(
  deps: Pick<ControlDeps, 'db'>,
  work: RotationWork,
): Promise<{ database: Work; instance: WorkInstance }[]> {
  const { taskId, epoch, actor, rotation, run } = work;
  const databases = await Promise.all(
    run.databases.map(({ id }) => loadDatabaseWork(deps.db, { databaseId: id, taskId, epoch, actor })),
  );
  return databases.flatMap((database) => {
    const services = new Set(
      database.spec.services
        .filter(({ connectAs }) => connectAs === rotation.roleName)
        .map(({ serviceId }) => serviceId),
    );
    return database.instances
      .filter(({ serviceId }) => services.has(serviceId))
      .map((instance) => ({ database, instance }));
  });
}
