import { z } from '@hono/zod-openapi';
import { identifier, timestamp } from './common.ts';

const TASK_TYPES = [
  'create',
  'update',
  'delete',
  'upgrade',
  'node_backup',
  'restore',
  'node_restore',
  'restart_instance',
  'stop_instance',
  'start_instance',
  'switchover',
  'failover',
  'remove_host',
  // Of this control plane itself, on whole servers.
  'apply_roles',
  'change_role',
  'drop_role',
  'check_drift',
  'rotate_password',
] as const;

export const TASK_STATUSES = ['pending', 'running', 'completed', 'failed', 'canceling', 'canceled', 'unknown'] as const;

const scope = z.enum(['database', 'host', 'server']);
const taskId = z.uuid().openapi({ description: 'UUID version 7' });

/** One asynchronous operation. */
export const taskSchema = z
  .object({
    scope,
    entity_id: identifier,
    task_id: taskId,
    created_at: timestamp,
    type: z.enum(TASK_TYPES),
    status: z.enum(TASK_STATUSES),
    parent_id: taskId.optional(),
    database_id: identifier.optional(),
    node_name: z.string().optional(),
    host_id: identifier.optional(),
    instance_id: z.string().optional(),
    completed_at: timestamp.optional(),
    error: z.string().optional(),
  })
  .openapi('Task');

export const taskListSchema = z.object({ tasks: z.array(taskSchema) }).openapi('TaskList');

/** Log of a task, oldest entry first. */
export const taskLogSchema = z
  .object({
    scope,
    entity_id: identifier,
    task_id: taskId,
    task_status: z.enum(TASK_STATUSES),
    entries: z.array(
      z
        .object({ timestamp, message: z.string(), fields: z.record(z.string(), z.unknown()).optional() })
        .openapi('TaskLogEntry'),
    ),
    database_id: identifier.optional(),
    last_entry_id: z.uuid().optional().openapi({ description: 'To ask for later entries with `after_entry_id`.' }),
  })
  .openapi('TaskLog');
