import { judge, type PolicyRequest } from '../../domain/users/policy.ts';
import { findPlace, type Place } from '../../store/registry.ts';
import { mayUse } from '../access/may-use.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';

/** What callers name a database by. */
export interface PlaceName {
  env: string;
  database: string;
}

/**
 * The database of an environment, as the registry has it.
 * @throws ApiError 404 in the published words, also where the caller may not see the environment (R6)
 */
export async function requirePlace(deps: Pick<ApiDeps, 'db'>, caller: Caller, of: PlaceName): Promise<Place> {
  const { env, database: dbName } = of;
  const found = mayUse(caller, 'environments', env) ? await findPlace(deps.db, { env, dbName }) : undefined;
  if (found !== undefined) return found;
  throw new ApiError('not_found', `No registry entry found for env='${env}' database='${dbName}'`);
}

/** @throws ApiError 403 with the rule of the environment's policy */
export function requireAllowed({ policy }: Place, request: PolicyRequest): void {
  const refusal = judge(policy, request);
  if (refusal !== undefined) throw new ApiError('forbidden', refusal.message);
}

/** What of a place is shown. */
export interface ShownEntry {
  entry: Pick<Place['entry'], 'serverName' | 'env' | 'dbName' | 'hostname' | 'port'>;
}

/** Where a user is, as answers show it. */
export function shownPlace({ entry }: ShownEntry): { hostname: string; database: string; port: string; env: string } {
  return { hostname: entry.hostname, database: entry.dbName, port: String(entry.port), env: entry.env };
}
