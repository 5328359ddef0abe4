import type { z } from '@hono/zod-openapi';
import { isIdentifier } from '../../domain/identifiers.ts';
import { findDatabase } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { findOpenTask } from '../../store/tasks.ts';
import type { ApiDeps } from '../deps.ts';
import type { ChangeRequest } from '../idempotency.ts';
import { withTopologies } from '../nodes/topologies.ts';
import type { acceptedDatabaseSchema } from '../schemas/database.ts';
import { renderTask } from '../tasks/render.ts';
import { renderDatabase } from './render.ts';
import { surroundings } from './surroundings.ts';

type AcceptedDatabase = z.infer<typeof acceptedDatabaseSchema>;

/** The task of this same request, while it is under way. */
export async function joinRunning(
  deps: ApiDeps,
  request: { databaseId: string; change: ChangeRequest<AcceptedDatabase>; type: 'create' | 'update' },
): Promise<AcceptedDatabase | undefined> {
  const { databaseId, change } = request;
  if (!isIdentifier(databaseId)) return undefined;
  const task = await findOpenTask(deps.db, databaseId);
  if (task?.type !== request.type || !change.isSameAs(task.requestHash)) return undefined;
  const [database, instances, known] = await Promise.all([
    findDatabase(deps.db, databaseId),
    listInstances(deps.db, [databaseId]),
    surroundings(deps.db),
  ]);
  if (database === undefined) return undefined;
  const around = await withTopologies(deps, known, [database.spec]);
  return { task: renderTask(task), database: renderDatabase(database, instances, around) };
}
