import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { EVERY_ENVIRONMENT } from '../../domain/registry/names.ts';
import { findPolicy, listPolicies } from '../../store/policies.ts';
import { hasEntries } from '../../store/registry.ts';
import { mayUse } from '../access/may-use.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { policyListSchema, policyParams, policySchema, putPolicySchema } from '../schemas/policy.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { noSuchEnvironment } from './absent.ts';
import { acceptPolicy, removePolicy } from './changes.ts';
import { renderPolicy } from './render.ts';

const forbidden = refused('Only an administrator may.');
const conflict = refused('The Idempotency-Key was used for another request.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/policies',
  summary: 'What was set for environments, `*` first',
  responses: { 200: json(policyListSchema, 'By environment.'), 403: forbidden },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/policies/{env}',
  summary: 'What holds for users of an environment',
  request: { params: policyParams },
  responses: {
    200: json(policySchema, 'Its own, that of `*`, or the default.'),
    400: malformed,
    403: forbidden,
    404: refused('The environment has neither databases nor a policy.'),
  },
});

const putRoute = createRoute({
  method: 'put',
  path: '/v1/policies/{env}',
  summary: 'Set what an environment allows; `*` for all without a policy of their own',
  middleware: [requireJsonBody()] as const,
  request: {
    params: policyParams,
    headers: idempotencyHeaders,
    body: jsonBody(putPolicySchema),
  },
  responses: {
    200: json(policySchema, 'What holds from now on.'),
    400: malformed,
    403: forbidden,
    409: conflict,
    413: tooLarge,
    415: notJson,
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/policies/{env}',
  summary: 'Take back what was set for an environment',
  request: { params: policyParams, headers: idempotencyHeaders },
  responses: {
    200: json(policySchema, 'What was set.'),
    400: malformed,
    403: forbidden,
    404: refused('Nothing was set for exactly this environment.'),
    409: conflict,
  },
});

/** Policies of environments for the users that are made in them. */
export function policyRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const caller = callerOf(c);
    const records = await listPolicies(deps.db);
    const policies = records
      .filter(({ env }) => mayUse(caller, 'environments', env))
      .map((record) => renderPolicy(record.env, record));
    return c.json({ policies }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { env } = c.req.valid('param');
    const record = await findPolicy(deps.db, env);
    const isThere = env === EVERY_ENVIRONMENT || record?.env === env || (await hasEntries(deps.db, env));
    if (!isThere) throw noSuchEnvironment(env);
    return c.json(renderPolicy(env, record), 200);
  });

  app.openapi(putRoute, async (c) =>
    c.json(await acceptPolicy(deps, callerOf(c), c.req.valid('param').env, c.req.valid('json')), 200),
  );

  app.openapi(deleteRoute, async (c) => c.json(await removePolicy(deps, callerOf(c), c.req.valid('param').env), 200));

  return app;
}
