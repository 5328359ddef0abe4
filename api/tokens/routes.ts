import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { renderScope, renderToken } from '../accounts/render.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import {
  callerSchema,
  createdTokenSchema,
  newTokenSchema,
  tokenIdParam,
  tokenListSchema,
  tokenPageSchema,
  tokenSchema,
} from '../schemas/account.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused } from '../schemas/responses.ts';
import { timestamp } from '../time.ts';
import { createToken } from './create.ts';
import { listOwnTokens, requireOwnToken, revoke } from './own.ts';

const params = z.object({ token_id: tokenIdParam });
const forbidden = refused('It would have more rights than the caller, or is for somebody else.');
const notFound = refused('There is no such token, or it is not yours.');

const meRoute = createRoute({
  method: 'get',
  path: '/v1/me',
  summary: 'Who you are here, and what you may do',
  responses: { 200: json(callerSchema, 'The caller.') },
});

const createTokenRoute = createRoute({
  method: 'post',
  path: '/v1/tokens',
  summary: 'Make a token for yourself; administrators for any account',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(newTokenSchema),
  },
  responses: {
    201: json(createdTokenSchema, 'The token with its secret, which is shown here only.'),
    400: malformed,
    403: forbidden,
    404: refused('There is no such account.'),
    409: refused('The Idempotency-Key was used otherwise.'),
    415: notJson,
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/tokens',
  summary: 'Your tokens, oldest first; for administrators those of any account',
  request: { query: tokenPageSchema },
  responses: { 200: json(tokenListSchema, 'A page of tokens.'), 400: malformed, 403: forbidden },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/tokens/{token_id}',
  summary: 'One token',
  request: { params },
  responses: { 200: json(tokenSchema, 'The token.'), 400: malformed, 404: notFound },
});

const revokeRoute = createRoute({
  method: 'delete',
  path: '/v1/tokens/{token_id}',
  summary: 'Revoke a token: the next request with it is refused',
  request: { params, headers: idempotencyHeaders },
  responses: { 200: json(tokenSchema, 'As it is now.'), 400: malformed, 404: notFound },
});

/** What callers are known by. */
export function tokenRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(meRoute, (c) => {
    const { account, way = 'anonymous', role, scope, tokenId, tokenExpiresAt } = callerOf(c);
    return c.json(
      {
        account,
        way,
        role,
        ...(scope === undefined ? {} : { scope: renderScope(scope) }),
        ...(tokenId === undefined ? {} : { token_id: tokenId }),
        ...(tokenExpiresAt === undefined ? {} : { token_expires_at: timestamp(tokenExpiresAt) }),
      },
      200,
    );
  });

  app.openapi(createTokenRoute, async (c) => c.json(await createToken(deps, callerOf(c), c.req.valid('json')), 201));

  app.openapi(listRoute, async (c) => {
    const tokens = await listOwnTokens(deps, callerOf(c), c.req.valid('query'));
    return c.json({ tokens: tokens.map(renderToken) }, 200);
  });

  app.openapi(getRoute, async (c) =>
    c.json(renderToken(await requireOwnToken(deps.db, callerOf(c), c.req.valid('param').token_id)), 200),
  );

  app.openapi(revokeRoute, async (c) => c.json(await revoke(deps, callerOf(c), c.req.valid('param').token_id), 200));

  return app;
}
