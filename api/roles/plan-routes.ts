import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { exportDocument } from '../../domain/access/document/export.ts';
import { withoutSecrets } from '../../domain/access/document/parse.ts';
import { accessDocumentSchema } from '../../domain/access/document/schema.ts';
import { renderPlanText } from '../../domain/access/planner/plan-text.ts';
import { rolesNamed } from '../../domain/approvals/roles-named.ts';
import { findTask } from '../../store/tasks.ts';
import { acceptPlanned, locationOf } from '../approvals/accept-held.ts';
import { findHold } from '../approvals/hold.ts';
import { renderApproval } from '../approvals/render.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { acceptedServerTaskSchema, planSchema } from '../schemas/access.ts';
import { breakGlassSchema, reasonSchema } from '../schemas/approval.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { requireServer } from '../servers/require-server.ts';
import { renderTask } from '../tasks/render.ts';
import { acceptServerTask } from './accept-server-task.ts';
import { checkOnServer, parseSubmitted } from './check.ts';
import { databasesNamed, everyDatabase, lookAt, planNow } from './look.ts';
import { forbidden, notFound, serverParams, unavailable } from './params.ts';
import { renderPlan } from './render-plan.ts';

const { $schema: _, ...documentDescription } = z.toJSONSchema(accessDocumentSchema, { io: 'input' });
/** Shape and rules of a document are told with their paths by its own parser; here it only has to be there. */
const document = z.unknown().openapi(documentDescription as never);

const planBody = z.strictObject({
  document,
  impact: z
    .enum(['documented', 'all'])
    .default('documented')
    .describe('Databases that are read to tell whose access changes: those of the document, or all of the server.'),
});
const applyBody = z.strictObject({
  document,
  plan_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is the hash of a plan: 64 hexadecimal digits')
    .optional(),
  prove_login: z.boolean().default(false).describe('Log in as every role whose password is set.'),
  reason: reasonSchema.optional().describe('For those who approve it, where a policy wants that.'),
  break_glass: breakGlassSchema.optional().describe('Do it without approval, where the policy lets the caller.'),
});
const exportQuery = z.object({
  database: z
    .array(z.string())
    .or(z.string().transform((name) => [name]))
    .optional(),
});
const answers = { 400: malformed, 403: forbidden, 404: notFound, 503: unavailable };

const planRoute = createRoute({
  method: 'post',
  path: '/v1/servers/{name}/plan',
  summary: 'What a document would change, without changing anything; as text with Accept: text/plain',
  middleware: [requireJsonBody()] as const,
  request: { params: serverParams, body: jsonBody(planBody) },
  responses: {
    200: {
      ...json(planSchema, 'The plan.'),
      content: { 'application/json': { schema: planSchema }, 'text/plain': { schema: z.string() } },
    },
    ...answers,
  },
});

const applyRoute = createRoute({
  method: 'post',
  path: '/v1/servers/{name}/apply',
  summary: 'Make a server as a document asks',
  middleware: [requireJsonBody()] as const,
  request: {
    params: serverParams,
    headers: idempotencyHeaders,
    body: jsonBody(applyBody),
  },
  responses: {
    202: json(acceptedServerTaskSchema, 'Accepted; follow the task. With `approval` it waits for that.'),
    409: refused('The plan has changed, or the Idempotency-Key was used for another request.'),
    ...answers,
  },
});

const exportRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/document',
  summary: 'A server as a document whose plan is empty',
  request: { params: serverParams, query: exportQuery },
  responses: {
    200: json(
      z.object({ document: z.unknown(), notes: z.array(z.string()) }).openapi('ExportedDocument'),
      'The document.',
    ),
    ...answers,
  },
});

/** Documents of roles and grants: planned, applied, exported. */
export function planRoutes(deps: ServerApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  const taskOf = async (taskId: string) => {
    const task = await findTask(deps.db, { taskId });
    if (task === undefined) throw new ApiError('not_found', 'the task is gone');
    return renderTask(task);
  };

  app.openapi(planRoute, async (c) => {
    const caller = callerOf(c);
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const body = c.req.valid('json');
    const parsed = parseSubmitted(body.document);
    const plan = await planNow(deps, { serverName: name, caller }, { ...parsed, impact: body.impact });
    return prefersText(c.req.header('Accept')) ? c.text(renderPlanText(plan), 200) : c.json(renderPlan(plan), 200);
  });

  app.openapi(applyRoute, async (c) => {
    const caller = callerOf(c);
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const body = c.req.valid('json');
    const parsed = parseSubmitted(body.document);
    const look = { serverName: name, caller };
    const options = { proveLogin: body.prove_login };
    const route = 'POST /v1/servers/{name}/apply';
    const content = { name, ...body };
    const hold = await findHold(deps, caller, {
      ...{ serverName: name, kind: 'apply', roles: rolesNamed(parsed.document) },
      ...{ reason: body.reason, breakGlass: body.break_glass?.reason },
    });
    if (hold !== undefined) {
      const planned = { serverName: name, document: body.document, planHash: body.plan_hash };
      const accepted = await acceptPlanned(deps, caller, { ...planned, route, content, parsed, hold, options });
      const { approval } = accepted;
      const body202 = { task: await taskOf(accepted.taskId), ...(approval && { approval: renderApproval(approval) }) };
      return c.json(body202, 202, approval === undefined ? {} : locationOf(approval));
    }
    if (body.plan_hash === undefined) await checkOnServer(deps, look, parsed);
    else await assertPlanStands(body.plan_hash, await planNow(deps, look, { ...parsed, impact: 'documented' }));
    const { taskId } = await acceptServerTask(deps, caller, {
      serverName: name,
      type: 'apply_roles',
      route,
      content,
      document: withoutSecrets(body.document),
      passwords: parsed.passwords,
      options,
      ...(body.plan_hash === undefined ? {} : { planHash: body.plan_hash }),
    });
    return c.json({ task: await taskOf(taskId) }, 202);
  });

  app.openapi(exportRoute, async (c) => {
    const caller = callerOf(c);
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const databases = c.req.valid('query').database;
    const scope = databases === undefined ? everyDatabase : databasesNamed(databases);
    const observed = await lookAt(deps, { serverName: name, caller }, scope);
    const missing = databases?.filter((database) => !observed.databases.has(database)) ?? [];
    if (missing.length > 0) throw new ApiError('not_found', `server ${name} has no database ${missing.join(', ')}`);
    return c.json(exportDocument(observed, databases === undefined ? {} : { databases }), 200);
  });

  return app;
}

async function assertPlanStands(expected: string, plan: { hash: string }): Promise<void> {
  if (plan.hash === expected) return;
  throw new ApiError(
    'plan_changed',
    `the plan has changed: it was ${expected} and is now ${plan.hash}; ask for the plan again, and apply that`,
  );
}

function prefersText(accept: string | undefined): boolean {
  return accept?.includes('text/plain') === true && !accept.includes('application/json');
}
