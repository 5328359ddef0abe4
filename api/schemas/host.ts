import { z } from '@hono/zod-openapi';
import { identifier, timestamp } from './common.ts';

const postgresVersionSchema = z
  .object({ postgres_version: z.string(), spock_version: z.string() })
  .openapi('PgEdgeVersion');

/** A host that runs services, and usually a PostgreSQL server. */
export const hostSchema = z
  .object({
    id: identifier,
    orchestrator: z.string().openapi({ example: 'swarm' }),
    data_dir: z.string(),
    peer_addresses: z.array(z.string()),
    client_addresses: z.array(z.string()),
    status: z.object({
      state: z.enum(['healthy', 'unreachable', 'degraded', 'unknown']),
      updated_at: timestamp,
      components: z.record(
        z.string(),
        z.object({
          healthy: z.boolean(),
          error: z.string().optional(),
          details: z.record(z.string(), z.unknown()).optional(),
        }),
      ),
    }),
    cpus: z.int().optional(),
    memory: z.string().optional().openapi({ example: '16GB' }),
    cohort: z.object({ type: z.string(), member_id: z.string(), control_available: z.boolean() }).optional(),
    default_pgedge_version: postgresVersionSchema.optional(),
    supported_pgedge_versions: z.array(postgresVersionSchema).optional(),
    etcd_mode: z.string().optional(),
  })
  .openapi('Host');

export const hostListSchema = z.object({ hosts: z.array(hostSchema) }).openapi('HostList');
