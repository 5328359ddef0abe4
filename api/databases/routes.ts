import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { createDatabaseSchema } from '../../domain/spec/schema.ts';
import { findDatabase, listDatabases } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier, schemaErrorSchema } from '../schemas/common.ts';
import { acceptedDatabaseSchema, acceptedTaskSchema, databaseListSchema, databaseSchema } from '../schemas/database.ts';
import { databasePageSchema } from '../schemas/paging.ts';
import { conflict, json, malformed, refused } from '../schemas/responses.ts';
import { acceptCreate } from './accept-create.ts';
import { acceptDelete } from './accept-delete.ts';
import { renderDatabase, renderSummary } from './render.ts';
import { surroundings } from './surroundings.ts';

const params = z.object({ database_id: pathIdentifier('database_id') });
const notFound = refused('There is no such database.');

/** Texts that the framework of published servers takes for a boolean in a query string. */
const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
]);
const flag = z
  .preprocess((text) => BOOLEANS.get(text) ?? text, z.boolean().default(false))
  .openapi({ type: 'boolean', default: false });
/** Accepted, and without effect: what the servers here run is not upgraded by this control plane. */
const include = z
  .preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(z.enum(['available_upgrades'])).optional(),
  )
  .openapi({ type: 'array', items: { type: 'string', enum: ['available_upgrades'] } });

const createDatabaseRoute = createRoute({
  method: 'post',
  path: '/v1/databases',
  summary: 'Create a database with its users and services',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: { content: { 'application/json': { schema: createDatabaseSchema } }, required: true },
  },
  responses: {
    200: json(acceptedDatabaseSchema, 'Accepted; follow the task.'),
    400: malformed,
    409: conflict,
    413: refused('The body is too large.'),
    415: json(schemaErrorSchema, 'The body is not JSON.'),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/databases',
  summary: 'All databases, or a page of them, by id',
  request: { query: databasePageSchema.extend({ include }) },
  responses: { 200: json(databaseListSchema, 'Databases without specifications.'), 400: malformed },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}',
  summary: 'One database',
  request: { params, query: z.object({ include }) },
  responses: { 200: json(databaseSchema, 'The database.'), 400: malformed, 404: notFound },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/databases/{database_id}',
  summary: 'Delete a database with everything that was made for it',
  request: {
    params,
    headers: idempotencyHeaders,
    query: z.object({ force: flag.openapi({ description: 'In any state, ending the task that is under way.' }) }),
  },
  responses: {
    200: json(acceptedTaskSchema, 'Accepted; follow the task.'),
    400: malformed,
    404: notFound,
    409: conflict,
  },
});

/** Databases with their users and services, as the pgEdge Control Plane publishes them. */
export function databaseRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(createDatabaseRoute, async (c) =>
    c.json(await acceptCreate(deps, callerOf(c), c.req.valid('json')), 200),
  );

  app.openapi(listRoute, async (c) => {
    const { limit, after_database_id: afterId } = c.req.valid('query');
    const [databases, around] = await Promise.all([listDatabases(deps.db, { limit, afterId }), surroundings(deps.db)]);
    return c.json({ databases: databases.map((database) => renderSummary(database, around)) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { database_id: id } = c.req.valid('param');
    const [database, instances, around] = await Promise.all([
      findDatabase(deps.db, id),
      listInstances(deps.db, [id]),
      surroundings(deps.db),
    ]);
    if (database === undefined) throw new ApiError('not_found', 'no database found with the given ID');
    return c.json(renderDatabase(database, instances, around), 200);
  });

  app.openapi(deleteRoute, async (c) =>
    c.json(
      await acceptDelete(deps, callerOf(c), {
        databaseId: c.req.valid('param').database_id,
        force: c.req.valid('query').force,
      }),
      200,
    ),
  );

  return app;
}
