import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import { servicePlacementSchema } from '../../domain/service-placement-schema.ts';
import type { ServiceBundle } from '../../domain/services.ts';

const serviceBundleSchema = servicePlacementSchema.extend({
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
    `the control plane sent a service bundle that this host does not understand (${members}): bring its worker to the same release`,
  );
}
