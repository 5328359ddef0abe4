import { z } from '@hono/zod-openapi';
import { MAX_DRAIN_SECONDS } from '../../domain/access/drop/request.ts';
import { membershipSchema } from './access.ts';

const names = z.array(z.string());
const counts = z.record(z.string(), z.number().int()).openapi({ example: { relations: 12, routines: 1 } });

const heir = z
  .string()
  .min(1)
  .max(63)
  .describe('Role that gets what the dropped one owns. Left out: a role without login and rights, pgst_heir_<oid>.');
const reassignOwned = 'Consent to drop a role that owns something, or has rights that this control plane did not give.';
const drain = 'How long open sessions may go on before they are ended, in seconds.';
const force = 'Drop it although it is a superuser, has CREATEROLE, or belongs to another owner.';
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

/** Options of a drop in the query string. */
export const dropQuerySchema = z.object({
  heir: heir.optional(),
  reassign_owned: flag.optional().describe(reassignOwned),
  drain_seconds: z.coerce.number().int().min(0).max(MAX_DRAIN_SECONDS).optional().describe(drain),
  force: flag.optional().describe(force),
});

/** The same in the body; what is given there counts. */
export const dropBodySchema = z.strictObject({
  heir: heir.optional(),
  reassign_owned: z.boolean().optional().describe(reassignOwned),
  drain_seconds: z.number().int().min(0).max(MAX_DRAIN_SECONDS).optional().describe(drain),
  force: z.boolean().optional().describe(force),
});

export const dropPreviewQuerySchema = z.object({ heir: heir.optional() });

/** What dropping a role would do. */
export const dropPreviewSchema = z
  .object({
    server: z.string(),
    role: z.string(),
    oid: z.number().int(),
    permitted: z.boolean().openapi({ description: 'No rule forbids it and nothing stands in the way.' }),
    permitted_without_consent: z.boolean(),
    consent_needed_for: names.openapi({ description: 'What "reassign_owned": true agrees to.' }),
    forbidden_by: z.array(
      z.object({
        rule: z.string(),
        message: z.string(),
        remedy: z.string().optional().openapi({ description: 'Statement that removes it.' }),
        can_be_forced: z.boolean(),
      }),
    ),
    heir: z.object({ role: z.string(), exists: z.boolean() }),
    member_of: z.array(membershipSchema),
    members: z.array(membershipSchema),
    granted: z.object({
      memberships: z.array(membershipSchema).openapi({ description: 'Granted by the role to others: granted again.' }),
    }),
    sessions: z.array(
      z.object({
        database: z.string().nullable(),
        application: z.string(),
        kind: z.string(),
        count: z.number().int(),
      }),
    ),
    databases: z.array(
      z.object({
        database: z.string().nullable().openapi({ description: 'Null: what belongs to the whole server.' }),
        owns: counts,
        rights: counts,
        personal: counts.openapi({ description: 'Default privileges and user mappings of its own: they go.' }),
        policies: z.number().int(),
        granted_again: names.openapi({ description: 'What it gave on by grant options; owners give it again.' }),
        code: z
          .object({
            total: z.number().int().openapi({ description: 'Objects that it owns and that bear code.' }),
            objects: z.array(z.object({ description: z.string(), code: names })),
          })
          .openapi({ description: 'Code that would belong to the heir: to be looked at.' }),
        unreadable: z.string().optional().openapi({ description: 'Why it could not be looked into.' }),
      }),
    ),
  })
  .openapi('DropPreview');
