import { z } from '@hono/zod-openapi';
import { timestamp } from './common.ts';

/** What is running. Published clients need every member. */
export const versionSchema = z
  .object({ version: z.string(), revision: z.string(), revision_time: timestamp, arch: z.string() })
  .openapi('VersionInfo');
