import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { refusedWithError } from '../schemas/environment-errors.ts';
import { json } from '../schemas/responses.ts';
import { refuseSpeculation } from '../speculative-requests.ts';
import { lookAtHandover, openHandover } from './handover.ts';
import { revealedPage, waitingPage, wantsPage } from './handover-page.ts';

const params = z.object({
  token: z
    .string()
    .min(1)
    .max(100)
    .openapi({ param: { name: 'token', in: 'path' } }),
});
const gone = refusedWithError('The link was opened before, has expired, or never was one.');
const page = { 'text/html': { schema: z.string() } };

const lookRoute = createRoute({
  method: 'get',
  path: '/api/v1/handover/{token}',
  summary: 'Whether a password waits behind a link; shows nothing of it',
  request: { params },
  responses: {
    200: {
      description: 'It waits. A page with a button for those who take HTML.',
      content: {
        'application/json': { schema: z.object({ status: z.literal('waiting'), expires_at: z.string() }) },
        ...page,
      },
    },
    404: gone,
  },
});

const revealedSchema = z
  .object({
    username: z.string(),
    password: z.string(),
    hostname: z.string(),
    database: z.string(),
    port: z.string(),
    env: z.string(),
  })
  .openapi('HandedOverPassword');

const openRoute = createRoute({
  method: 'post',
  path: '/api/v1/handover/{token}',
  summary: 'See the password behind a link, for the first and last time',
  middleware: refuseSpeculation(),
  request: { params },
  responses: {
    200: {
      ...json(revealedSchema, 'The password.'),
      content: { 'application/json': { schema: revealedSchema }, ...page },
    },
    404: gone,
  },
});

/** Passwords behind links. Who has the link needs no credentials: its token is one. */
export function handoverRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(lookRoute, async (c) => {
    const waiting = await lookAtHandover(deps, c.req.valid('param').token);
    if (wantsPage(c)) return waitingPage(c, waiting) as never;
    return c.json({ status: 'waiting' as const, expires_at: waiting.expiresAt.toISOString() }, 200);
  });

  app.openapi(openRoute, async (c) => {
    const revealed = await openHandover(deps, callerOf(c), c.req.valid('param').token);
    return wantsPage(c) ? (revealedPage(c, revealed) as never) : c.json(revealed, 200);
  });

  return app;
}
