import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findMaintenance, listMaintenance } from '../../store/maintenance.ts';
import { listServersByLabels } from '../../store/servers.ts';
import { namesInScope } from '../access/may-use.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import {
  changeServerSchema,
  registerServerSchema,
  serverListSchema,
  serverProbeSchema,
  serverSchema,
} from '../schemas/server.ts';
import { acceptChange } from './accept-change.ts';
import { acceptDelete } from './accept-delete.ts';
import { acceptRegister } from './accept-register.ts';
import { probeNow } from './probe.ts';
import { renderServer } from './render.ts';
import { requireServer } from './require-server.ts';

const params = z.object({ name: pathIdentifier('name', 'host-1') });
const forbidden = refused('Only an administrator may.');
const notFound = refused('There is no such server.');
const unreachable = refused('No endpoint takes changes; the message says what each of them answered.');

const label = z.string().regex(/^[^=]+=/, 'must be name=value');

const registerRoute = createRoute({
  method: 'post',
  path: '/v1/servers',
  summary: 'Register a PostgreSQL server, after logging in to it',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(registerServerSchema),
  },
  responses: {
    201: json(serverSchema, 'Registered.'),
    400: malformed,
    403: refused('Only an administrator may; and never the metadata server of this installation.'),
    409: refused('The name or the cluster is registered already, or the Idempotency-Key was used otherwise.'),
    413: tooLarge,
    415: notJson,
    503: unreachable,
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/servers',
  summary: 'All servers, or those with certain labels',
  request: {
    query: z.object({
      label: z
        .union([label, z.array(label)])
        .optional()
        .openapi({ example: 'environment=prod' }),
    }),
  },
  responses: { 200: json(serverListSchema, 'By name.'), 400: malformed, 403: forbidden },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}',
  summary: 'One server',
  request: { params },
  responses: { 200: json(serverSchema, 'The server.'), 400: malformed, 403: forbidden, 404: notFound },
});

const changeRoute = createRoute({
  method: 'put',
  path: '/v1/servers/{name}',
  summary: 'Replace the registration of a server',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(changeServerSchema),
  },
  responses: {
    200: json(serverSchema, 'As it is registered now.'),
    400: malformed,
    403: forbidden,
    404: notFound,
    409: refused('It would be another cluster, or another request changed it at the same time.'),
    413: tooLarge,
    415: notJson,
    503: unreachable,
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/servers/{name}',
  summary: 'Forget a server that nothing uses; on the server itself nothing changes',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(serverSchema, 'As it was registered.'),
    400: malformed,
    403: forbidden,
    404: notFound,
    409: refused('It is in use; the message says by what.'),
  },
});

const probeRoute = createRoute({
  method: 'post',
  path: '/v1/servers/{name}/probe',
  summary: 'Ask a server what it is, and what the admin role may do there',
  request: { params },
  responses: {
    200: json(serverProbeSchema, 'What it answered; also where it did not.'),
    400: malformed,
    403: forbidden,
    404: notFound,
  },
});

/** Registered PostgreSQL servers. */
export function serverRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(registerRoute, async (c) => c.json(await acceptRegister(deps, callerOf(c), c.req.valid('json')), 201));

  app.openapi(listRoute, async (c) => {
    const { label: wanted = [] } = c.req.valid('query');
    const servers = await listServersByLabels(
      deps.db,
      parseLabels([wanted].flat()),
      namesInScope(callerOf(c), 'servers'),
    );
    const maintenance = await listMaintenance(deps.db);
    return c.json({ servers: servers.map((server) => renderServer(server, maintenance.get(server.name))) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { name } = c.req.valid('param');
    const server = await requireServer(deps, name);
    return c.json(renderServer(server, await findMaintenance(deps.db, name)), 200);
  });

  app.openapi(changeRoute, async (c) => {
    const { name } = c.req.valid('param');
    return c.json(await acceptChange(deps, callerOf(c), name, c.req.valid('json')), 200);
  });

  app.openapi(deleteRoute, async (c) => c.json(await acceptDelete(deps, callerOf(c), c.req.valid('param').name), 200));

  app.openapi(probeRoute, async (c) => c.json(await probeNow(deps, callerOf(c), c.req.valid('param').name), 200));

  return app;
}

/** `environment=prod`; a value may contain further equals signs. */
function parseLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
