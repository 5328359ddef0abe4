import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findHost } from '../../store/hosts.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier } from '../schemas/common.ts';
import { flag } from '../schemas/flag.ts';
import { hostListSchema, hostSchema } from '../schemas/host.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import type { HostChecker } from './check.ts';
import { forgetHost } from './forget.ts';
import { checkOf, type HostLister } from './list.ts';
import { renderHost } from './render.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/hosts',
  summary: 'All hosts, asked now whether they are there',
  responses: { 200: json(hostListSchema, 'Every host that has joined.') },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/hosts/{host_id}',
  summary: 'One host',
  request: { params: z.object({ host_id: pathIdentifier('host_id', 'host-1') }) },
  responses: {
    200: json(hostSchema, 'The host.'),
    400: malformed,
    404: refused('There is no such host.'),
  },
});

const deleteHostRoute = createRoute({
  method: 'delete',
  path: '/v1/hosts/{host_id}',
  summary: 'Forget a host that no database names and whose worker has ended',
  request: {
    params: z.object({ host_id: pathIdentifier('host_id') }),
    query: z.object({
      force: flag.openapi({
        description: 'Also where its worker was lost, and with removals of services that wait for it.',
      }),
    }),
    headers: idempotencyHeaders,
  },
  responses: {
    200: json(z.object({ id: z.string() }), 'It is forgotten, and joins again only with a token that admits it.'),
    400: malformed,
    403: refused('Only an administrator may.'),
    404: refused('There is no such host.'),
    409: refused('It is in use; the message says by what.'),
  },
});

/** Hosts and whether they are there. */
export function hostRoutes(deps: ApiDeps, hosts: { ask: HostChecker; list: HostLister }): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => c.json({ hosts: await hosts.list() }, 200));

  app.openapi(getRoute, async (c) => {
    const host = await findHost(deps.db, c.req.valid('param').host_id);
    if (host === undefined || host.facts === null) throw new ApiError('not_found', 'no host found with the given ID');
    return c.json(renderHost(host, checkOf(await hosts.ask(), host)), 200);
  });

  app.openapi(deleteHostRoute, async (c) => {
    const { host_id: hostId } = c.req.valid('param');
    await forgetHost({ ...deps, ask: hosts.ask }, callerOf(c), { hostId, force: c.req.valid('query').force });
    return c.json({ id: hostId }, 200);
  });

  return app;
}
