import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import type { ServiceBundle } from '../../domain/services.ts';

const port = z.number().int().min(1).max(65_534);

const serviceBundleSchema = z.object({
  installationId: z.string(),
  instanceId: z.string(),
  databaseId: z.string(),
  serviceId: z.string(),
  hostId: z.string(),
  taskId: z.string(),
  epoch: z.number().int(),
  version: z.string(),
  image: z.string().exactOptional(),
  address: z.string(),
  port,
  cpus: z.number().positive().exactOptional(),
  memoryBytes: z.number().int().positive().exactOptional(),
  labels: z.record(z.string(), z.string()).exactOptional(),
  settings: z.object({
    schemas: z.array(z.string()).min(1),
    anonymousRole: z.string(),
    pool: z.number().int().positive(),
    maxRows: z.number().int().positive(),
    jwtAudience: z.string().exactOptional(),
    jwtRoleClaimKey: z.string().exactOptional(),
    corsAllowedOrigins: z.string().exactOptional(),
    preRequest: z.string().exactOptional(),
    channel: z.string(),
  }),
  connection: z.object({
    user: z.string(),
    database: z.string(),
    servers: z.array(z.object({ address: z.string(), port: z.number().int() })).min(1),
    targetSessionAttributes: z.enum(['read-write', 'primary', 'prefer-standby', 'standby', 'any']),
    sslMode: z.enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']),
    caCertificate: z.string().exactOptional(),
    applicationName: z.string(),
  }),
  secrets: z.object({ password: z.string(), jwtSecret: z.string().exactOptional() }),
}) satisfies z.ZodType<ServiceBundle>;

/**
 * Parses an opened bundle.
 * @throws Failure InvalidSpec that names the members that do not fit, and never their values: they may be secrets
 */
export function parseServiceBundle(payload: unknown): ServiceBundle {
  const { data, error } = serviceBundleSchema.safeParse(payload);
  if (data !== undefined) return data;
  const members = error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new Failure(
    'InvalidSpec',
    `the control plane sent a service bundle that this host does not understand: ${members}`,
  );
}
