import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { listJoinTokens } from '../../store/join-tokens.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import {
  createdJoinTokenSchema,
  joinTokenListSchema,
  joinTokenPageSchema,
  namedJoinTokenSchema,
  newJoinTokenSchema,
} from '../schemas/join-token.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { createJoinToken, renderJoinToken, revoke } from './join-tokens.ts';

const forbidden = refused('Only an administrator may.');

const createTokenRoute = createRoute({
  method: 'post',
  path: '/v1/hosts/join-tokens',
  summary: 'Make a token that hosts join with',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(newJoinTokenSchema),
  },
  responses: {
    201: json(createdJoinTokenSchema, 'The token with its secret, which is shown here only.'),
    400: malformed,
    403: forbidden,
    409: refused('The Idempotency-Key was used otherwise.'),
    413: tooLarge,
    415: notJson,
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/hosts/join-tokens',
  summary: 'Join tokens, oldest first, without their secrets',
  request: { query: joinTokenPageSchema },
  responses: { 200: json(joinTokenListSchema, 'A page of tokens.'), 400: malformed, 403: forbidden },
});

const revokeRoute = createRoute({
  method: 'delete',
  path: '/v1/hosts/join-tokens/{token_id}',
  summary: 'Revoke a join token: no further host joins with it, and those that have joined go on',
  request: {
    params: z.object({ token_id: z.uuid().openapi({ param: { name: 'token_id', in: 'path' } }) }),
    headers: idempotencyHeaders,
  },
  responses: {
    200: json(namedJoinTokenSchema, 'As it is now.'),
    400: malformed,
    403: forbidden,
    404: refused('There is no such token.'),
  },
});

/** Tokens that host workers join with (R12). */
export function joinTokenRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(createTokenRoute, async (c) =>
    c.json(await createJoinToken(deps, callerOf(c), c.req.valid('json')), 201),
  );

  app.openapi(listRoute, async (c) => {
    const { limit, after_token_id: afterId } = c.req.valid('query');
    const tokens = await listJoinTokens(deps.db, { limit, afterId });
    return c.json({ tokens: tokens.map(renderJoinToken) }, 200);
  });

  app.openapi(revokeRoute, async (c) => c.json(await revoke(deps, callerOf(c), c.req.valid('param').token_id), 200));

  return app;
}
