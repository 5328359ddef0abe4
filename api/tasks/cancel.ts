import type { z } from '@hono/zod-openapi';
import { cancelRun } from '../../platform/temporal/task-run.ts';
import { inTransaction } from '../../store/connection.ts';
import { requestCancel } from '../../store/task-cancellation.ts';
import { findTask, type TaskRecord } from '../../store/tasks.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { changeRequest } from '../idempotency.ts';
import { taskSchema } from '../schemas/task.ts';
import { notCancellable } from './absent.ts';
import { renderTask } from './render.ts';

interface NamedTask {
  databaseId: string;
  taskId: string;
}

/**
 * Accepts the cancellation of a task: on record first, then its run is cancelled. What it has done is undone and the task ends as
 * canceled, unless it had passed its point of no return and completes. One route for GET and POST, so that keys fit both.
 * @throws ApiError 400 when it is unknown, or neither pending nor running
 */
export function acceptCancel(deps: ApiDeps, caller: Caller, named: NamedTask): Promise<z.infer<typeof taskSchema>> {
  const change = changeRequest(deps, {
    caller,
    route: 'POST /v1/databases/{database_id}/tasks/{task_id}/cancel',
    content: named,
    answer: taskSchema,
  });
  return change.once(async () => {
    const { task, accepted } = await inTransaction(deps.db, async (tx) => {
      const cancelled = await requestCancel(tx, named);
      if (cancelled === undefined) throw notCancellable(await findTask(tx, named));
      await auditChange(tx, caller, {
        action: 'task.cancel',
        resource: `database/${named.databaseId}`,
        taskId: cancelled.id,
      });
      const answer = renderTask(cancelled);
      await change.keep(tx, answer);
      return { task: cancelled, accepted: answer };
    });
    try {
      await cancelRun(deps.workflows, task, deps);
    } catch (error) {
      deps.log.warn(
        { err: error, taskId: task.id },
        'Temporal did not take the cancellation; the reconciler repeats it',
      );
    }
    return accepted;
  });
}

/** A task that could be cancelled now. @throws ApiError 400 as {@link acceptCancel} */
export async function findCancellable(deps: Pick<ApiDeps, 'db'>, named: NamedTask): Promise<TaskRecord> {
  const task = await findTask(deps.db, named);
  if (task === undefined || (task.status !== 'pending' && task.status !== 'running')) throw notCancellable(task);
  return task;
}
