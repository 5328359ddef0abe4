import type { z } from '@hono/zod-openapi';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { insertAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/connection.ts';
import { beginOperation, lockDatabase } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { insertTask } from '../../store/tasks.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { acceptedTaskSchema } from '../schemas/database.ts';
import { renderTask } from '../tasks/render.ts';
import { keyedRequest } from './idempotency.ts';
import { startRun } from './start-run.ts';

export type AcceptedTask = z.infer<typeof acceptedTaskSchema>;

const ROUTE = 'DELETE /v1/databases/{database_id}';
const MODIFIABLE: ReadonlySet<string> = new Set(['available', 'degraded', 'failed']);

/** Accepts the deletion of a database in a state that allows it, and starts the run. */
export async function acceptDelete(deps: ApiDeps, caller: Caller, databaseId: string): Promise<AcceptedTask> {
  const keyed = keyedRequest(deps, { caller, route: ROUTE, content: { databaseId } });
  const replayed = await keyed.replay<AcceptedTask>();
  if (replayed !== undefined) return replayed;
  const { task, accepted, hosts } = await inTransaction(deps.db, async (tx) => {
    const database = await lockDatabase(tx, databaseId);
    if (database === undefined) throw new ApiError('not_found', 'no database found with the given ID');
    if (!MODIFIABLE.has(database.state)) {
      throw new ApiError(
        'database_not_modifiable',
        `the database is ${database.state}; it can be deleted once its current task has ended`,
      );
    }
    const { epoch } = await beginOperation(tx, { id: databaseId, state: 'deleting' });
    const instances = await listInstances(tx, [databaseId]);
    const inserted = await insertTask(tx, {
      databaseId,
      type: 'delete',
      epoch,
      workflowType: TASK_WORKFLOWS.delete.workflowType,
      workflowKind: TASK_WORKFLOWS.delete.kind,
      requestHash: keyed.hash,
      actor: caller.account,
    });
    await insertAudit(tx, {
      kind: 'intent',
      actor: caller.account,
      requestId: caller.requestId,
      action: 'database.delete',
      resource: `database/${databaseId}`,
      taskId: inserted.id,
      ...(caller.source === undefined ? {} : { source: caller.source }),
    });
    const answer = { task: renderTask(inserted) };
    await keyed.keep(tx, answer);
    return { task: inserted, accepted: answer, hosts: [...new Set(instances.map((instance) => instance.hostId))] };
  });
  await startRun(deps, task, hosts);
  return accepted;
}
