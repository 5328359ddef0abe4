import type { Context } from 'hono';
import { uuidOf } from '../../domain/clusters/eid.ts';
import { findClusterFor, type OwnCluster } from '../../store/clusters.ts';
import { mayUse } from '../access/may-use.ts';
import { type ApiVariables, type Caller, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';

/** A cluster that a request names, and what its caller may do there. */
export interface ClusterContext extends OwnCluster {
  caller: Caller;
  /** Of the caller. */
  accountId: string;
}

/**
 * The cluster in the path, for a member of its team. A scope of the caller counts as well: the server has to be in it.
 * @throws ApiError 400 for what is no EID, 404 for a cluster that is not there or not for the caller (R6)
 */
export async function requireCluster(c: Context<ApiVariables>, deps: Pick<ApiDeps, 'db'>): Promise<ClusterContext> {
  const caller = callerOf(c);
  const accountId = accountOf(caller);
  const clusterId = uuidOf(c.req.param('cluster_id') ?? '');
  if (clusterId === undefined) {
    throw invalidInput([{ path: 'cluster_id', message: 'is no EID: 26 of a-z and 2-7 are one' }]);
  }
  const found = await findClusterFor(deps.db, { clusterId, accountId });
  if (found === undefined || !mayUse(caller, 'servers', found.cluster.serverName)) throw noSuchCluster();
  return { ...found, caller, accountId };
}

/** Whose teams count. @throws ApiError 403 for callers without an account of their own */
export function accountOf(caller: Caller): string {
  if (caller.accountId !== undefined) return caller.accountId;
  throw new ApiError('forbidden', `"${caller.account}" is no account that could be in a team`);
}

/** 404 for a cluster that is not there, or not for the caller. */
function noSuchCluster(): ApiError {
  return new ApiError('not_found', 'there is no such cluster, or it is not of one of your teams');
}
