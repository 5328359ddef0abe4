import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { LeaseState } from '../../domain/leases/lease.ts';
import { listLeases } from '../../store/leases.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { forbidden, notFound as noServer, serverParams, unavailable } from '../roles/params.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import {
  issuedLeaseSchema,
  issueLeaseSchema,
  leaseFindingsSchema,
  leaseListSchema,
  leasePageSchema,
  leaseSchema,
  renewLeaseSchema,
  resolveLeaseSchema,
} from '../schemas/lease.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { renewLease, requireLease, resolveByHand, retryLease, revokeLease } from './change.ts';
import type { LeaseDeps } from './deps.ts';
import { leaseFindings } from './findings.ts';
import { issueLease } from './issue.ts';
import { renderLease } from './render.ts';
import { visibleLeases } from './visible.ts';

const params = z.object({ lease_id: z.uuid().openapi({ param: { name: 'lease_id', in: 'path' } }) });
const notFound = refused('There is no such lease, template or server.');
const conflict = refused('The state of the lease, or an earlier use of the Idempotency-Key, does not allow it.');
const tooMany = refused('A quota is used up, or too many requests wait; Retry-After says when to come back.');
const answers = { 400: malformed, 403: forbidden, 404: notFound };
const changes = { ...answers, 409: conflict, 503: unavailable };
const bodyRefusals = { 413: tooLarge, 415: notJson };

const issueRoute = createRoute({
  method: 'post',
  path: '/v1/leases',
  summary: 'Get a login that ends by itself',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(issueLeaseSchema),
  },
  responses: { 201: json(issuedLeaseSchema, 'The login.'), 429: tooMany, ...changes, ...bodyRefusals },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/leases',
  summary: 'Leases, newest first',
  request: { query: leasePageSchema },
  responses: { 200: json(leaseListSchema, 'A page of leases.'), 400: malformed, 403: forbidden },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/leases/{lease_id}',
  summary: 'One lease, with the receipt of its end',
  request: { params },
  responses: { 200: json(leaseSchema, 'The lease.'), ...answers },
});

const renewRoute = createRoute({
  method: 'post',
  path: '/v1/leases/{lease_id}/renew',
  summary: 'Move the end of a lease',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(renewLeaseSchema),
  },
  responses: { 200: json(leaseSchema, 'With its end as it is now.'), ...changes, ...bodyRefusals },
});

const revokeRoute = createRoute({
  method: 'post',
  path: '/v1/leases/{lease_id}/revoke',
  summary: 'End a lease now, proven',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(
      leaseSchema,
      'It is over; the receipt says what proves it. Or its end has failed, and the lease says why.',
    ),
    202: json(leaseSchema, 'It is still being ended.'),
    ...changes,
  },
});

const retryRoute = createRoute({
  method: 'post',
  path: '/v1/leases/{lease_id}/retry',
  summary: 'Try again to end a lease that could not be ended',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(leaseSchema, 'What came of it.'),
    202: json(leaseSchema, 'It is still being ended.'),
    ...changes,
  },
});

const resolveRoute = createRoute({
  method: 'post',
  path: '/v1/leases/{lease_id}/resolve',
  summary: 'Have a lease that could not be ended count as ended',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(resolveLeaseSchema),
  },
  responses: { 200: json(leaseSchema, 'Ended, without a receipt.'), ...changes, ...bodyRefusals },
});

const findingsRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/lease-findings',
  summary: 'What differs between leases on record and logins on a server',
  request: { params: serverParams },
  responses: {
    200: json(leaseFindingsSchema, 'Orphans and ghosts; nothing was changed.'),
    400: malformed,
    403: forbidden,
    404: noServer,
    503: unavailable,
  },
});

const LIVE: readonly LeaseState[] = ['issuing', 'active', 'ending', 'failed'];

/** Leases and what becomes of them. */
export function leaseRoutes(deps: LeaseDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(issueRoute, async (c) => {
    const { origin } = new URL(c.req.url);
    return c.json(await issueLease(deps, callerOf(c), c.req.valid('json'), origin), 201);
  });

  app.openapi(listRoute, async (c) => {
    const { server, state, holder, after_lease_id: after, limit, sort_order: order } = c.req.valid('query');
    const visible = visibleLeases(callerOf(c));
    if (visible.holder !== undefined && holder !== undefined && holder !== visible.holder) {
      return c.json({ leases: [] }, 200);
    }
    const states = state === undefined ? undefined : state === 'live' ? LIVE : [state];
    const found = await listLeases(
      deps.db,
      { serverName: server, states, holder, ...visible },
      { after, limit, order },
    );
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return c.json(
      {
        leases: page.map(renderLease),
        ...(found.length > limit && last !== undefined && { next_lease_id: last.id }),
      },
      200,
    );
  });

  app.openapi(getRoute, async (c) =>
    c.json(renderLease(await requireLease(deps, callerOf(c), c.req.valid('param').lease_id)), 200),
  );

  app.openapi(renewRoute, async (c) => {
    const { lease_id: id } = c.req.valid('param');
    const { ttl } = c.req.valid('json');
    return c.json(renderLease(await renewLease(deps, callerOf(c), { id, ttl })), 200);
  });

  app.openapi(revokeRoute, async (c) => {
    const lease = await revokeLease(deps, callerOf(c), c.req.valid('param').lease_id);
    return c.json(renderLease(lease), lease.state === 'ending' ? 202 : 200);
  });

  app.openapi(retryRoute, async (c) => {
    const lease = await retryLease(deps, callerOf(c), c.req.valid('param').lease_id);
    return c.json(renderLease(lease), lease.state === 'ending' ? 202 : 200);
  });

  app.openapi(resolveRoute, async (c) => {
    const { lease_id: id } = c.req.valid('param');
    return c.json(renderLease(await resolveByHand(deps, callerOf(c), { id, ...c.req.valid('json') })), 200);
  });

  app.openapi(findingsRoute, async (c) =>
    c.json(await leaseFindings(deps, callerOf(c), c.req.valid('param').name), 200),
  );

  return app;
}
