import type { Context } from 'hono';
import { taskEnd } from '../../store/completions.ts';
import { findTask, type TaskRecord } from '../../store/tasks.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';

const ENDED: ReadonlySet<TaskRecord['status']> = new Set(['completed', 'failed', 'canceled']);

/**
 * The task once it has ended, or as it is after the bound: at once when it has ended already, or when the client is gone.
 * @param seconds bound of the wait
 */
export async function awaitEnd(
  deps: Pick<ApiDeps, 'db' | 'signals'>,
  c: Context<ApiVariables>,
  task: TaskRecord,
  seconds = 0,
): Promise<TaskRecord> {
  // HEAD has no body that a wait would be worth.
  if (seconds === 0 || ENDED.has(task.status) || c.req.method === 'HEAD') return task;
  await taskEnd(deps, { taskId: task.id, boundMs: seconds * 1_000, signal: c.req.raw.signal });
  return (await findTask(deps.db, { taskId: task.id })) ?? task;
}
