import { listTasks, type TaskRecord, type TaskScope } from '../../store/tasks.ts';
import { namesInScope } from '../access/may-use.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';

/** A page of tasks that the caller may see. Hosts belong to the whole installation: with a scope nobody sees theirs. */
export async function listVisibleTasks(
  deps: Pick<ApiDeps, 'db'>,
  caller: Pick<Caller, 'scope'>,
  page: Parameters<typeof listTasks>[1],
): Promise<TaskRecord[]> {
  if (caller.scope === undefined) return listTasks(deps.db, page);
  const filter = page.filter ?? { scope: 'database' };
  const entityIds = VISIBLE[filter.scope](caller);
  return listTasks(deps.db, { ...page, filter, entityIds });
}

const VISIBLE: Readonly<Record<TaskScope, (caller: Pick<Caller, 'scope'>) => readonly string[] | undefined>> = {
  database: (caller) => namesInScope(caller, 'databases'),
  server: (caller) => namesInScope(caller, 'servers'),
  host: () => [],
};
