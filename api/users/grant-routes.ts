import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { type ApiVariables, callerOf } from '../caller.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { refusedWithError } from '../schemas/environment-errors.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json } from '../schemas/responses.ts';
import { grantAnswerSchema, refreshAnswerSchema, userGrantSchema, userRevokeSchema } from '../schemas/user-grants.ts';
import { placeSchema } from '../schemas/users.ts';
import type { UserDeps } from './deps.ts';
import { changePrivileges } from './grants.ts';
import { requirePlace, shownPlace } from './place.ts';

const answers = {
  400: refusedWithError('Every problem of the request, by its path.'),
  403: refusedWithError('A policy, a rule or the rights of the admin role forbid it; the text says which.'),
  404: refusedWithError('The registry has no active entry of this name.'),
  503: refusedWithError('The server does not answer, or the change takes longer; try again.'),
};
const conflict = refusedWithError('The Idempotency-Key was used for another request.');
const middleware = requireJsonBody();

const grantsRoute = createRoute({
  method: 'post',
  path: '/api/v1/grants',
  summary: 'Grant privileges in a database: on named objects, or on all of a schema, now and later',
  middleware,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(userGrantSchema),
  },
  responses: { 200: json(grantAnswerSchema, 'The rights are as asked.'), 409: conflict, ...answers },
});

const revokesRoute = createRoute({
  method: 'post',
  path: '/api/v1/revokes',
  summary: 'Revoke privileges in a database, whoever granted them',
  middleware,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(userRevokeSchema),
  },
  responses: { 200: json(grantAnswerSchema, 'The rights are as asked.'), 409: conflict, ...answers },
});

const refreshRoute = createRoute({
  method: 'post',
  path: '/api/v1/grants/refresh',
  summary: 'See to the rights of all groups of users in a database again, on what is there now',
  middleware,
  request: { body: jsonBody(placeSchema.strict()) },
  responses: { 200: json(refreshAnswerSchema, 'The groups, whose rights are complete.'), ...answers },
});

/** Privileges in databases of environments. */
export function userGrantRoutes(deps: UserDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(grantsRoute, async (c) =>
    c.json(await changePrivileges(deps, callerOf(c), { list: 'grants', body: c.req.valid('json') }), 200),
  );
  app.openapi(revokesRoute, async (c) =>
    c.json(await changePrivileges(deps, callerOf(c), { list: 'revokes', body: c.req.valid('json') }), 200),
  );
  app.openapi(refreshRoute, async (c) => {
    const caller = callerOf(c);
    const place = await requirePlace(deps, caller, c.req.valid('json'));
    const groups = await deps.groups.refresh(caller, place);
    return c.json(
      { ...shownPlace(place), groups: groups.map(({ kind, role, uncovered }) => ({ kind, role, uncovered })) },
      200,
    );
  });

  return app;
}
