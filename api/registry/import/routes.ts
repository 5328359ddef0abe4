import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { type ApiVariables, callerOf } from '../../caller.ts';
import type { ApiDeps } from '../../deps.ts';
import { ApiError } from '../../errors.ts';
import { answerInvalidShape } from '../../request-validation.ts';
import { idempotencyHeaders } from '../../schemas/common.ts';
import { refusedWithError } from '../../schemas/environment-errors.ts';
import { importBodySchema, importResultSchema } from '../../schemas/registry-import.ts';
import { json } from '../../schemas/responses.ts';
import { importRegistry } from './import-registry.ts';
import { readImport } from './read-body.ts';

// Described, not validated here: the handler reads the body, in whatever form it comes.
const file = { schema: { type: 'string' as const, format: 'binary' } };
const body = { schema: { $ref: '#/components/schemas/RegistryImport' } };
const form = {
  schema: {
    type: 'object' as const,
    required: ['file'],
    properties: {
      file: { type: 'string' as const, format: 'binary' },
      options: { type: 'string' as const, description: 'JSON with `admin`, `tls`, `maintenance_database`.' },
    },
  },
};

const importRoute = createRoute({
  method: 'post',
  path: '/api/v1/registry/import',
  summary: 'Take over a registry: JSON, CSV, or the pg_registry.db of a published pg-user-api with its audit log',
  request: {
    headers: idempotencyHeaders,
    body: {
      required: true,
      content: {
        'application/json': body,
        'text/csv': file,
        'application/vnd.sqlite3': file,
        'multipart/form-data': form,
      },
    },
  },
  responses: {
    200: json(importResultSchema, 'What became of each entry and of each server.'),
    400: refusedWithError('The file cannot be read, or is none of these; the message says where.'),
    401: refusedWithError('Not known.'),
    403: refusedWithError('Only an administrator may.'),
    409: refusedWithError('The Idempotency-Key was used for another request.'),
    413: refusedWithError('More than 8 MiB of JSON or CSV, or 64 MiB of SQLite.'),
    415: refusedWithError('Another media type.'),
    503: refusedWithError('Another import is under way in this process.'),
  },
});

/** Import into the registry. */
export function registryImportRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  app.openAPIRegistry.register('RegistryImport', importBodySchema);
  // An import may hold 64 MiB several times over: one at a time in each process.
  let underWay = false;

  app.openapi(importRoute, async (c) => {
    const caller = callerOf(c);
    if (underWay) throw busy();
    underWay = true;
    try {
      const source = await readImport(c);
      try {
        return c.json(await importRegistry(deps, caller, source), 200);
      } finally {
        await source.close();
      }
    } finally {
      underWay = false;
    }
  });

  return app;
}

function busy(): ApiError {
  return new ApiError('unavailable', 'another import is under way; try again', { headers: { 'Retry-After': '5' } });
}
