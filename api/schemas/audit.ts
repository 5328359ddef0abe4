import { z } from '@hono/zod-openapi';
import { AUDIT_KINDS, AUDIT_OUTCOMES } from '../../store/audit.ts';
import type { AuditFilter } from '../../store/audit-entries.ts';
import { limit, order } from './paging.ts';
import { plainText } from './plain-text.ts';

const word = plainText(300);
const moment = z.iso
  .datetime({ offset: true })
  .refine((text) => new Date(text).getUTCFullYear() >= 1, 'is no time that a row could have')
  .openapi({ example: '2026-07-16T07:19:59Z' });

/** Which rows. */
export const auditFilterSchema = z.object({
  actor: word.optional().openapi({ description: 'Account that asked.' }),
  token_id: word.optional().openapi({ description: 'Token that it came with.' }),
  action: word.optional().openapi({ example: 'database.create' }),
  resource: word
    .transform((text) => text.replace(/\/+$/, ''))
    .pipe(z.string().min(1))
    .optional()
    .openapi({ description: 'A resource and what is below it.', example: 'server/host-1' }),
  kind: z.enum(AUDIT_KINDS).optional(),
  outcome: z.enum(AUDIT_OUTCOMES).optional(),
  task_id: z.uuid().optional(),
  request_id: word.optional(),
  from: moment.optional().openapi({ description: 'Recorded at this time or later.' }),
  to: moment.optional().openapi({ description: 'Recorded before this time.' }),
});

/** A page of the log. */
export const auditPageSchema = auditFilterSchema.extend({
  after_id: z.coerce
    .number()
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .openapi({ description: 'Rows after this one, in the direction chosen.' }),
  limit,
  sort_order: order,
});

export const auditExportSchema = auditFilterSchema.extend({ format: z.enum(['jsonl', 'csv']).default('jsonl') });

/** A row of the log. */
export const auditEntrySchema = z
  .object({
    id: z.int(),
    recorded_at: z.string().openapi({ example: '2026-07-16T07:19:59.123456Z' }),
    kind: z.enum(AUDIT_KINDS),
    actor: z.string(),
    token_id: z.string().optional(),
    source: z.string().optional().openapi({ description: 'Network address.' }),
    request_id: z.string().optional(),
    action: z.string(),
    resource: z.string(),
    task_id: z.uuid().optional(),
    outcome: z.enum(AUDIT_OUTCOMES).optional(),
    detail: z.record(z.string(), z.unknown()),
  })
  .openapi('AuditEntry');

export const auditListSchema = z.object({ entries: z.array(auditEntrySchema) }).openapi('AuditList');

/** The filter in the words of the store. */
export function auditFilter(query: z.infer<typeof auditFilterSchema>): AuditFilter {
  const { token_id: tokenId, task_id: taskId, request_id: requestId } = query;
  const { actor, action, resource, kind, outcome, from, to } = query;
  const given = { actor, tokenId, action, resource, kind, outcome, taskId, requestId, from, to };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
