import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { createFailedAttempts } from '../../platform/auth/failed-attempts.ts';
import { createTokenIdentifier } from '../access/identify-token.ts';
import { BadCredentials, unauthorized } from '../access/identity.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { json } from '../schemas/responses.ts';
import { bearerOf, endAccessToken, exchangeKey, exchangeSchema, presentedKey } from './access-tokens.ts';
import { describedBody } from './body.ts';
import { pathEid } from './ids.ts';
import { accessTokenSchema, endedAccessTokenSchema, refusal, usualRefusals } from './schemas.ts';

const exchangeRoute = createRoute({
  method: 'post',
  path: '/access-tokens',
  summary: 'Exchange an API key for a token that is good for an hour',
  request: { headers: idempotencyHeaders, body: describedBody(exchangeSchema) },
  responses: {
    200: json(accessTokenSchema, 'The token, shown here only.'),
    ...usualRefusals,
    409: refusal('The Idempotency-Key was used otherwise.'),
  },
});

const endRoute = createRoute({
  method: 'delete',
  path: '/access-tokens/{token_id}',
  summary: 'End a token of your own before its time',
  request: { params: z.object({ token_id: pathEid('token_id') }) },
  responses: {
    200: json(endedAccessTokenSchema, 'As it was.'),
    ...usualRefusals,
    404: refusal('There is no such token, or it is not yours.'),
    410: refusal('It was ended before.'),
  },
});

/** Tokens that programs get for an API key. */
export function accessTokenRoutes(deps: Pick<ApiDeps, 'db' | 'log' | 'sealer'>): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  const identify = createTokenIdentifier(deps);
  const attempts = createFailedAttempts();

  app.openapi(exchangeRoute, async (c) => {
    const attempt = { address: callerOf(c).source };
    const seconds = await attempts.blockedFor(attempt);
    if (seconds !== undefined) {
      throw new ApiError('too_many_requests', `too many attempts with wrong keys; try again in ${seconds} s`, {
        headers: { 'Retry-After': String(seconds) },
      });
    }
    try {
      const caller = await bearerOf(await presentedKey(c), callerOf(c), identify);
      c.set('caller', caller);
      return c.json(await exchangeKey(deps, caller), 200);
    } catch (error) {
      if (!(error instanceof BadCredentials)) throw error;
      await attempts.failed(attempt);
      throw unauthorized(c.req.path, error.message, { invalid: true });
    }
  });

  app.openapi(endRoute, async (c) =>
    c.json(await endAccessToken(deps, callerOf(c), c.req.valid('param').token_id), 200),
  );

  return app;
}
