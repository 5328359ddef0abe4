import type { z } from '@hono/zod-openapi';
import type { LogEntry, TaskRecord } from '../../store/tasks.ts';
import type { taskLogSchema, taskSchema } from '../schemas/task.ts';
import { timestamp } from '../time.ts';

export function renderTask(task: TaskRecord): z.infer<typeof taskSchema> {
  return {
    scope: task.scope,
    entity_id: task.entityId,
    ...(task.databaseId === null ? {} : { database_id: task.databaseId }),
    ...(task.hostId === null ? {} : { host_id: task.hostId }),
    task_id: task.id,
    type: task.type,
    status: task.status,
    created_at: timestamp(task.createdAt),
    ...(task.completedAt === null ? {} : { completed_at: timestamp(task.completedAt) }),
    ...(task.error === null ? {} : { error: task.error }),
  };
}

/** `lastEntryId` is given even when no entry is newer than the one asked for. */
export function renderTaskLog(
  task: TaskRecord,
  log: { entries: readonly LogEntry[]; lastEntryId: string | undefined },
): z.infer<typeof taskLogSchema> {
  return {
    scope: task.scope,
    entity_id: task.entityId,
    ...(task.databaseId === null ? {} : { database_id: task.databaseId }),
    task_id: task.id,
    task_status: task.status,
    ...(log.lastEntryId === undefined ? {} : { last_entry_id: log.lastEntryId }),
    entries: log.entries.map((entry) => ({
      timestamp: timestamp(entry.loggedAt),
      message: entry.message,
      ...(entry.fields === null ? {} : { fields: entry.fields }),
    })),
  };
}
