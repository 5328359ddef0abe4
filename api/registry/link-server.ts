import type { Queryable } from '../../store/connection.ts';
import { holdServer, serversAt } from '../../store/servers.ts';
import { mayUse } from '../access/may-use.ts';
import type { Caller } from '../caller.ts';
import { ApiError, invalidInput } from '../errors.ts';

/**
 * The registered server of an entry: the one that is named, else the one with an endpoint at its address. Connections go where the
 * server's registration says, never where an entry does (R4). It stays registered until the transaction ends.
 * @throws ApiError 400 where there is none that the caller may use, or several
 */
export async function linkServer(
  tx: Queryable,
  caller: Pick<Caller, 'scope'>,
  entry: { hostname: string; port: number; server?: string | undefined },
): Promise<string> {
  const { hostname, port, server } = entry;
  if (server !== undefined) {
    if (mayUse(caller, 'servers', server) && (await holdServer(tx, server))) return server;
    throw invalidInput([{ path: 'server', message: `no server is registered with the name "${server}"` }]);
  }
  const found = (await serversAt(tx, { address: hostname, port })).filter((name) => mayUse(caller, 'servers', name));
  const [only, ...others] = found;
  if (only === undefined) throw notRegistered(hostname, port);
  if (others.length > 0) {
    const message = `${hostname}:${port} is an endpoint of ${found.join(', ')}: name one of them`;
    throw invalidInput([{ path: 'server', message }]);
  }
  return only;
}

function notRegistered(hostname: string, port: number): ApiError {
  return new ApiError(
    'invalid_input',
    `no registered server has the endpoint ${hostname}:${port}; register it with POST /v1/servers, or name the server that this database is on as "server"`,
  );
}
