import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { hygienePage, hygieneText } from '../../domain/access/effective/hygiene-page.ts';
import { hygieneReport } from '../../domain/access/effective/hygiene-report.ts';
import { findLook } from '../../store/drift/looks.ts';
import { findManagedDocument } from '../../store/drift/managed-documents.ts';
import { findDriftPolicy } from '../../store/drift/policies.ts';
import { findSightings } from '../../store/drift/sightings.ts';
import { findTask } from '../../store/tasks.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { acceptServerTask } from '../roles/accept-server-task.ts';
import { everyDatabase, lookAt } from '../roles/look.ts';
import { forbidden, notFound, serverParams, unavailable } from '../roles/params.ts';
import { acceptedServerTaskSchema } from '../schemas/access.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import {
  checkDriftSchema,
  driftPageSchema,
  driftPolicySchema,
  driftSchema,
  hygieneSchema,
  maintenanceAnswerSchema,
  managedDocumentAnswerSchema,
  managedDocumentSchema,
  putDriftPolicySchema,
  setMaintenanceSchema,
} from '../schemas/drift.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { requireServer } from '../servers/require-server.ts';
import { renderTask } from '../tasks/render.ts';
import { acceptDriftPolicy, acceptMaintenance, acceptManagedDocument, removeManagedDocument } from './changes.ts';
import { renderDriftPolicy, renderHygiene, renderManagedDocument } from './render.ts';
import { showDrift } from './show.ts';

const answers = { 400: malformed, 403: forbidden, 404: notFound };
const taken = refused('The Idempotency-Key was used for another request.');
const changes = { ...answers, 409: taken, 413: tooLarge, 415: notJson };

const getPolicyRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/drift-policy',
  summary: 'What is done about drift on a server',
  request: { params: serverParams },
  responses: { 200: json(driftPolicySchema, 'The policy.'), ...answers },
});

const putPolicyRoute = createRoute({
  method: 'put',
  path: '/v1/servers/{name}/drift-policy',
  summary: 'Set what is done about drift on a server: repair, report or ignore, kind by kind',
  middleware: [requireJsonBody()] as const,
  request: { params: serverParams, headers: idempotencyHeaders, body: jsonBody(putDriftPolicySchema) },
  responses: { 200: json(driftPolicySchema, 'As it is now.'), ...changes },
});

const getDocumentRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/managed-document',
  summary: 'The document that a server is held against',
  request: { params: serverParams },
  responses: {
    200: json(managedDocumentAnswerSchema, 'The document, without secrets; null: none was applied or named.'),
    ...answers,
  },
});

const putDocumentRoute = createRoute({
  method: 'put',
  path: '/v1/servers/{name}/managed-document',
  summary: 'Name the document that a server is held against, in place of the one that was applied last',
  middleware: [requireJsonBody()] as const,
  request: {
    params: serverParams,
    headers: idempotencyHeaders,
    body: jsonBody(z.strictObject({ document: z.unknown().describe('As for apply, without passwords.') })),
  },
  responses: { 200: json(managedDocumentSchema, 'As it is now.'), ...changes, 503: unavailable },
});

const deleteDocumentRoute = createRoute({
  method: 'delete',
  path: '/v1/servers/{name}/managed-document',
  summary: 'Forget the document that was named: the one that was applied last counts again',
  request: { params: serverParams, headers: idempotencyHeaders },
  responses: { 200: json(managedDocumentSchema, 'As it was.'), ...answers, 409: taken },
});

const driftRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/drift',
  summary: 'What differs on a server from what it should be, and when it was looked at',
  request: { params: serverParams, query: driftPageSchema },
  responses: { 200: json(driftSchema, 'What was seen, with a page of findings.'), ...answers },
});

const checkRoute = createRoute({
  method: 'post',
  path: '/v1/servers/{name}/drift/check',
  summary: 'Look at the whole of a server now',
  middleware: [requireJsonBody()] as const,
  request: { params: serverParams, headers: idempotencyHeaders, body: jsonBody(checkDriftSchema) },
  responses: { 202: json(acceptedServerTaskSchema, 'Accepted; follow the task.'), ...changes },
});

