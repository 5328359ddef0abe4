import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { choosePrimary } from '../../platform/target/primary.ts';
import { listOwnClusters } from '../../store/clusters.ts';
import { namesInScope } from '../access/may-use.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { json } from '../schemas/responses.ts';
import { accountOf, requireCluster } from './context.ts';
import { pathEid, queryEid } from './ids.ts';
import { cutPage, pageOf, pageSchema } from './paging.ts';
import { renderCluster } from './render.ts';
import { clusterStatusSchema, ownClusterListSchema, ownClusterSchema, refusal, usualRefusals } from './schemas.ts';

const params = z.object({ cluster_id: pathEid('cluster_id') });
const notFound = refusal('There is no such cluster, or it is not of one of your teams.');

const listRoute = createRoute({
  method: 'get',
  path: '/clusters',
  summary: 'Clusters of a team, or of all teams of the account that asks',
  request: { query: pageSchema.extend({ team_id: queryEid.optional() }) },
  responses: { 200: json(ownClusterListSchema, 'A page of clusters.'), ...usualRefusals },
});

const getRoute = createRoute({
  method: 'get',
  path: '/clusters/{cluster_id}',
  summary: 'One cluster',
  request: { params },
  responses: { 200: json(ownClusterSchema, 'The cluster.'), ...usualRefusals, 404: notFound },
});

const statusRoute = createRoute({
  method: 'get',
  path: '/clusters/{cluster_id}/status',
  summary: 'Whether a cluster answers, asked now',
  request: { params },
  responses: { 200: json(clusterStatusSchema, 'What it answered.'), ...usualRefusals, 404: notFound },
});

/** Registered servers, as members of the teams see them that they were assigned to. */
export function clusterRoutes(deps: Pick<ApiDeps, 'db' | 'targets'>): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const { team_id: teamId, ...query } = c.req.valid('query');
    const page = pageOf(query);
    const caller = callerOf(c);
    const found = await listOwnClusters(
      deps.db,
      { accountId: accountOf(caller), teamId, serverNames: namesInScope(caller, 'servers') },
      page,
    );
    const { rows, paging } = cutPage(found, page);
    return c.json({ clusters: rows.map(renderCluster), ...paging }, 200);
  });

  app.openapi(getRoute, async (c) => c.json(renderCluster((await requireCluster(c, deps)).cluster), 200));

  app.openapi(statusRoute, async (c) => {
    const { cluster } = await requireCluster(c, deps);
    const answers = await deps.targets.topology(cluster.serverName);
    const isReady = answers !== undefined && hasPrimary(cluster.serverName, answers);
    return c.json({ state: isReady ? ('ready' as const) : ('unavailable' as const), oldest_backup_at: null }, 200);
  });

  return app;
}

function hasPrimary(serverName: string, { answers }: { answers: Parameters<typeof choosePrimary>[1] }): boolean {
  try {
    choosePrimary(serverName, answers);
    return true;
  } catch {
    return false;
  }
}
