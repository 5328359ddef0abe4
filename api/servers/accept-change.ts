import { isDeepStrictEqual } from 'node:util';
import type { z } from '@hono/zod-openapi';
import { inTransaction } from '../../store/connection.ts';
import {
  findNameOfCluster,
  findServer,
  lockServer,
  recordProbe,
  type ServerRecord,
  updateServer,
} from '../../store/servers.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type changeServerSchema, serverSchema } from '../schemas/server.ts';
import {
  addressOf,
  alreadyExists,
  assertCertificate,
  assertExpectedCluster,
  givenBy,
  tlsOf,
} from './accept-register.ts';
import { auditable, findAdminPassword, inspectServer, registrationOf, storeAdminPassword } from './register.ts';
import { renderServer } from './render.ts';
import { noSuchServer } from './require-server.ts';

type Server = z.infer<typeof serverSchema>;
type ChangeBody = z.infer<typeof changeServerSchema>;

/** Parts of a registration whose change could lead the password to somebody else: they need it again (R4). */
const NEED_PASSWORD: Readonly<Record<string, (known: ServerRecord, body: ChangeBody) => boolean>> = {
  endpoints: (known, body) => !isDeepStrictEqual(known.endpoints, body.endpoints),
  tls: (known, body) => !isDeepStrictEqual(known.tls, tlsOf(body.tls)),
  'admin.user': (known, body) => known.adminUser !== body.admin.user,
};

/** Replaces a registration. Logs in only where something changed that matters for that. */
export function acceptChange(deps: ApiDeps, caller: Caller, name: string, body: ChangeBody): Promise<Server> {
  const change = changeRequest(deps, {
    caller,
    route: 'PUT /v1/servers/{name}',
    content: { name, body },
    answer: serverSchema,
  });
  return change.once(async () => {
    assertCertificate(body.tls);
    const known = await findServer(deps.db, name);
    if (known === undefined) throw noSuchServer(name);
    const changed = Object.keys(NEED_PASSWORD).filter((part) => NEED_PASSWORD[part]?.(known, body));
    if (changed.length > 0 && body.admin.password === undefined) {
      const message = `is required, because ${changed.join(', ')} would change`;
      throw invalidInput([{ path: 'admin.password', message }]);
    }
    const stored = body.admin.password ?? (await findAdminPassword(deps.db, deps.sealer, name));
    if (stored === undefined) throw invalidInput([{ path: 'admin.password', message: 'is required: none is stored' }]);
    const login = body.admin.password !== undefined || known.maintenanceDb !== body.maintenance_database;
    const inspected = login ? await inspectServer(deps, addressOf(name, body, stored)) : undefined;
    const systemIdentifier = inspected?.facts.systemIdentifier ?? known.systemIdentifier;
    assertSameCluster(known, systemIdentifier, body.system_identifier);
    return inTransaction(deps.db, async (tx) => {
      const now = await lockServer(tx, name);
      if (now === undefined) throw noSuchServer(name);
      // What was judged must still be so: the stored password may not follow an address that somebody else has changed to.
      if (!isDeepStrictEqual(now.updatedAt, known.updatedAt)) throw changedMeanwhile(name);
      const registration = {
        ...now,
        ...(inspected === undefined ? {} : registrationOf(inspected, givenBy(body))),
        ...givenBy(body),
      };
      const updated = await updateServer(tx, registration);
      if (updated === undefined) throw alreadyExists(name, await findNameOfCluster(tx, systemIdentifier));
      const newPassword =
        inspected === undefined ? false : await storeAdminPassword(tx, deps.sealer, inspected.address);
      const probed = inspected === undefined ? undefined : await recordProbe(tx, { name, facts: inspected.facts });
      await auditChange(tx, caller, {
        action: 'server.change',
        resource: `server/${name}`,
        detail: { before: auditable(now), after: auditable(updated), newPassword },
      });
      const answer = renderServer(probed ?? updated);
      await change.keep(tx, answer);
      return answer;
    });
  });
}

/** A name stands for a cluster: what is recorded of its databases and roles would be wrong of another one. */
function assertSameCluster(known: ServerRecord, found: string, named: string | undefined): void {
  assertExpectedCluster(named, found);
  if (found === known.systemIdentifier || named === found) return;
  throw new ApiError(
    'server_in_use',
    `server "${known.name}" is cluster ${known.systemIdentifier}, and this is cluster ${found}; if it takes its place, with the same roles and databases, repeat the request with "system_identifier": "${found}"`,
  );
}

function changedMeanwhile(name: string): ApiError {
  return new ApiError('operation_already_in_progress', `server "${name}" was changed by another request; try again`);
}