const maintenanceRoute = createRoute({
  method: 'post',
  path: '/v1/servers/{name}/maintenance',
  summary: 'Begin or end maintenance: meanwhile nothing is rotated, repaired or issued on the server',
  middleware: [requireJsonBody()] as const,
  request: { params: serverParams, headers: idempotencyHeaders, body: jsonBody(setMaintenanceSchema) },
  responses: { 200: json(maintenanceAnswerSchema, 'As it is now.'), ...changes },
});

const FORMATS = ['json', 'html', 'text'] as const;

const hygieneRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/hygiene',
  summary: 'What is worth tidying up on a server: as JSON, as a page, as text',
  request: {
    params: serverParams,
    query: z.object({ format: z.enum(FORMATS).optional().describe('By the Accept header unless given.') }),
  },
  responses: {
    200: {
      ...json(hygieneSchema, 'The report.'),
      content: {
        'application/json': { schema: hygieneSchema },
        'text/html': { schema: z.string() },
        'text/plain': { schema: z.string() },
      },
    },
    ...answers,
    503: unavailable,
  },
});

/** Nothing is loaded from anywhere and nothing runs. */
const PAGE_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Drift, maintenance and hygiene of servers. */
export function driftRoutes(deps: ServerApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(getPolicyRoute, async (c) => {
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    return c.json(renderDriftPolicy(await findDriftPolicy(deps.db, name)), 200);
  });

  app.openapi(putPolicyRoute, async (c) =>
    c.json(await acceptDriftPolicy(deps, callerOf(c), c.req.valid('param').name, c.req.valid('json')), 200),
  );

  app.openapi(getDocumentRoute, async (c) => {
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const document = await findManagedDocument(deps.db, name);
    return c.json({ managed_document: document === undefined ? null : renderManagedDocument(document) }, 200);
  });

  app.openapi(putDocumentRoute, async (c) => {
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    return c.json(await acceptManagedDocument(deps, callerOf(c), name, c.req.valid('json').document), 200);
  });

  app.openapi(deleteDocumentRoute, async (c) =>
    c.json(await removeManagedDocument(deps, callerOf(c), c.req.valid('param').name), 200),
  );

  app.openapi(driftRoute, async (c) => {
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    return c.json(await showDrift(deps, name, c.req.valid('query')), 200);
  });

  app.openapi(checkRoute, async (c) => {
    const caller = callerOf(c);
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const { resume } = c.req.valid('json');
    if (resume && !caller.isAdmin) throw new ApiError('forbidden', 'resume needs the admin role');
    const { taskId } = await acceptServerTask(deps, caller, {
      serverName: name,
      type: 'check_drift',
      route: 'POST /v1/servers/{name}/drift/check',
      content: { name, resume },
      document: { resume },
      passwords: new Map(),
    });
    const task = await findTask(deps.db, { taskId });
    if (task === undefined) throw new ApiError('not_found', 'the task is gone');
    return c.json({ task: renderTask(task) }, 202);
  });

  app.openapi(maintenanceRoute, async (c) =>
    c.json(await acceptMaintenance(deps, callerOf(c), c.req.valid('param').name, c.req.valid('json')), 200),
  );

  app.openapi(hygieneRoute, async (c) => {
    const caller = callerOf(c);
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const [observed, look, { policy }, seen] = await Promise.all([
      lookAt(deps, { serverName: name, caller }, everyDatabase),
      findLook(deps.db, name),
      findDriftPolicy(deps.db, name),
      findSightings(deps.db, name),
    ]);
    const observation = { since: look?.observingSince ?? null, everySeconds: policy.intervalSeconds, seen };
    const report = hygieneReport(observed, { now: new Date(), observation });
    const format = c.req.valid('query').format ?? formatOf(c.req.header('Accept'));
    if (format === 'html') return c.html(hygienePage(report), 200, PAGE_HEADERS) as never;
    if (format === 'text') return c.text(hygieneText(report), 200);
    return c.json(renderHygiene(report), 200);
  });

  return app;
}

/** JSON, unless only something else is asked for. */
function formatOf(accept = ''): (typeof FORMATS)[number] {
  if (accept.includes('application/json')) return 'json';
  if (accept.includes('text/html')) return 'html';
  return accept.includes('text/plain') ? 'text' : 'json';
}
