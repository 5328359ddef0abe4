import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { AuditRowText } from '../../domain/audit/row.ts';
import { type AuditKind, type AuditOutcome, insertAudit } from '../../store/audit.ts';
import { findAuditPosition, listAudit } from '../../store/audit-entries.ts';
import { askedBy } from '../audit-intent.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import {
  type auditEntrySchema,
  auditExportSchema,
  auditFilter,
  auditListSchema,
  auditPageSchema,
} from '../schemas/audit.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { refuseSpeculation } from '../speculative-requests.ts';
import { createAuditExporter } from './export.ts';
import { AUDIT_FORMATS } from './formats.ts';

const forbidden = refused('The log of the whole installation is for auditors and administrators without a scope.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/audit',
  summary: 'Who did what, newest first',
  request: { query: auditPageSchema },
  responses: { 200: json(auditListSchema, 'A page of the audit log.'), 400: malformed, 403: forbidden },
});

const exportRoute = createRoute({
  method: 'get',
  path: '/v1/audit/export',
  summary: 'The audit log as a file, oldest first; the export is in the log itself',
  middleware: [refuseSpeculation()] as const,
  request: { query: auditExportSchema },
  responses: {
    200: {
      description: 'One JSON object per line, or CSV with a header.',
      content: { 'application/x-ndjson': { schema: z.string() }, 'text/csv': { schema: z.string() } },
    },
    400: malformed,
    403: forbidden,
    429: refused('Other exports are under way.'),
  },
});

/** The audit log. */
export function auditRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  const exporter = createAuditExporter(deps);

  app.openapi(listRoute, async (c) => {
    const { after_id: afterId, limit, sort_order: order, ...query } = c.req.valid('query');
    const after = afterId === undefined ? undefined : await findAuditPosition(deps.db, afterId);
    if (afterId !== undefined && after === undefined) {
      throw invalidInput([{ path: 'after_id', message: 'there is no such row' }]);
    }
    const rows = await listAudit(deps.db, { filter: auditFilter(query), order, after, limit });
    return c.json({ entries: rows.map(renderEntry) }, 200);
  });

  app.openapi(exportRoute, async (c) => {
    const { format: name, ...query } = c.req.valid('query');
    const format = AUDIT_FORMATS[name];
    c.header('Content-Type', format.mediaType);
    c.header('Content-Disposition', `attachment; filename="audit.${format.extension}"`);
    // A request for the headers alone reveals nothing.
    if (c.req.method === 'HEAD') return c.body(null, 200);
    const body = await exporter.open(auditFilter(query), format, () =>
      insertAudit(deps.db, {
        kind: 'reveal',
        ...askedBy(callerOf(c)),
        action: 'audit.export',
        resource: 'audit',
        detail: { format: name, filter: query },
      }),
    );
    return c.body(body, 200);
  });

  return app;
}

function renderEntry(row: AuditRowText): z.infer<typeof auditEntrySchema> {
  const { id, recorded_at, actor, action, resource } = row;
  return {
    id,
    recorded_at,
    kind: row.kind as AuditKind,
    actor,
    ...(row.token_id === null ? {} : { token_id: row.token_id }),
    ...(row.source === null ? {} : { source: row.source }),
    ...(row.request_id === null ? {} : { request_id: row.request_id }),
    action,
    resource,
    ...(row.task_id === null ? {} : { task_id: row.task_id }),
    ...(row.outcome === null ? {} : { outcome: row.outcome as AuditOutcome }),
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  };
}
