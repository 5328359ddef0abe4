import { z } from 'zod';
import type { ServicePlacement } from './services.ts';

/** Reads a {@link ServicePlacement} back: from a host's disk, or out of a sealed bundle. */
export const servicePlacementSchema = z.object({
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
  port: z.number().int().min(1).max(65_534),
  cpus: z.number().positive().exactOptional(),
  memoryBytes: z.number().int().positive().exactOptional(),
  labels: z.record(z.string(), z.string()).exactOptional(),
}) satisfies z.ZodType<ServicePlacement>;
