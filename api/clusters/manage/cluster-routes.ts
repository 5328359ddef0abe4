import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findCluster, listClusters } from '../../../store/clusters.ts';
import { type ApiVariables, callerOf } from '../../caller.ts';
import { answerInvalidShape, requireJsonBody } from '../../request-validation.ts';
import { idempotencyHeaders } from '../../schemas/common.ts';
import { jsonBody } from '../../schemas/request-bodies.ts';
import { json, malformed, notAllowed, notJson, refused } from '../../schemas/responses.ts';
import { cutPage, pageOf } from '../paging.ts';
import type { ClusterRoleDeps } from '../roles/context.ts';
import { prepareCluster } from '../roles/prepare.ts';
import { assignServer, noSuchCluster, unassignServer } from './clusters.ts';
import { renderCluster } from './render.ts';
import { clusterIdParam, clusterListSchema, clusterPageSchema, clusterSchema, newClusterSchema } from './schemas.ts';

const params = z.object({ cluster_id: clusterIdParam });
const notFound = refused('There is no such cluster.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/clusters',
  summary: 'Servers that were assigned to teams',
  request: { query: clusterPageSchema },
  responses: { 200: json(clusterListSchema, 'A page of clusters.'), 400: malformed, 403: notAllowed },
});

const assignRoute = createRoute({
  method: 'post',
  path: '/v1/clusters',
  summary: 'Make a registered server a cluster of a team',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(newClusterSchema),
  },
  responses: {
    201: json(clusterSchema, 'The cluster.'),
    400: malformed,
    403: notAllowed,
    404: refused('There is no such server or team.'),
    409: refused('The server is a cluster already, the name is taken, or the Idempotency-Key was used otherwise.'),
    415: notJson,
  },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/clusters/{cluster_id}',
  summary: 'One cluster',
  request: { params },
  responses: { 200: json(clusterSchema, 'The cluster.'), 400: malformed, 403: notAllowed, 404: notFound },
});

const unassignRoute = createRoute({
  method: 'delete',
  path: '/v1/clusters/{cluster_id}',
  summary: 'Take a server away from its team; on the server nothing changes',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(clusterSchema, 'As it was.'),
    400: malformed,
    403: notAllowed,
    404: notFound,
    409: refused('The Idempotency-Key was used otherwise.'),
  },
});

/** Assignments of servers to teams, for administrators. */
export function clusterManagementRoutes(deps: ClusterRoleDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const { team_id: teamId, ...query } = c.req.valid('query');
    const page = pageOf(query);
    const { rows, paging } = cutPage(await listClusters(deps.db, { teamId }, page), page);
    return c.json({ clusters: rows.map(renderCluster), ...paging }, 200);
  });

  app.openapi(assignRoute, async (c) => {
    const caller = callerOf(c);
    const cluster = await assignServer(deps, caller, c.req.valid('json'));
    await prepareCluster(deps, caller, cluster.id);
    return c.json(cluster, 201);
  });

  app.openapi(getRoute, async (c) => {
    const cluster = await findCluster(deps.db, c.req.valid('param').cluster_id);
    if (cluster === undefined) throw noSuchCluster();
    return c.json(renderCluster(cluster), 200);
  });

  app.openapi(unassignRoute, async (c) =>
    c.json(await unassignServer(deps, callerOf(c), c.req.valid('param').cluster_id), 200),
  );

  return app;
}
