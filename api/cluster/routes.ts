import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { insertAudit } from '../../store/audit.ts';
import { askedBy } from '../audit-intent.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import type { HostLister } from '../hosts/list.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { clusterSchema, joinTokenSchema } from '../schemas/cluster.ts';
import { queryIdentifier } from '../schemas/paging.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { refuseSpeculation } from '../speculative-requests.ts';

const clusterRoute = createRoute({
  method: 'get',
  path: '/v1/cluster',
  // Beside it there are clusters, and one of them is `getCluster`.
  operationId: 'getInstallation',
  summary: 'The installation and its hosts',
  responses: { 200: json(clusterSchema, 'The installation.') },
});

const initRoute = createRoute({
  method: 'get',
  path: '/v1/cluster/init',
  summary: 'Refused: an installation is set up before it answers',
  request: { query: z.object({ cluster_id: queryIdentifier.optional() }) },
  responses: {
    200: json(joinTokenSchema, 'Never: published clients expect the endpoint.'),
    400: malformed,
    409: refused('The installation is set up already.'),
  },
});

const joinTokenRoute = createRoute({
  method: 'get',
  path: '/v1/cluster/join-token',
  summary: 'The token that host workers join with, for administrators',
  middleware: [refuseSpeculation()] as const,
  responses: { 200: json(joinTokenSchema, 'The token: a secret.'), 403: refused('The caller is no administrator.') },
});

/** The installation as a whole. */
export function clusterRoutes(deps: ApiDeps, listHosts: HostLister): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(clusterRoute, async (c) => {
    const hosts = await listHosts();
    // As published servers do: an installation that answers is available, whatever its hosts are.
    return c.json({ id: deps.installationId, status: { state: 'available' as const }, hosts }, 200);
  });

  app.openapi(initRoute, () => {
    throw new ApiError('cluster_already_initialized', 'this installation is set up already');
  });

  app.openapi(joinTokenRoute, async (c) => {
    const caller = callerOf(c);
    // A request for the headers alone reveals nothing.
    if (c.req.method === 'HEAD') return c.json({ token: '', server_urls: [] }, 200);
    await insertAudit(deps.db, {
      kind: 'reveal',
      ...askedBy(caller),
      action: 'cluster.join-token',
      resource: `cluster/${deps.installationId}`,
    });
    // The name under which the caller has reached this server: it has been checked, and is where others may reach it.
    return c.json({ token: deps.joinToken, server_urls: [new URL(c.req.url).origin] }, 200);
  });

  return app;
}
