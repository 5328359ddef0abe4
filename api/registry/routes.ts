import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findEntry, listEntries } from '../../store/registry.ts';
import { mayUse } from '../access/may-use.ts';
import { type ApiVariables, type Caller, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { refusedWithError } from '../schemas/environment-errors.ts';
import {
  changeEntrySchema,
  entryListSchema,
  entryPageSchema,
  entrySchema,
  registerEntrySchema,
} from '../schemas/registry.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json } from '../schemas/responses.ts';
import { changeEntry, noSuchEntry, registerEntry, removeEntry } from './changes.ts';
import { renderEntry, renderEntryWithServer } from './render.ts';

const MAX_ID = 2_147_483_647;
const params = z.object({
  id: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_ID)
    .openapi({ param: { name: 'id', in: 'path' } }),
});
const malformed = refusedWithError('Every problem of the request, by its name.');
const unauthorized = refusedWithError('Not known.');
const forbidden = refusedWithError('Only an administrator may.');
const notFound = refusedWithError('There is no such entry.');
const conflict = refusedWithError(
  'The environment has a database of that name, or the Idempotency-Key was used otherwise.',
);
const tooLarge = refusedWithError('The body is too large.');
const notJson = refusedWithError('The body is not JSON.');

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/registry',
  summary: 'Databases by environment, as the caller may see them',
  request: { query: entryPageSchema },
  responses: { 200: json(entryListSchema, 'By environment and name.'), 400: malformed, 401: unauthorized },
});

const registerRoute = createRoute({
  method: 'post',
  path: '/api/v1/registry',
  summary: 'Register a database of an environment, on a registered server',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(registerEntrySchema),
  },
  responses: {
    201: json(entrySchema, 'Registered.'),
    400: malformed,
    401: unauthorized,
    403: forbidden,
    409: conflict,
    413: tooLarge,
    415: notJson,
  },
});

const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/registry/{id}',
  summary: 'Change an entry; at another address it is on the server that is registered there',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(changeEntrySchema),
  },
  responses: {
    200: json(entrySchema, 'As it is now.'),
    400: malformed,
    401: unauthorized,
    403: forbidden,
    404: notFound,
    409: conflict,
    413: tooLarge,
    415: notJson,
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/registry/{id}',
  summary: 'Forget an entry; on its server nothing changes',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(entrySchema, 'As it was.'),
    400: malformed,
    401: unauthorized,
    403: forbidden,
    404: notFound,
    409: conflict,
  },
});

/** The registry of databases by environment. */
export function registryRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  app.openapi(listRoute, async (c) => {
    const caller = callerOf(c);
    const { env, limit, after_id: afterId, include } = c.req.valid('query');
    const entries = await listEntries(deps.db, {
      environments: environmentsOf(caller, env),
      after: afterId === undefined ? undefined : await entryOnPage(deps, caller, afterId),
      limit,
    });
    const databases = entries.map(include === 'server' ? renderEntryWithServer : renderEntry);
    return c.json({ count: databases.length, databases }, 200);
  });

  app.openapi(registerRoute, async (c) => c.json(await registerEntry(deps, callerOf(c), c.req.valid('json')), 201));

  app.openapi(changeRoute, async (c) =>
    c.json(await changeEntry(deps, callerOf(c), c.req.valid('param').id, c.req.valid('json')), 200),
  );

  app.openapi(deleteRoute, async (c) => c.json(await removeEntry(deps, callerOf(c), c.req.valid('param').id), 200));

  return app;
}

/** The environments that a list is of: what is asked for and within the caller's scope (R6). Undefined for all. */
function environmentsOf(caller: Caller, asked: string | undefined): readonly string[] | undefined {
  if (asked !== undefined) return mayUse(caller, 'environments', asked) ? [asked] : [];
  return caller.scope === undefined ? undefined : (caller.scope.environments ?? []);
}

/** @throws ApiError 400 for an entry that is not there, or not for the caller: no page follows it */
async function entryOnPage(deps: ApiDeps, caller: Caller, id: number) {
  const entry = await findEntry(deps.db, id);
  if (entry !== undefined && mayUse(caller, 'environments', entry.env)) return entry;
  throw new ApiError('invalid_input', `after_id: ${noSuchEntry(id).message}`);
}
