import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findHost } from '../../store/hosts.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { pathIdentifier } from '../schemas/common.ts';
import { hostListSchema, hostSchema } from '../schemas/host.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import type { HostChecker } from './check.ts';
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

/** Hosts and whether they are there. */
export function hostRoutes(deps: ApiDeps, hosts: { ask: HostChecker; list: HostLister }): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => c.json({ hosts: await hosts.list() }, 200));

  app.openapi(getRoute, async (c) => {
    const host = await findHost(deps.db, c.req.valid('param').host_id);
    if (host === undefined || host.facts === null) throw new ApiError('not_found', 'no host found with the given ID');
    return c.json(renderHost(host, checkOf(await hosts.ask(), host)), 200);
  });

  return app;
}
