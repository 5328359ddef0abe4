import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier } from '../schemas/common.ts';
import { acceptedTaskSchema } from '../schemas/database.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused } from '../schemas/responses.ts';
import { switchoverSchema } from '../schemas/switchover.ts';
import { acceptSwitchover } from './accept-switchover.ts';

const nodeName = z
  .string()
  .regex(/^n[0-9]{1,9}$/)
  .openapi({ param: { name: 'node_name', in: 'path' }, example: 'n1' });

const switchoverRoute = createRoute({
  method: 'post',
  path: '/v1/databases/{database_id}/nodes/{node_name}/switchover',
  summary: 'Make a standby of a node its primary',
  middleware: [requireJsonBody()] as const,
  request: {
    params: z.object({ database_id: pathIdentifier('database_id'), node_name: nodeName }),
    headers: idempotencyHeaders,
    body: jsonBody(switchoverSchema),
  },
  responses: {
    200: json(acceptedTaskSchema, 'Accepted; follow the task.'),
    400: malformed,
    403: refused('Every database on the server is affected: only administrators may ask for it.'),
    404: refused('There is no such database or node, or it has no primary.'),
    409: refused('Another operation is under way, or an earlier use of the Idempotency-Key does not allow it.'),
    415: notJson,
  },
});

/** What is asked of the servers of a node. */
export function nodeRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  app.openapi(switchoverRoute, async (c) => {
    const caller = callerOf(c);
    const { database_id: databaseId, node_name: nodeName } = c.req.valid('param');
    return c.json(await acceptSwitchover(deps, caller, { databaseId, nodeName, body: c.req.valid('json') }), 200);
  });
  return app;
}
