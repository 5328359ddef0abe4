import { z } from '@hono/zod-openapi';
import { RETENTION_RULE_NAMES } from '../../domain/retention/rules.ts';

export const retentionSchema = z
  .object({
    rules: z
      .array(
        z.object({
          rule: z.enum(RETENTION_RULE_NAMES),
          what: z.string().openapi({ description: 'What is removed.' }),
          kept: z.string().openapi({ description: 'What stays, however old it is.' }),
          setting: z.string().openapi({ example: 'PGSTEWARD_KEEP_TASKS_DAYS' }),
          keep_days: z.int().nullable().openapi({ description: 'Null: for ever.' }),
          due: z.int().openapi({ description: 'Rows that would be removed now, counted up to 100000.' }),
          last_run_at: z.iso.datetime().nullable().openapi({ description: 'When it was last carried out.' }),
          last_removed: z.int().openapi({ description: 'Rows that the last run removed.' }),
          removed: z.int().openapi({ description: 'Rows that all runs removed.' }),
        }),
      )
      .openapi({ description: 'In the order in which a run carries them out.' }),
    fixed: z
      .array(z.object({ what: z.string(), when: z.string() }))
      .openapi({ description: 'What goes by itself at an age that no setting changes.' }),
  })
  .openapi('Retention');
