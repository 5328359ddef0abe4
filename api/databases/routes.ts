import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { v4 as uuidv4 } from 'uuid';
import { IDENTIFIER_MAX_LENGTH } from '../../domain/identifiers.ts';
import { createDatabaseSchema, updateDatabaseSchema } from '../../domain/spec/schema.ts';
import { findDatabase, listDatabases } from '../../store/databases.ts';
import { listInstances } from '../../store/instances.ts';
import { namesInScope } from '../access/may-use.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { withTopologies } from '../nodes/topologies.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { plannedSchema } from '../schemas/change-plan.ts';
import { idempotencyHeaders, pathIdentifier } from '../schemas/common.ts';
import { acceptedDatabaseSchema, acceptedTaskSchema, databaseListSchema, databaseSchema } from '../schemas/database.ts';
import { flag } from '../schemas/flag.ts';
import { databasePageSchema } from '../schemas/paging.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { conflict, json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { noSuchDatabase } from './absent.ts';
import { acceptCreate } from './accept-create.ts';
import { acceptDelete } from './accept-delete.ts';
import { acceptUpdate } from './accept-update.ts';
import { assertMayCreate } from './may-create.ts';
import { planCreate, planUpdate } from './plan-change.ts';
import { renderDatabase, renderSummary } from './render.ts';
import { surroundings } from './surroundings.ts';

const params = z.object({ database_id: pathIdentifier('database_id') });
const notFound = refused('There is no such database.');

/** Accepted, and without effect: what the servers here run is not upgraded by this control plane. */
const include = z
  .preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(z.enum(['available_upgrades'])).optional(),
  )
  .openapi({ type: 'array', items: { type: 'string', enum: ['available_upgrades'] } });

/** One host id or several: a repeated parameter. */
const hostList = z.preprocess(
  (value) => (value === undefined ? [] : [value].flat()),
  z.array(z.string().min(1).max(IDENTIFIER_MAX_LENGTH)),
);

const createDatabaseRoute = createRoute({
  method: 'post',
  path: '/v1/databases',
  summary: 'Create a database with its users and services',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    query: z.object({ dry_run: flag }),
    body: jsonBody(createDatabaseSchema),
  },
  responses: {
    200: json(
      z.union([acceptedDatabaseSchema, plannedSchema]),
      'Accepted: follow the task. Or the plan, with `dry_run`.',
    ),
    400: malformed,
    409: conflict,
    413: tooLarge,
    415: notJson,
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

const updateRoute = createRoute({
  method: 'post',
  path: '/v1/databases/{database_id}',
  summary: 'Change a database to what the specification says',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    query: z.object({
      force_update: flag.openapi({ description: 'Carry out every step and deploy every service anew.' }),
      remove_host: hostList.openapi({
        type: 'array',
        items: { type: 'string' },
        description: 'Hosts that are gone: nothing waits for them. The specification must not name them.',
      }),
      dry_run: flag.openapi({ description: 'Answer what would be done, and do nothing.' }),
    }),
    body: jsonBody(updateDatabaseSchema),
  },
  responses: {
    200: json(
      z.union([acceptedDatabaseSchema, plannedSchema]),
      'Accepted: follow the task. Or the plan, with `dry_run`.',
    ),
    400: malformed,
    404: notFound,
    409: conflict,
    413: tooLarge,
    415: notJson,
  },
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

  app.openapi(createDatabaseRoute, async (c) => {
    const request = c.req.valid('json');
    const caller = callerOf(c);
    assertMayCreate(caller, request.id);
    if (!c.req.valid('query').dry_run) return c.json(await acceptCreate(deps, caller, request), 200);
    const databaseId = request.id ?? uuidv4();
    return c.json({ plan: await planCreate(deps, caller, { databaseId, request }) }, 200);
  });

  app.openapi(updateRoute, async (c) => {
    const { force_update: force, remove_host: removeHosts, dry_run: dryRun } = c.req.valid('query');
    const update = {
      databaseId: c.req.valid('param').database_id,
      request: c.req.valid('json'),
      options: { force, removeHosts },
    };
    if (dryRun) return c.json({ plan: await planUpdate(deps, callerOf(c), update) }, 200);
    return c.json(await acceptUpdate(deps, callerOf(c), update), 200);
  });

  app.openapi(listRoute, async (c) => {
    const { limit, after_database_id: afterId } = c.req.valid('query');
    const ids = namesInScope(callerOf(c), 'databases');
    const [databases, known] = await Promise.all([
      listDatabases(deps.db, { limit, afterId, ids }),
      surroundings(deps.db),
    ]);
    const around = await withTopologies(deps, known, databases);
    return c.json({ databases: databases.map((database) => renderSummary(database, around)) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { database_id: id } = c.req.valid('param');
    const [database, instances, known] = await Promise.all([
      findDatabase(deps.db, id),
      listInstances(deps.db, [id]),
      surroundings(deps.db),
    ]);
    if (database === undefined) throw noSuchDatabase();
    const around = await withTopologies(deps, known, [database.spec]);
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
