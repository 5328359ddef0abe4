import { z } from '@hono/zod-openapi';

/** Body of a switchover; `{}` chooses the standby that is furthest, now. */
export const switchoverSchema = z
  .object({
    candidate_instance_id: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('PostgreSQL instance that becomes the primary; without it the standby that is furthest.'),
    scheduled_at: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('RFC 3339; the switchover begins then. Without it, or in the past: now.'),
  })
  .openapi('SwitchoverRequest');
