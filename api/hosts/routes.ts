import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { HostCheck } from '../../domain/services.ts';
import { findHost, type HostRecord, listHosts } from '../../store/hosts.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { pathIdentifier } from '../schemas/common.ts';
import { hostListSchema, hostSchema } from '../schemas/host.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { createHostChecker } from './check.ts';
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
  request: { params: z.object({ host_id: pathIdentifier('host_id') }) },
  responses: {
    200: json(hostSchema, 'The host.'),
    400: malformed,
    404: refused('There is no such host.'),
  },
});

/** Hosts and whether they are there. */
export function hostRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  const askHosts = createHostChecker(deps);
  const checkOf = (checks: HostCheck[] | undefined, host: HostRecord) => checks?.find((c) => c.hostId === host.id);

  app.openapi(listRoute, async (c) => {
    const [hosts, checks] = await Promise.all([listHosts(deps.db), askHosts()]);
    const joined = hosts.filter((host) => host.facts !== null);
    return c.json({ hosts: joined.map((host) => renderHost(host, checkOf(checks, host))) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const host = await findHost(deps.db, c.req.valid('param').host_id);
    if (host === undefined || host.facts === null) throw new ApiError('not_found', 'no host found with the given ID');
    return c.json(renderHost(host, checkOf(await askHosts(), host)), 200);
  });

  return app;
}
