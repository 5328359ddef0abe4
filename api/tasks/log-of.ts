import type pg from 'pg';
import { lastLogEntryId, listLog, type TaskRecord } from '../../store/tasks.ts';
import { renderTaskLog } from './render.ts';

/** A page of a task's log, as every family answers it. */
export async function logOf(
  db: pg.Pool,
  task: TaskRecord,
  page: { after_entry_id?: string | undefined; limit: number },
): Promise<ReturnType<typeof renderTaskLog>> {
  const { after_entry_id: afterEntryId, limit } = page;
  const entries = await listLog(db, {
    taskId: task.id,
    limit,
    ...(afterEntryId === undefined ? {} : { afterEntryId }),
  });
  const lastEntryId = entries.at(-1)?.id ?? (await lastLogEntryId(db, task.id));
  return renderTaskLog(task, { entries, lastEntryId });
}
