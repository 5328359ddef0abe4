import type { z } from '@hono/zod-openapi';
import { strayLeases } from '../../domain/leases/strays.ts';
import { markedLogins } from '../../platform/target/catalog/marked-logins.ts';
import { liveLeasesOf } from '../../store/leases.ts';
import type { Caller } from '../caller.ts';
import type { leaseFindingsSchema } from '../schemas/lease.ts';
import { requireServer } from '../servers/require-server.ts';
import { timestamp } from '../time.ts';
import type { LeaseDeps } from './deps.ts';

/**
 * Compares leases on record with logins on a server. Changes nothing: what is not on record may be of a metadata database that is
 * newer than this one (R11).
 */
export async function leaseFindings(
  deps: LeaseDeps,
  caller: Caller,
  serverName: string,
): Promise<z.infer<typeof leaseFindingsSchema>> {
  await requireServer(deps, serverName);
  const server = await deps.targets.get(serverName);
  const session = {
    applicationName: `pgsteward:${caller.requestId}`,
    doing: `looking for logins of leases on server ${serverName}`,
  };
  const before = await liveLeasesOf(deps.db, serverName);
  const logins = await server.onMaintenance(session, (client) => markedLogins(client, deps.installationId));
  const after = await liveLeasesOf(deps.db, serverName);
  const { orphans, ghosts } = strayLeases({ before, after }, logins);
  return {
    orphans: orphans.map(({ name, oid, leaseId }) => ({ username: name, oid, lease_id: leaseId })),
    ghosts: ghosts.map(({ id, roleName, endsAt }) => ({
      lease_id: id,
      username: roleName,
      ends_at: timestamp(endsAt),
    })),
  };
}
