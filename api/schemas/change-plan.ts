import { z } from '@hono/zod-openapi';
import { identifier } from './common.ts';

const reasons = z.array(z.string()).openapi({ description: 'What differs.', example: ['db-max-rows'] });

/** What a create or an update would do. */
export const changePlanSchema = z
  .object({
    operation: z.enum(['create', 'update']),
    users: z.array(z.object({ username: z.string(), action: z.enum(['create', 'change', 'keep', 'drop']), reasons })),
    services: z.array(
      z.object({
        service_instance_id: z.string(),
        service_id: identifier,
        host_id: identifier,
        port: z.int(),
        action: z.enum(['keep', 'reload', 'replace', 'add', 'remove']).openapi({
          description: 'reload: changed while it runs. replace: a new process or container takes its place.',
        }),
        reasons,
      }),
    ),
  })
  .openapi('ChangePlan');

/** Answer to a request with `dry_run=true`. */
export const plannedSchema = z.object({ plan: changePlanSchema }).openapi('PlannedChange');
