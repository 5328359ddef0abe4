import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { grantSchema, revokeSchema } from '../../domain/access/document/schema.ts';
import { changeOrHold, heldAnswer } from '../approvals/accept-held.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { changedSchema } from '../schemas/access.ts';
import { heldSchema } from '../schemas/approval.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { forbidden, notFound, serverParams, unavailable } from './params.ts';

const database = z.string().min(1).describe('Database that the objects are in, or that is meant itself.');

const responses = {
  200: json(changedSchema, 'The rights are as asked.'),
  202: json(heldSchema, 'The change waits for approval.'),
  400: malformed,
  403: forbidden,
  404: notFound,
  409: refused('The Idempotency-Key was used for another request.'),
  503: unavailable,
};

const grantsRoute = createRoute({
  method: 'post',
  path: '/v1/servers/{name}/grants',
  summary: 'Grant privileges',
  middleware: [requireJsonBody()] as const,
  request: {
    params: serverParams,
    headers: idempotencyHeaders,
    body: jsonBody(z.looseObject({ database, ...grantSchema.shape })),
  },
  responses,
});

const revokesRoute = createRoute({
  method: 'post',
  path: '/v1/servers/{name}/revokes',
  summary: 'Revoke privileges, whoever granted them',
  middleware: [requireJsonBody()] as const,
  request: {
    params: serverParams,
    headers: idempotencyHeaders,
    body: jsonBody(z.looseObject({ database, ...revokeSchema.shape })),
  },
  responses,
});

/** Single grants and revokes; their bodies are entries of a document, with the database. */
export function grantRoutes(deps: ServerApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  const change = async (
    c: Context<ApiVariables>,
    request: { serverName: string; list: 'grants' | 'revokes'; body: { database: string } },
  ) => {
    const { serverName, list, body } = request;
    const { database: name, ...entry } = body;
    const outcome = await changeOrHold(deps, callerOf(c), {
      serverName,
      kind: list === 'grants' ? 'grant' : 'revoke',
      route: `POST /v1/servers/{name}/${list}`,
      content: { serverName, ...body },
      document: { databases: [{ name, [list]: [entry] }] },
      prefix: `databases[0].${list}[0].`,
    });
    if (outcome.state === 'held') {
      const held = heldAnswer(outcome);
      return c.json(held.body, 202, held.headers);
    }
    const { taskId, result } = outcome.done;
    return c.json({ task_id: taskId, steps: result.steps ?? [] }, 200);
  };

  app.openapi(grantsRoute, async (c) => {
    const { name: serverName } = c.req.valid('param');
    return change(c, { serverName, list: 'grants', body: c.req.valid('json') });
  });

  app.openapi(revokesRoute, async (c) => {
    const { name: serverName } = c.req.valid('param');
    return change(c, { serverName, list: 'revokes', body: c.req.valid('json') });
  });

  return app;
}
