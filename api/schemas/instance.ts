import { z } from '@hono/zod-openapi';
import { identifier, timestamp } from './common.ts';

/** A database on the PostgreSQL server of one host. */
export const instanceSchema = z
  .object({
    id: z.string().openapi({ example: 'storefront-n1-689qacsi' }),
    host_id: identifier,
    node_name: z.string(),
    created_at: timestamp,
    updated_at: timestamp,
    state: z.enum(['creating', 'modifying', 'backing_up', 'available', 'degraded', 'failed', 'stopped', 'unknown']),
    status_updated_at: timestamp.optional(),
    connection_info: z.object({ addresses: z.array(z.string()).optional(), port: z.int().optional() }).optional(),
    postgres: z
      .object({
        version: z.string().optional(),
        patroni_state: z.string().optional(),
        role: z.enum(['primary', 'replica']).optional(),
        pending_restart: z.boolean().optional(),
        patroni_paused: z.boolean().optional(),
      })
      .optional(),
    error: z.string().optional(),
  })
  .openapi('Instance');
