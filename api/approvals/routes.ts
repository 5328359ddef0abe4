import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { VERDICTS } from '../../domain/approvals/vote.ts';
import { findApproval, findApprovalPlan, listApprovals } from '../../store/approvals.ts';
import { findTask } from '../../store/tasks.ts';
import { mayUse, namesInScope } from '../access/may-use.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import {
  approvalDetailSchema,
  approvalListSchema,
  approvalPageSchema,
  approvalSchema,
  cancelApprovalSchema,
  decisionSchema,
} from '../schemas/approval.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody, optionalJsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { renderTask } from '../tasks/render.ts';
import { cancel, decide, noSuchApproval } from './decide.ts';
import { renderApproval } from './render.ts';

const params = z.object({ approval_id: z.uuid().openapi({ param: { name: 'approval_id', in: 'path' } }) });
const notFound = refused('There is no such approval.');
const decided = refused('It is decided, its plan is another one, or the Idempotency-Key was used otherwise.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/approvals',
  summary: 'Changes that wait or waited for approval, newest first',
  request: { query: approvalPageSchema },
  responses: {
    200: json(approvalListSchema, 'A page of approvals.'),
    400: malformed,
    403: refused('The role of the caller does not allow it.'),
  },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/approvals/{approval_id}',
  summary: 'One approval with the plan that is to be decided about',
  request: { params },
  responses: {
    200: json(approvalDetailSchema, 'The approval.'),
    400: malformed,
    403: refused('The role of the caller does not allow it.'),
    404: notFound,
  },
});

const decisionRoute = <V extends (typeof VERDICTS)[number]>(verdict: V, summary: string) =>
  createRoute({
    method: 'post',
    path: `/v1/approvals/{approval_id}/${verdict}` as const,
    summary,
    middleware: [requireJsonBody()] as const,
    request: {
      params,
      headers: idempotencyHeaders,
      body: jsonBody(decisionSchema),
    },
    responses: {
      200: json(approvalSchema, 'The word is on record.'),
      400: malformed,
      403: refused('The policy does not name the caller, or the caller asked for the change.'),
      404: notFound,
      409: decided,
      413: tooLarge,
      415: notJson,
    },
  });

const approveRoute = decisionRoute(
  'approve',
  'Approve the plan with this hash; the last word that is needed carries it out',
);
const rejectRoute = decisionRoute('reject', 'Reject the plan with this hash: nothing of it is done');

const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/approvals/{approval_id}/cancel',
  summary: 'Take back what one has asked for',
  request: {
    params,
    headers: idempotencyHeaders,
    body: optionalJsonBody(cancelApprovalSchema),
  },
  responses: {
    200: json(approvalSchema, 'Taken back.'),
    400: malformed,
    403: refused('Somebody else asked for the change.'),
    404: notFound,
    409: decided,
  },
});

/** Changes that wait for others' word, and the words. */
export function approvalRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const {
      state,
      kind,
      server,
      requester,
      after_approval_id: afterId,
      limit,
      sort_order: order,
    } = c.req.valid('query');
    const servers = namesInScope(callerOf(c), 'servers');
    const filter = { state, kind, serverName: server, requester, servers };
    const approvals = await listApprovals(deps.db, { filter, afterId, limit, order });
    return c.json({ approvals: approvals.map(renderApproval) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { approval_id: id } = c.req.valid('param');
    const [approval, plan] = await Promise.all([findApproval(deps.db, id), findApprovalPlan(deps.db, id)]);
    if (approval === undefined || plan === undefined) throw noSuchApproval();
    if (!mayUse(callerOf(c), 'servers', approval.serverName)) throw noSuchApproval();
    // After it: where the approval is over, so is the task.
    const task = await findTask(deps.db, { taskId: id });
    if (task === undefined) throw noSuchApproval();
    return c.json({ ...renderApproval(approval), plan: { ...plan }, task: renderTask(task) }, 200);
  });

  app.openapi(approveRoute, async (c) => {
    const { approval_id: id } = c.req.valid('param');
    const { plan_hash: planHash, comment } = c.req.valid('json');
    return c.json(await decide(deps, callerOf(c), { id, verdict: 'approve', planHash, comment }), 200);
  });

  app.openapi(rejectRoute, async (c) => {
    const { approval_id: id } = c.req.valid('param');
    const { plan_hash: planHash, comment } = c.req.valid('json');
    return c.json(await decide(deps, callerOf(c), { id, verdict: 'reject', planHash, comment }), 200);
  });

  app.openapi(cancelRoute, async (c) => {
    const { approval_id: id } = c.req.valid('param');
    const { comment } = c.req.valid('json') ?? {};
    return c.json(await cancel(deps, callerOf(c), { id, comment }), 200);
  });

  return app;
}
