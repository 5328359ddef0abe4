import type { z } from '@hono/zod-openapi';
import { forgetClusterRoles } from '../../../store/cluster-roles.ts';
import {
  type ClusterRecord,
  deleteCluster,
  findClusterName,
  insertCluster,
  lockCluster,
} from '../../../store/clusters.ts';
import type { Queryable } from '../../../store/connection.ts';
import { lockServer } from '../../../store/servers.ts';
import { lockTeam } from '../../../store/teams.ts';
import { auditChange } from '../../audit-change.ts';
import type { Caller } from '../../caller.ts';
import type { ApiDeps } from '../../deps.ts';
import { ApiError } from '../../errors.ts';
import { changeRequest } from '../../idempotency.ts';
import { noSuchServer } from '../../servers/require-server.ts';
import { renderCluster } from './render.ts';
import { clusterSchema, type newClusterSchema } from './schemas.ts';
import { noSuchTeam } from './teams.ts';

type Cluster = z.infer<typeof clusterSchema>;

/** Makes a registered server a cluster of a team (R5). @throws ApiError 404, 409 for a server that is one, or a name that is taken */
export function assignServer(deps: ApiDeps, caller: Caller, body: z.infer<typeof newClusterSchema>): Promise<Cluster> {
  const change = changeRequest(deps, { caller, route: 'POST /v1/clusters', content: body, answer: clusterSchema });
  return change.atOnce(async (tx) => {
    const { server: serverName, team_id: teamId, name } = body;
    return renderCluster(await recordAssignment(tx, caller, { serverName, teamId, name }));
  });
}

/** The same within a transaction, with its audit rows. */
export async function recordAssignment(
  tx: Queryable,
  by: Parameters<typeof auditChange>[1],
  assignment: { serverName: string; teamId: string; name: string },
): Promise<ClusterRecord> {
  const { serverName, teamId, name } = assignment;
  const server = await lockServer(tx, serverName);
  if (server === undefined) throw noSuchServer(serverName);
  const team = await lockTeam(tx, teamId);
  if (team === undefined) throw noSuchTeam();
  const cluster = await insertCluster(tx, assignment);
  if (cluster === undefined) throw await taken(tx, assignment);
  await auditChange(tx, by, {
    action: 'cluster.assign',
    resource: resourceOf(cluster),
    detail: { server: serverName, team: team.name, teamId, name },
  });
  return cluster;
}

async function taken(tx: Queryable, { serverName, name }: { serverName: string; name: string }): Promise<ApiError> {
  const other = await findClusterName(tx, serverName);
  return new ApiError(
    'cluster_already_exists',
    other === undefined
      ? `a cluster with the name "${name}" exists already`
      : `server "${serverName}" is the cluster "${other}" already`,
  );
}

/** Takes a server away from its team. On the server nothing changes. @throws ApiError 404 */
export function unassignServer(deps: ApiDeps, caller: Caller, id: string): Promise<Cluster> {
  const route = 'DELETE /v1/clusters/{cluster_id}';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: clusterSchema });
  return change.atOnce(async (tx) => {
    const cluster = await lockCluster(tx, id);
    if (cluster === undefined) throw noSuchCluster();
    await forgetClusterRoles(tx, id);
    await deleteCluster(tx, id);
    const { serverName: server, teamId, name } = cluster;
    await auditChange(tx, caller, {
      action: 'cluster.unassign',
      resource: resourceOf(cluster),
      detail: { before: { server, teamId, name } },
    });
    return renderCluster(cluster);
  });
}

export function noSuchCluster(): ApiError {
  return new ApiError('not_found', 'no cluster found with the given ID');
}

const resourceOf = ({ id }: ClusterRecord): string => `cluster/${id}`;
