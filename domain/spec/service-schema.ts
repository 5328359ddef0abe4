import { z } from 'zod';
import { hostIds, identifierText } from './members.ts';

/** Values of libpq's `target_session_attrs` that the contract lists. */
const TARGET_SESSION_ATTRIBUTES = ['primary', 'prefer-standby', 'standby', 'read-write', 'any'] as const;

const databaseConnectionSchema = z.object({
  target_nodes: z.array(z.string()).optional().describe('Names of the nodes to connect to, in order of preference.'),
  target_session_attrs: z.enum(TARGET_SESSION_ATTRIBUTES).optional(),
});

const swarmOptionsSchema = z.object({
  extra_labels: z.record(z.string(), z.string()).optional(),
  extra_networks: z.array(z.unknown()).optional(),
  extra_volumes: z.array(z.unknown()).optional(),
  image: z
    .string()
    .min(1)
    .optional()
    .describe('Image to run instead of the one of the version table. Needs the admin role.'),
});

/** One entry of `services`. Keys of `config` are judged in `postgrest-config.ts`. */
export const serviceSchema = z.object({
  service_id: identifierText,
  service_type: z.enum(['mcp', 'postgrest', 'rag']),
  version: z.string().regex(/^(\d+\.\d+(\.\d+)?|latest)$/),
  host_ids: hostIds,
  connect_as: z.string().describe('Username of the `database_users` entry that the service logs in as.'),
  port: z
    .int()
    .min(0)
    .max(65535)
    .optional()
    .describe('0 = chosen by the control plane. The admin gateway listens on port + 1.'),
  config: z.record(z.string(), z.unknown()).optional(),
  cpus: z
    .string()
    .regex(/^[0-9]+(\.[0-9]{1,3}|m)?$/)
    .optional()
    .describe('Such as `0.5` or `500m`; 0 = no limit.'),
  memory: z.string().max(16).optional().describe('SI or IEC notation, such as `512M` or `1GiB`.'),
  orchestrator_opts: z.object({ swarm: swarmOptionsSchema.optional() }).optional(),
  database_connection: databaseConnectionSchema.optional(),
});
