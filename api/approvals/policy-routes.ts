import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findApprovalPolicy, listApprovalPolicies } from '../../store/approval-policies.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { approvalPolicyListSchema, approvalPolicySchema, policyBodySchema } from '../schemas/approval.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { createPolicy, noSuchPolicy, removePolicy, replacePolicy } from './policies.ts';
import { renderApprovalPolicy } from './render.ts';

const params = z.object({ policy_id: z.uuid().openapi({ param: { name: 'policy_id', in: 'path' } }) });
const body = jsonBody(policyBodySchema);
const answers = { 400: malformed, 403: refused('Only an administrator may.') };
const notFound = refused('There is no such policy.');
const conflict = refused('Another policy has the name, or the Idempotency-Key was used otherwise.');
const bodyRefusals = { 413: tooLarge, 415: notJson };

const listRoute = createRoute({
  method: 'get',
  path: '/v1/approval-policies',
  summary: 'Which changes need approval, and whose',
  responses: { 200: json(approvalPolicyListSchema, 'By name.'), 403: answers[403] },
});

const addRoute = createRoute({
  method: 'post',
  path: '/v1/approval-policies',
  summary: 'Add a policy: from now on changes that it is about wait',
  middleware: [requireJsonBody()] as const,
  request: { headers: idempotencyHeaders, body },
  responses: { 201: json(approvalPolicySchema, 'Added.'), 409: conflict, ...answers, ...bodyRefusals },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/approval-policies/{policy_id}',
  summary: 'One policy',
  request: { params },
  responses: { 200: json(approvalPolicySchema, 'The policy.'), 404: notFound, ...answers },
});

const putRoute = createRoute({
  method: 'put',
  path: '/v1/approval-policies/{policy_id}',
  summary: 'Replace a policy; what waits already goes on under the former rules',
  middleware: [requireJsonBody()] as const,
  request: { params, headers: idempotencyHeaders, body },
  responses: {
    200: json(approvalPolicySchema, 'As it is now.'),
    404: notFound,
    409: conflict,
    ...answers,
    ...bodyRefusals,
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/approval-policies/{policy_id}',
  summary: 'Remove a policy; what waits already goes on waiting',
  request: { params, headers: idempotencyHeaders },
  responses: { 200: json(approvalPolicySchema, 'As it was.'), 404: notFound, 409: conflict, ...answers },
});

/** Policies that say which changes need approval. */
export function approvalPolicyRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) =>
    c.json({ policies: (await listApprovalPolicies(deps.db)).map(renderApprovalPolicy) }, 200),
  );

  app.openapi(addRoute, async (c) => c.json(await createPolicy(deps, callerOf(c), c.req.valid('json')), 201));

  app.openapi(getRoute, async (c) => {
    const policy = await findApprovalPolicy(deps.db, c.req.valid('param').policy_id);
    if (policy === undefined) throw noSuchPolicy();
    return c.json(renderApprovalPolicy(policy), 200);
  });

  app.openapi(putRoute, async (c) => {
    const { policy_id: id } = c.req.valid('param');
    return c.json(await replacePolicy(deps, callerOf(c), { id, body: c.req.valid('json') }), 200);
  });

  app.openapi(deleteRoute, async (c) =>
    c.json(await removePolicy(deps, callerOf(c), c.req.valid('param').policy_id), 200),
  );

  return app;
}
