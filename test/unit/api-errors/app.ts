import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { methodNotAllowed } from 'hono/method-not-allowed';
import {
  answerMethodNotAllowed,
  answerNotFound,
  createErrorHandler,
  type ErrorLog,
} from '../../../api/error-handler.ts';
import { answerInvalidShape, limitBody, requireJsonBody } from '../../../api/request-validation.ts';
import { errorSchema, pathIdentifier, schemaErrorSchema } from '../../../api/schemas/common.ts';
import { databaseSchema } from '../../../api/schemas/database.ts';
import { createDatabaseSchema } from '../../../domain/spec/schema.ts';

const created = z.object({ name: z.string() }).openapi('Created');

const createDatabase = createRoute({
  method: 'post',
  path: '/v1/databases',
  middleware: requireJsonBody(),
  request: { body: { required: true, content: { 'application/json': { schema: createDatabaseSchema } } } },
  responses: {
    200: { description: 'Accepted', content: { 'application/json': { schema: created } } },
    400: {
      description: 'Refused',
      content: { 'application/json': { schema: z.union([errorSchema, schemaErrorSchema]) } },
    },
  },
});

const getTask = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/tasks/{task_id}',
  request: {
    params: z.object({ database_id: pathIdentifier('database_id'), task_id: z.uuid() }),
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).optional(),
      sort_order: z.enum(['asc', 'desc']).optional(),
    }),
  },
  responses: { 200: { description: 'Database', content: { 'application/json': { schema: databaseSchema } } } },
});

/** An application with the routes that the tests ask; `/fail` throws what it is given. */
export function createTestApp(options: { log?: ErrorLog; failure?: () => never } = {}) {
  const app = new OpenAPIHono({ defaultHook: answerInvalidShape });
  app.onError(createErrorHandler(options.log ?? { error: () => {} }));
  app.notFound(answerNotFound);
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerMethodNotAllowed }));
  app.use(limitBody());
  app.openapi(createDatabase, (c) => c.json({ name: c.req.valid('json').spec.database_name }, 200));
  app.openapi(getTask, (c) => {
    const now = '2026-07-16T07:19:59Z';
    return c.json(
      { id: c.req.valid('param').database_id, created_at: now, updated_at: now, state: 'available' as const },
      200,
    );
  });
  app.get('/fail', () => options.failure?.() ?? new Response());
  return app;
}
