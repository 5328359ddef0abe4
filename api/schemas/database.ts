import { z } from '@hono/zod-openapi';
import { databaseSpecSchema } from '../../domain/spec/schema.ts';
import { identifier, timestamp } from './common.ts';
import { instanceSchema } from './instance.ts';
import { serviceInstanceSchema } from './service-instance.ts';
import { taskSchema } from './task.ts';

const DATABASE_STATES = [
  'creating',
  'modifying',
  'available',
  'deleting',
  'degraded',
  'failed',
  'backing_up',
  'restoring',
  'unknown',
] as const;

/** A database as lists show it. */
export const databaseSummarySchema = z
  .object({
    id: identifier,
    created_at: timestamp,
    updated_at: timestamp,
    state: z.enum(DATABASE_STATES),
    tenant_id: identifier.optional(),
    instances: z.array(instanceSchema).optional(),
  })
  .openapi('DatabaseSummary');

/** A database. `spec` is what was submitted, without its secrets. Empty lists are left out. */
export const databaseSchema = databaseSummarySchema
  .extend({ service_instances: z.array(serviceInstanceSchema).optional(), spec: databaseSpecSchema.optional() })
  .openapi('Database');

export const databaseListSchema = z.object({ databases: z.array(databaseSummarySchema) }).openapi('DatabaseList');

/** Answer to a create or update: the operation has been accepted. */
export const acceptedDatabaseSchema = z
  .object({ task: taskSchema, database: databaseSchema })
  .openapi('AcceptedDatabase');

/** Answer to a delete. */
export const acceptedTaskSchema = z.object({ task: taskSchema }).openapi('AcceptedTask');
