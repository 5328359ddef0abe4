import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier } from '../schemas/common.ts';
import { acceptedJwtRotationSchema, jwtRotationBodySchema, jwtRotationSchema } from '../schemas/jwt-rotation.ts';
import { optionalJsonBody } from '../schemas/request-bodies.ts';
import { conflict, json, malformed, notAllowed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { acceptJwtRotation, showJwtRotation } from './jwt-rotation.ts';

const params = z.object({ database_id: pathIdentifier('database_id'), service_id: pathIdentifier('service_id') });
const notFound = refused('There is no such database or service, or its key was never rotated.');

const rotateRoute = createRoute({
  method: 'post',
  path: '/v1/databases/{database_id}/services/{service_id}/jwt-rotation',
  summary: 'Give a service a new JWT key; for a while the former one counts beside it',
  request: {
    params,
    headers: idempotencyHeaders,
    body: optionalJsonBody(jwtRotationBodySchema),
  },
  responses: {
    202: json(acceptedJwtRotationSchema, 'Accepted; follow the task. A secret that was made is shown here alone.'),
    400: malformed,
    403: notAllowed,
    404: notFound,
    409: conflict,
    413: tooLarge,
    415: notJson,
  },
});

const showRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/services/{service_id}/jwt-rotation',
  summary: 'How far the newest rotation of a service’s JWT key is',
  request: { params },
  responses: { 200: json(jwtRotationSchema, 'Without keys.'), 400: malformed, 403: notAllowed, 404: notFound },
});

/** What is done to a single service of a database. */
export function databaseServiceRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(rotateRoute, async (c) => {
    const { database_id: databaseId, service_id: serviceId } = c.req.valid('param');
    const body = jwtRotationBodySchema.parse(c.req.valid('json') ?? {});
    return c.json(await acceptJwtRotation(deps, callerOf(c), { databaseId, serviceId, body }), 202);
  });

  app.openapi(showRoute, async (c) => {
    const { database_id: databaseId, service_id: serviceId } = c.req.valid('param');
    return c.json(await showJwtRotation(deps, { databaseId, serviceId }), 200);
  });

  return app;
}
