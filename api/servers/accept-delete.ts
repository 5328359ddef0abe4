import type { z } from '@hono/zod-openapi';
import { deleteSecretsOf } from '../../store/secrets.ts';
import { deleteServer, lockServer, serverSecretOwner, usersOfServer } from '../../store/servers.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { serverSchema } from '../schemas/server.ts';
import { auditable } from './register.ts';
import { renderServer } from './render.ts';
import { noSuchServer } from './require-server.ts';

/** How many users are named. */
const SHOWN = 10;

/** Forgets a server that nothing uses, with its password; on the server itself nothing changes. */
export function acceptDelete(deps: ApiDeps, caller: Caller, name: string): Promise<z.infer<typeof serverSchema>> {
  const change = changeRequest(deps, {
    caller,
    route: 'DELETE /v1/servers/{name}',
    content: { name },
    answer: serverSchema,
  });
  return change.atOnce(async (tx) => {
    const server = await lockServer(tx, name);
    if (server === undefined) throw noSuchServer(name);
    const users = await usersOfServer(tx, name);
    if (users.length > 0) throw inUse(name, users);
    await deleteServer(tx, name);
    await deleteSecretsOf(tx, serverSecretOwner(name));
    await auditChange(tx, caller, {
      action: 'server.delete',
      resource: `server/${name}`,
      detail: { before: auditable(server) },
    });
    return renderServer(server);
  });
}

function inUse(name: string, users: readonly string[]): ApiError {
  const more = users.length > SHOWN ? `, and ${users.length - SHOWN} more` : '';
  return new ApiError('server_in_use', `server "${name}" is used by ${users.slice(0, SHOWN).join(', ')}${more}`);
}
