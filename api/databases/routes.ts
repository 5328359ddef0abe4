import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { createDatabaseSchema } from '../../domain/spec/schema.ts';
import { findDatabase, listDatabases } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { withTopologies } from '../nodes/topologies.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier, schemaErrorSchema } from '../schemas/common.ts';
import { acceptedDatabaseSchema, acceptedTaskSchema, databaseListSchema, databaseSchema } from '../schemas/database.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { acceptCreate } from './accept-create.ts';
import { acceptDelete } from './accept-delete.ts';
import { renderDatabase, renderSummary } from './render.ts';
import { surroundings } from './surroundings.ts';

const params = z.object({ database_id: pathIdentifier('database_id') });
const notFound = refused('There is no such database.');
const conflict = refused('The state of the database, or an earlier use of the Idempotency-Key, does not allow it.');

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
  summary: 'All databases',
  responses: { 200: json(databaseListSchema, 'Every database, without specifications.') },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}',
  summary: 'One database',
  request: { params },
  responses: { 200: json(databaseSchema, 'The database.'), 400: malformed, 404: notFound },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/databases/{database_id}',
  summary: 'Delete a database with everything that was made for it',
  request: { params, headers: idempotencyHeaders },
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
    const [databases, known] = await Promise.all([listDatabases(deps.db), surroundings(deps.db)]);
    const specs = databases.map(({ spec }) => spec);
    const around = await withTopologies(deps, known, specs);
    return c.json({ databases: databases.map((database) => renderSummary(database, around)) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { database_id: id } = c.req.valid('param');
    const [database, instances, known] = await Promise.all([
      findDatabase(deps.db, id),
      listInstances(deps.db, [id]),
      surroundings(deps.db),
    ]);
    if (database === undefined) throw new ApiError('not_found', 'no database found with the given ID');
    const around = await withTopologies(deps, known, [database.spec]);
    return c.json(renderDatabase(database, instances, around), 200);
  });

  app.openapi(deleteRoute, async (c) =>
    c.json(await acceptDelete(deps, callerOf(c), c.req.valid('param').database_id), 200),
  );

  return app;
}
