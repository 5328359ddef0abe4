import { z } from '@hono/zod-openapi';
import { identifier, timestamp } from './common.ts';

/** What is known about a running service. */
export const serviceStatusSchema = z
  .object({
    container_id: z.string().optional(),
    image_version: z.string().optional().openapi({ description: 'Full image reference.' }),
    addresses: z.array(z.string()).optional(),
    ports: z
      .array(z.object({ name: z.string(), container_port: z.int().optional(), host_port: z.int().optional() }))
      .optional()
      .openapi({ example: [{ name: 'http', container_port: 8080, host_port: 3100 }] }),
    health_check: z
      .object({
        status: z.enum(['healthy', 'unhealthy', 'unknown']),
        message: z.string().optional(),
        checked_at: timestamp,
      })
      .optional(),
    last_health_at: timestamp.optional(),
    service_ready: z.boolean().optional(),
  })
  .openapi('ServiceStatus');

/** A service on one host. */
export const serviceInstanceSchema = z
  .object({
    service_instance_id: z.string().openapi({ example: 'storefront-api-host-1' }),
    service_id: identifier,
    database_id: identifier,
    host_id: identifier,
    state: z.enum(['creating', 'running', 'failed', 'deleting']),
    created_at: timestamp,
    updated_at: timestamp,
    status: serviceStatusSchema.optional(),
    error: z.string().optional(),
  })
  .openapi('ServiceInstance');
