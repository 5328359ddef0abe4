import type { Queryable } from '../../store/connection.ts';
import { findServer, type ServerRecord } from '../../store/servers.ts';
import { ApiError } from '../errors.ts';

/** The server that a request names. @throws ApiError 404 */
export async function requireServer(deps: { db: Queryable }, name: string): Promise<ServerRecord> {
  const server = await findServer(deps.db, name);
  if (server === undefined) throw noSuchServer(name);
  return server;
}

/** 404 for a server that is not registered. */
export function noSuchServer(name: string): ApiError {
  return new ApiError('not_found', `no server found with the name ${JSON.stringify(name)}`);
}
